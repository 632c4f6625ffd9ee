"""The pages of a network of 200 clinics, from drawn results tables of the size of real ones: the
release gate over all of them, then every page, written to disk. The floor is writing out the same
drawings and the same bytes: `json.dumps` of every chart's spec and one write for every file. Wall
seconds, because a night is short; first content on screen is Chromium's own entry for it, of the
largest clinic page through `nmt serve` with a cold cache, the median of five. Without Chromium it
is not measured.

    python -m benchmarks.pages --clinics 20
"""

import argparse
import json
import re
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measuring import Cost, Mark, as_markdown, cost_of

CLINICS = 200
# A clinic of a network has from some dozen to some thousand episodes.
SIZES = (40, 60, 90, 130, 180, 250, 350, 500, 700, 1000)
FURTHER_SEEDS = (11, 12, 13, 14)
STEPS = ("draw", "release", "render", "floor")
OPENINGS = 5
SPEC = re.compile(r'<script type="application/json" class="spec">(.*?)</script>')

RENDER_SECONDS = 30.0
RELEASE_SECONDS = 120.0
LARGEST_PEAK_MB = 2048.0
LARGEST_SITE_MB = 80.0
LARGEST_PAGE_KB = 300.0
LARGEST_RATIO = 60.0
PAINT_SECONDS = 1.0


