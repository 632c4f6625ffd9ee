"""What a run says of measurements that do not count: how many, why, and of which domain."""

from pathlib import Path

import polars as pl

from tests.cli.conftest import Nmt


def test_a_run_names_the_instrument_whose_units_contradict_one_another(
    tables: dict[str, pl.DataFrame], protocol: Path, nmt: Nmt, tmp_path: Path
) -> None:
    measurements = tables["measurements"].with_row_index("row")
    wrong = measurements.filter(instrument="dynamometer_pct")["row"].head(7)
    delivery = tmp_path / "2026-q1"
    delivery.mkdir()
    for name, rows in tables.items():
        rows.write_parquet(delivery / f"{name}.parquet")
    measurements.with_columns(
        unit=pl.when(pl.col("row").is_in(wrong.implode())).then(pl.lit("N")).otherwise("unit")
    ).drop("row").write_parquet(delivery / "measurements.parquet")

    answer = nmt("run", delivery, "--data", tmp_path / "data", "--protocol", protocol)

    assert answer.code == 0
    assert "7 other unit" in answer.out
    assert (
        "strength, dynamometer_pct: units contradict one another; 7 not in % nor in one that can "
        "be turned into it" in answer.out
    )
