"""Every section of the research page stands whatever its tables hold, and says what is missing."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import polars as pl
import pytest

from analysis.contracts.results import RESULT_TABLES, conform, empty
from analysis.disclosure import release_tables
from analysis.pages import site as pages_site
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results, sealed
from tests.pages.test_site import read

SECTIONS = (
    "trial",
    "people",
    "gates",
    "risks",
    "hypotheses",
    "positivity",
    "weights",
    "balance",
    "subgroups",
    "clinics",
    "secondary",
    "trials",
    "sensitivity",
    "specifications",
    "certificate",
    "trajectories",
    "slopes",
    "clinicslopes",
    "linehides",
    "estimates",
    "notrun",
    "methods",
    "checklists",
)
STUDY_TABLES = (
    "estimates",
    "risk_curves",
    "gates",
    "verdicts",
    "balance",
    "weights",
    "positivity",
    "sensitivity",
    "negative_exposures",
    "specification_curve",
    "certificate",
    "attrition",
    "unit_summaries",
    "trajectory_models",
    "trajectory_gaps",
    "trajectory_courses",
    "clinic_courses",
    "dropout_patterns",
    "trajectory_sensitivity",
    "measure_bounds",
    "missingness",
)
WITH_STATUS = (
    "estimates",
    "sensitivity",
    "negative_exposures",
    "specification_curve",
    "trajectory_sensitivity",
)
ABOUT_CHANGE = ("trajectories", "slopes", "clinicslopes", "linehides")
DESCRIBES = re.compile(r"Change .{4,16} is descriptive: it does not show what")
CAUSAL = re.compile(
    r"\b(proves?|proven|prevents?|prevented|causes|caused|causing)\b", re.IGNORECASE
)
Tables = dict[str, pl.DataFrame]


@pytest.fixture(scope="module", autouse=True)
def _no_plotly() -> "object":
    """Leave the drawing library out: it is the same five megabytes for every page."""
    patch = pytest.MonkeyPatch()
    patch.setattr(pages_site, "plotly_script", lambda: b"")
    yield
    patch.undo()


@pytest.fixture(scope="module")
def tables() -> Tables:
    return results()


def research(tables: Mapping[str, pl.DataFrame]) -> str:
    files = pages_site.render_site(release_tables(tables, DISCLOSURE), FACTS, PROTOCOL)
    return files["research.html"].decode()


def section(html: str, key: str) -> str:
    found = re.search(rf'<section class="part" id="{key}".*?</section>', html, re.DOTALL)
    assert found, key
    return found.group()


def text_of(html: str) -> str:
    bare = re.sub(r"<script.*?</script>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", bare.replace("&#39;", "'").replace("&lt;", "<"))


def stands(html: str) -> None:
    """Hold what is true of the page on every day."""
    reader = read(html)
    assert not reader.faults
    assert not reader.open
    assert len(reader.ids) == len(set(reader.ids))
    assert not reader.inline
    for key in SECTIONS:
        assert section(html, key)
    assert not re.findall(r"<t[dh][^>]*>\s*</t[dh]>", html)
    assert not re.findall(r"\b(None|nan|NaN|undefined)\b", re.sub(r"<script.*?</script>", "", html))
    assert not CAUSAL.findall(text_of(html))


def without_numbers(table: str, rows: pl.DataFrame, status: str) -> pl.DataFrame:
    kinds = RESULT_TABLES[table]
    kept = {"permutation", "specification", "horizon_days", "parameter"}
    numbers = [
        name for name, kind in kinds.items() if kind in {pl.Float64, pl.Int64} and name not in kept
    ]
    return rows.with_columns(
        *(pl.lit(None, kinds[name]).alias(name) for name in numbers if name != "episodes"),
        status=pl.lit(status),
        reason=pl.lit("told by the test"),
    )


def small(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    kinds = RESULT_TABLES[table]
    return rows.with_columns(
        *(pl.lit(7, kind).alias(name) for name, kind in kinds.items() if kind == pl.Int64)
    )


DAYS: dict[str, Callable[[Tables], Tables]] = {
    "plain": lambda tables: tables,
    "sealed": sealed,
    "empty": lambda tables: {name: empty(name) for name in tables},
    "nothing": lambda _: {},
    "few": lambda _: results([("tiny", 3)]),
    "one clinic": lambda _: results([("only", 400)]),
}


@pytest.mark.parametrize("day", DAYS)
def test_the_page_stands_on_every_day(day: str, tables: Tables) -> None:
    stands(research(DAYS[day](tables)))


@pytest.mark.parametrize("table", STUDY_TABLES)
def test_the_page_stands_without_the_rows_of_a_table(table: str, tables: Tables) -> None:
    stands(research(tables | {table: empty(table)}))
    stands(research({name: rows for name, rows in tables.items() if name != table}))


@pytest.mark.parametrize("status", ["sealed", "not_run", "failed", "impossible"])
@pytest.mark.parametrize("table", WITH_STATUS)
def test_the_page_stands_when_all_rows_of_a_table_have_no_number(
    table: str, status: str, tables: Tables
) -> None:
    rows = without_numbers(table, tables[table], status)
    html = research(tables | {table: rows, "risk_curves": empty("risk_curves")})
    stands(html)


@pytest.mark.parametrize(
    "table",
    [
        "weights",
        "positivity",
        "attrition",
        "specification_curve",
        "trajectory_models",
        "trajectory_courses",
        "clinic_courses",
        "dropout_patterns",
        "trajectory_sensitivity",
        "measure_bounds",
        "missingness",
    ],
)
def test_the_page_stands_when_a_table_is_about_few_people(table: str, tables: Tables) -> None:
    html = research(tables | {table: small(table, tables[table])})
    stands(html)
    assert "hidden" in html


SENTENCES = {
    "people": "The selection was not run: the release holds no row of it.",
    "gates": "The gates were not evaluated",
    "risks": "No curve is shown: it is sealed, or was not estimated.",
    "hypotheses": "The contrast of each hypothesis was not run",
    "positivity": "The positivity map was not run",
    "weights": "The table of weights was not run",
    "balance": "Balance was not computed",
    "subgroups": "The contrast by condition was not run",
    "clinics": "The analysis across clinics was not run",
    "secondary": "The analysis of secondary outcomes was not run",
    "trials": "The comparison in nested trials was not run",
    "sensitivity": "The sensitivity analysis was not run",
    "specifications": "The specification curve was not run",
    "certificate": "No certificate was made for these records",
    "trajectories": "No course was predicted: no model of a domain was estimated.",
    "slopes": "No model of a domain's course was estimated.",
    "clinicslopes": "Clinics' slopes were not estimated",
    "linehides": "The map of missing values was not run",
    "estimates": "the release holds no row of it",
    "notrun": "Hypothesis completion",
    "checklists": "a person must write this",
}


def test_an_empty_section_says_so_in_a_sentence(tables: Tables) -> None:
    html = research({name: empty(name) for name in tables})
    for key, sentence in SENTENCES.items():
        assert sentence in text_of(section(html, key)), key


def test_a_sealed_section_says_so_and_shows_no_number(tables: Tables) -> None:
    html = research(sealed(tables))
    for key in ("hypotheses", "subgroups", "clinics", "secondary", "trials", "specifications"):
        sealed_part = section(html, key).partition('id="negative-controls"')[0]
        assert "is sealed: a gate of the primary analysis did not pass" in text_of(sealed_part), key
        assert "application/json" not in sealed_part, key
    told = text_of(section(html, "sensitivity"))
    assert "E-value: It is sealed" in told


def test_a_certificate_names_what_was_missed_and_what_was_not_run(tables: Tables) -> None:
    idle = {
        "scenario": "no_overlap",
        "measure": "sealed_share",
        "registries": 0,
        "status": "not_run",
    }
    rows = pl.concat([tables["certificate"], conform("certificate", pl.DataFrame([idle]))])
    told = text_of(section(research(tables | {"certificate": rows}), "certificate"))
    assert "12 of 15 goals were reached." in told
    assert "Hidden confounder, coverage: 65%, goal 93.5 to 96.5 %: missed." in told
    assert "Not run: no overlap." in told


def test_the_first_screen_answers_in_words(tables: Tables) -> None:
    html = research(tables)
    top = text_of(html[: html.index('<nav class="contents"')])
    assert "compatible with lower re-injury" in top
    assert "an estimated 16% would have been injured again by day 365" in top
    assert "The protocol was registered before these data were looked at." in top
    for name in ("Order", "Endurance", "Specificity"):
        assert f"{name} registered" in top


@pytest.mark.parametrize(
    ("standing", "sentence"),
    [
        ("exploratory", "Exploratory: the protocol was changed"),
        ("not registered", "The protocol is not registered"),
        (None, "Whether the protocol was registered beforehand is not recorded."),
    ],
)
def test_a_verdict_is_told_with_its_standing(
    standing: str | None, sentence: str, tables: Tables
) -> None:
    verdicts = tables["verdicts"].with_columns(standing=pl.lit(standing, pl.String))
    assert sentence in text_of(research(tables | {"verdicts": verdicts}))


def test_the_contents_lead_to_every_section_in_its_order(tables: Tables) -> None:
    html = research(tables)
    contents = html[
        html.index('<nav class="contents"') : html.index("</nav>", html.index("contents"))
    ]
    assert tuple(re.findall(r'href="#([a-z]+)"', contents)) == SECTIONS
    assert tuple(re.findall(r'<section class="part" id="([a-z]+)"', html)) == SECTIONS


def test_every_chart_names_its_source(tables: Tables) -> None:
    html = research(tables)
    figures = re.findall(r"<figure.*?</figure>", html, re.DOTALL)
    drawn = [figure for figure in figures if 'class="drawing"' in figure]
    assert len(drawn) > 25
    for figure in drawn:
        assert re.search(
            r"<figcaption>.*Source: results/\w+(, results/\w+)*\.</figcaption>", figure, re.DOTALL
        )


@pytest.mark.parametrize("day", DAYS)
def test_every_chart_of_change_says_that_it_describes(day: str, tables: Tables) -> None:
    html = research(DAYS[day](tables))
    for key in ABOUT_CHANGE:
        for figure in re.findall(r"<figure.*?</figure>", section(html, key), re.DOTALL):
            if 'class="drawing"' in figure and 'id="measure-bounds"' not in figure:
                assert DESCRIBES.search(figure.partition("<figcaption>")[2]), read(figure).ids[0]


def test_clinics_slopes_are_drawn_without_a_name(tables: Tables) -> None:
    part = section(research(tables), "clinicslopes")
    assert part.count('class="drawing"') == 4
    assert not re.findall(r"clinic-0\d", part)


def test_what_could_not_be_modelled_is_told_by_domain(tables: Tables) -> None:
    told = text_of(section(research(tables), "trajectories"))
    assert "Alignment, population: nobody was measured." in told
    assert "Pain, by region: parts of fewer than 50 patients" in told


def test_no_reason_names_a_clinic(tables: Tables) -> None:
    named = tables["gates"].with_columns(
        reason=pl.lit("The largest difference is 0.0612 (clinic=clinic-03, strategy strict).")
    )
    rows = tables["estimates"].with_columns(
        subgroup=pl.when(pl.col("subgroup_kind") == "clinic")
        .then(pl.lit("clinic-05"))
        .otherwise("subgroup"),
        reason=pl.when(pl.col("subgroup_kind") == "clinic")
        .then(pl.lit("Without clinic-05 nothing is left."))
        .otherwise("reason"),
    )
    html = research(tables | {"gates": named, "estimates": rows})
    assert not re.findall(r"clinic-0\d", html)
    assert "(clinic, strategy strict)" in html


def test_the_protocol_on_the_page_is_the_one_of_the_results(tables: Tables) -> None:
    study = replace(PROTOCOL.study, horizon_days=211)
    released = release_tables(tables, DISCLOSURE)
    files = pages_site.render_site(released, FACTS, replace(PROTOCOL, study=study))
    assert "by day 211" in text_of(section(files["research.html"].decode(), "trial"))