def measure(clinics: int = CLINICS) -> list[Mark]:
    """Draw the tables, then release, render and paint them, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="nmt-pages-") as name:
        folder = Path(name)
        costs = {
            step: cost_of("benchmarks.pages", [step, name, "--clinics", str(clinics)])
            for step in STEPS
        }
        told = {step: json.loads((folder / f"{step}.json").read_text()) for step in STEPS[1:]}
        paints = first_paints(folder / "data", told["render"]["largest"])
    return [
        *_release_marks(clinics, told["release"], costs["release"]),
        *_render_marks(clinics, told["render"], told["floor"], costs["render"]),
        *_paint_marks(paints),
    ]


def _release_marks(clinics: int, told: dict[str, Any], cost: Cost) -> list[Mark]:
    name = f"release gate, {clinics} clinics"
    detail = f"{told['rows']:,} rows of {told['tables']} tables"
    return [
        Mark(name, told["seconds"], RELEASE_SECONDS, "s", detail),
        Mark(f"{name}, peak memory", cost.peak_mb, LARGEST_PEAK_MB, "MB", "one process"),
    ]


def _render_marks(
    clinics: int, told: dict[str, Any], floor: dict[str, Any], cost: Cost
) -> list[Mark]:
    name = f"{clinics} clinics' pages"
    ratio = told["seconds"] / floor["seconds"]
    detail = f"{floor['drawings']:,} drawings, floor {floor['seconds']:.2f} s"
    return [
        Mark(name, told["seconds"], RENDER_SECONDS, "s", "rendered and written"),
        Mark(f"{name}, against writing them out", ratio, LARGEST_RATIO, "x floor", detail),
        Mark(f"{name}, peak memory", cost.peak_mb, LARGEST_PEAK_MB, "MB", "one process"),
        Mark(f"{name}, on disk", told["bytes"] / 1e6, LARGEST_SITE_MB, "MB", "shared script once"),
        Mark(
            "largest clinic page",
            told["largest_bytes"] / 1e3,
            LARGEST_PAGE_KB,
            "kB",
            f"median {told['median_bytes'] / 1e3:.0f} kB",
        ),
    ]


def _paint_marks(paints: list[float]) -> list[Mark]:
    if not paints:
        return []
    shown = ", ".join(f"{seconds:.2f}" for seconds in sorted(paints))
    median = statistics.median(paints)
    return [Mark("first content on screen, cold cache", median, PAINT_SECONDS, "s", shown)]


def draw(folder: Path, clinics: int) -> None:
    """Write results tables as a run of the line would have left them."""
    from tests.pages.plausible import results

    sizes = [SIZES[place % len(SIZES)] for place in range(clinics)]
    (folder / "results").mkdir()
    named = [(f"clinic-{place:03d}", size) for place, size in enumerate(sizes, start=1)]
    tables = results(named)
    tables["quality_points"] = every_indicator(
        tables["quality_points"],
        [results(named, seed)["quality_points"] for seed in FURTHER_SEEDS],
    )
    for name, rows in tables.items():
        rows.write_parquet(folder / "results" / f"{name}.parquet")


def every_indicator(drawn: pl.DataFrame, further: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the points with those of further draws standing for indicators that were not drawn."""
    from analysis.contracts.indicators import INDICATOR_WORDS

    known = drawn["chart"].unique(maintain_order=True).to_list()
    points = [drawn]
    for place, chart in enumerate(sorted(set(INDICATOR_WORDS) - set(known))):
        rows = further[place // len(known)].filter(pl.col("chart") == known[place % len(known)])
        points.append(
            rows.with_columns(
                chart=pl.lit(chart), unit=pl.lit(INDICATOR_WORDS[chart].unit, dtype=pl.String)
            )
        )
    return pl.concat(points)


def release(folder: Path, _clinics: int) -> None:
    """Let all tables pass the gate, and keep what is released."""
    from analysis.contracts.protocol import load_protocol
    from analysis.disclosure import release_tables

    results = {path.stem: pl.read_parquet(path) for path in (folder / "results").iterdir()}
    seconds, released = _timed(lambda: release_tables(results, load_protocol().disclosure))
    (folder / "released").mkdir()
    for name, table in released.items():
        table.rows.write_parquet(folder / "released" / f"{name}.parquet")
    rows = sum(frame.height for frame in results.values())
    _tell(folder, "release", seconds=seconds, rows=rows, tables=len(results))


def render(folder: Path, _clinics: int) -> None:
    """Render every page and write the files as a release's site."""
    from analysis.contracts.protocol import load_protocol
    from analysis.contracts.release import ReleasedTable
    from analysis.pages import render_site
    from tests.pages.plausible import FACTS

    released = {
        path.stem: ReleasedTable(path.stem, pl.read_parquet(path))
        for path in (folder / "released").iterdir()
    }
    pages = folder / "data" / "processed" / "releases" / "drawn" / "pages"

    def work() -> dict[str, bytes]:
        files = render_site(released, FACTS, load_protocol())
        write_all(pages, files)
        return files

    seconds, files = _timed(work)
    (folder / "data" / "processed" / "site").symlink_to("releases/drawn/pages")
    sizes = {name: len(made) for name, made in files.items() if name.startswith("clinics/")}
    largest = max(sizes, key=lambda name: sizes[name])
    _tell(
        folder,
        "render",
        seconds=seconds,
        bytes=sum(map(len, files.values())),
        largest=largest,
        largest_bytes=sizes[largest],
        median_bytes=statistics.median(sizes.values()),
    )


def floor(folder: Path, _clinics: int) -> None:
    """Write the drawings of all pages as JSON, and the bytes of all files."""
    pages = folder / "data" / "processed" / "releases" / "drawn" / "pages"
    files = {
        path.relative_to(pages).as_posix(): path.read_bytes()
        for path in pages.rglob("*")
        if path.is_file()
    }
    specs = [
        json.loads(spec)
        for name, made in files.items()
        if name.endswith(".html")
        for spec in SPEC.findall(made.decode())
    ]

    def work() -> None:
        for spec in specs:
            json.dumps(spec, separators=(",", ":"))
        write_all(folder / "floor", files)

    seconds, _ = _timed(work)
    _tell(folder, "floor", seconds=seconds, drawings=len(specs))


def write_all(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files below the folder."""
    for name, made in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made)


def first_paints(data: Path, page: str) -> list[float]:
    """Return the seconds until a served page's first content, each in a browser of its own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return []
    from playwright.sync_api import sync_playwright

    paints = []
    with served(data) as address, sync_playwright() as driver:
        for _ in range(OPENINGS):
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            opened = browser.new_page(viewport={"width": 390, "height": 844})
            opened.goto(f"{address}/{page}")
            opened.wait_for_timeout(300)
            (paint,) = opened.evaluate(
                "performance.getEntriesByName('first-contentful-paint').map((one) => one.startTime)"
            )
            paints.append(paint / 1000)
            browser.close()
    return paints


@contextmanager
def served(data: Path) -> Iterator[str]:
    """Serve the workspace's site while the body runs; yields the address."""
    from pipelines.serving import page_server
    from pipelines.workspace import Workspace

    with page_server(Workspace(data), 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def _tell(folder: Path, step: str, **told: object) -> None:
    (folder / f"{step}.json").write_text(json.dumps(told))


def main() -> None:
    """Do one step in this process, or all in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"], nargs="?", default="all")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--clinics", type=int, default=CLINICS)
    wanted = parser.parse_args()
    if wanted.step == "all":
        print(as_markdown(measure(wanted.clinics)))
        return
    steps = {"draw": draw, "release": release, "render": render, "floor": floor}
    steps[wanted.step](wanted.folder, wanted.clinics)


if __name__ == "__main__":
    main()
