"""Sections about trajectories: what the models say, by clinic, and what their lines hide."""

from collections.abc import Sequence
from typing import Final

from analysis.figures import words
from analysis.figures.bounds import bounds_chart, missingness_map
from analysis.figures.caterpillar import caterpillar_chart
from analysis.figures.delta import DELTA, delta_chart, sensitivity_twin
from analysis.figures.gaps import why_empty
from analysis.figures.multiples import DOMAINS
from analysis.figures.patterns import patterns_chart
from analysis.figures.predicted import predicted_chart, subgroup_courses
from analysis.figures.regression import CHANGES, first_change_chart, untreated_chart
from analysis.figures.slopes import (
    MODEL_NAMES,
    SLOPES,
    differences_table,
    further_terms_table,
    slope_chart,
    subgroup_chart,
)
from analysis.figures.words import Row, shows
from analysis.pages.blocks import Block, Charts, Heat, Points, Section, missing, table
from analysis.pages.shelf import Shelf

MODELS: Final = "results/trajectory_models"
CHECKS: Final = "results/trajectory_sensitivity"


def trajectory_sections(shelf: Shelf) -> tuple[Section, ...]:
    """Return the sections about trajectories, in their order."""
    return (_courses(shelf), _slopes(shelf), _clinics(shelf), _hidden(shelf))


def _domains(rows: Sequence[Row]) -> list[str]:
    """Return the four domains, and any further one that the rows are about."""
    further = [row["domain"] for row in words.by_domain(rows) if row["domain"] not in DOMAINS]
    return [*DOMAINS, *dict.fromkeys(further)]


def _of(domain: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["domain"] == domain]


def _courses(shelf: Shelf) -> Section:
    rows = shelf.rows("trajectory_courses")
    blocks: list[Block] = [Charts((predicted_chart(rows, _domains(rows)),))]
    if any(row["subgroup"] for row in rows):
        caption = "Predicted by condition, chronicity and region, with 95% intervals"
        source = "results/trajectory_courses"
        blocks.append(table(caption, subgroup_courses(rows), source, is_folded=True))
    told = _gaps(shelf)
    if told:
        blocks.append(Points(told))
    return Section(
        "trajectories",
        "Trajectories: the predicted course",
        "Descriptive: people enter and leave a stage because they changed. A line for each stage, "
        "bent where the person entered it (linear mixed model by restricted maximum likelihood).",
        tuple(blocks),
    )


def _gaps(shelf: Shelf) -> tuple[str, ...]:
    """Return what could not be modelled, in words, by domain."""
    told: dict[tuple[str, str], list[str]] = {}
    for row in words.by_domain(shelf.rows("trajectory_gaps")):
        key = (row["domain"], str(row["reason"]).rstrip("."))
        told.setdefault(key, []).append(_gap_name(row))
    return tuple(
        f"{words.domain_name(domain)}, {', '.join(dict.fromkeys(names))}: {reason}."
        for (domain, reason), names in told.items()
    )


def _gap_name(row: Row) -> str:
    model = MODEL_NAMES.get(row["model"], words.spelled(row["model"]).lower())
    if row["term"] in SLOPES:
        return f"stage {SLOPES[row['term']]} ({model})"
    return f"{words.spelled(row['term']).lower()} ({model})" if row["term"] else model


def _slopes(shelf: Shelf) -> Section:
    rows = shelf.rows("trajectory_models")
    checks = [
        {**row, "model": row["method"], "term": row["measure"]}
        for row in shelf.rows("trajectory_sensitivity")
    ]
    of_all = [row for row in rows if not row["subgroup"]]
    slopes = [row for row in [*of_all, *checks] if row["term"] in SLOPES]
    domains = [domain for domain in _domains(rows) if _of(domain, slopes)]
    if not domains:
        return Section("slopes", SLOPES_TITLE, SLOPES_LEAD, (missing(NO_MODEL),))
    blocks: list[Block] = [
        Charts(tuple(slope_chart(domain, _of(domain, slopes)) for domain in domains)),
        table("Differences of slopes from stage to stage", differences_table(rows), MODELS),
    ]
    parts = [domain for domain in domains if any(row["subgroup"] for row in _of(domain, rows))]
    blocks += [Charts((subgroup_chart(domain, _of(domain, rows)),)) for domain in parts]
    caption = "Levels and spreads of the models"
    blocks.append(table(caption, further_terms_table(rows), MODELS, is_folded=True))
    return Section("slopes", SLOPES_TITLE, SLOPES_LEAD, tuple(blocks))


SLOPES_TITLE: Final = "Trajectories: change per week by stage"
SLOPES_LEAD: Final = (
    "Descriptive: people enter and leave a stage as they change. The population's slopes stand "
    "beside those of models that assume something else."
)
NO_MODEL: Final = "No model of a domain's course was estimated."


def _clinics(shelf: Shelf) -> Section:
    rows = shelf.of_unit("clinic_courses", "clinic")
    domains = [domain for domain in _domains(rows) if _of(domain, rows)]
    told = missing("Clinics' slopes were not estimated: no clinic has enough patients.")
    charts = [Charts((caterpillar_chart(domain, _of(domain, rows)),)) for domain in domains]
    return Section(
        "clinicslopes",
        "Trajectories: how clinics differ",
        "Clinics are not named here and not ranked; each sees itself on its own page. Small "
        "clinics' slopes are drawn towards the mean, because most of what they differ by is chance "
        "(Efron and Morris 1975).",
        tuple(charts) or (told,),
    )


def _hidden(shelf: Shelf) -> Section:
    checks = shelf.rows("trajectory_sensitivity")
    patterns, bounds = shelf.rows("dropout_patterns"), shelf.rows("measure_bounds")
    blocks: list[Block] = [
        Charts((patterns_chart(patterns, _domains(patterns)),)),
        Charts((delta_chart(checks, _domains(checks)),)),
        Charts((first_change_chart(checks, _domains(checks)),)),
        Charts((untreated_chart(checks),)),
        Charts((bounds_chart(bounds, _domains(bounds)),)),
        *_missingness(shelf),
    ]
    others = [row for row in checks if row["method"] != DELTA and not _is_charted(row)]
    if others:
        caption = "Every further number of these checks"
        blocks.append(table(caption, sensitivity_twin(others), CHECKS, is_folded=True))
    return Section(
        "linehides",
        "Trajectories: what the line hides",
        "People who improve leave, scales end, and extreme first values move back by themselves: "
        "how far each of them could bend the lines above.",
        tuple(blocks),
    )


def _is_charted(row: Row) -> bool:
    """Say whether a chart's table tells the row."""
    return row["measure"] in SLOPES or row["measure"] in CHANGES or row["parameter"] is not None


def _missingness(shelf: Shelf) -> list[Block]:
    rows = shelf.rows("missingness")
    if not any(shows(row, "share_measured") for row in rows):
        return [missing(why_empty("The map of missing values", rows, "share_measured"))]
    return [
        Heat(
            "Share of sessions at which each domain was measured, by stage",
            "In %; a stronger shade is more missing. n: attended sessions in the stage.",
            missingness_map(rows),
            "results/missingness",
        )
    ]
