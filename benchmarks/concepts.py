"""Concepts and marts over synthetic sessions, against one `GROUP BY episode, stage` scan of them.

The floor counts the delivered sessions by episode_id and stage into a table of the same file; how
it would be by integer key is in the details. First violation and one domain's trajectories are
queries on what the build makes once for all orders and domains; the last ratio is the whole build
from the records, every concept and every mart that is a table. Adherence, outcomes, contacts,
decision points, spells of stages, the cross-products of courses and the cohorts of the quality
review are views, which the analysis reads once. CPU seconds of two threads; of the scan, the
queries and every table the quickest of a few, as a machine that does other work only adds time.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

from analysis.contracts.protocol import load_protocol
from benchmarks.measuring import Mark, as_markdown, cost_of
from pipelines.warehouse.build import build_tables, ordered_sql_files
from pipelines.warehouse.connection import Connection, connect

SESSIONS = 10_000_000
THREADS = 2
REPEATS = 3
BUILDS = 2
STEPS = ("make", "scan", "build", "query")
LARGEST_PEAK_MB = 6144
# 12.5 attended sessions of an episode on average; most people walk through the stages, one session
# in ten strays to a neighbouring stage, and a third never gets beyond the third stage.
RECORDS = """
CREATE SCHEMA core;
CREATE SCHEMA quarantine;
CREATE TABLE quarantine.rejections (
    delivery_id VARCHAR, file VARCHAR, line INTEGER, column_name VARCHAR, rule VARCHAR,
    message VARCHAR
);
CREATE TABLE core.patients AS
FROM range(CAST({sessions} / 12.5 AS BIGINT)) AS people (number)
SELECT
    'P' || lpad(CAST(number AS VARCHAR), 10, '0') AS patient_id, 'F' AS sex,
    '40-49' AS age_band, NULL::VARCHAR AS bmi_band, CAST(hash(number) % 4 AS SMALLINT)
        AS comorbidity_count, 'light' AS work_load,
    CAST(number AS INTEGER) AS patient_key, 'd1' AS delivery_id;
CREATE TABLE core.episodes AS
FROM core.patients SELECT
    'E' || substr(patient_id, 2) AS episode_id, patient_id,
    'C' || hash(patient_key, 1) % 40 AS clinic_id, '2025-0' || (1 + hash(patient_key, 2) % 9)
        AS start_month, 'knee' AS region, 'L' AS side, 'ischemia' AS condition,
    'chronic' AS chronicity, CAST(hash(patient_key, 3) % 3 AS SMALLINT) AS prior_episodes,
    'flexible' AS planned_protocol, NULL::SMALLINT AS end_day, NULL::VARCHAR AS discharge_reason,
    patient_key AS episode_key, patient_key, 'd1' AS delivery_id;
CREATE TABLE core.sessions AS
WITH walks AS (
    FROM core.episodes SELECT
        episode_id, episode_key, CAST(4 + hash(episode_key, 4) % 18 AS INTEGER) AS visits,
        CASE WHEN hash(episode_key, 5) % 3 = 0 THEN 3 ELSE 5 END AS furthest
),
visits AS (
    FROM walks SELECT
        episode_id, episode_key, visits, furthest,
        CAST(unnest(range(CAST(visits AS BIGINT))) AS INTEGER) AS visit
)
FROM visits SELECT
    'S' || lpad(CAST(episode_key AS VARCHAR), 9, '0') || lpad(CAST(visit AS VARCHAR), 3, '0')
        AS session_id,
    episode_id, 'T' || hash(episode_key, 6) % 200 AS therapist_id,
    CAST(visit * 4 + hash(episode_key, visit, 1) % 3 AS SMALLINT) AS day,
    NULL::SMALLINT AS sequence, 'attended' AS status,
    CAST(greatest(1, least(5, 1 + (visit * furthest) // visits
        + CASE hash(episode_key, visit, 2) % 20 WHEN 0 THEN 1 WHEN 1 THEN -1 ELSE 0 END))
        AS UTINYINT) AS stage,
    CASE WHEN hash(episode_key, visit, 3) % 20 = 0 THEN [2::UTINYINT] END AS also_stages,
    hash(episode_key, visit, 4) % 2 = 0 AS exit_met,
    CASE hash(episode_key, visit, 5) % 10 WHEN 0 THEN 'inferred' ELSE 'measured' END
        AS exit_evidence,
    45::SMALLINT AS minutes, NULL::VARCHAR[] AS techniques,
    CAST(hash(episode_key, visit, 6) % 11 AS DOUBLE) AS pain_nrs,
    CASE WHEN hash(episode_key, visit, 7) % 2 = 0 THEN 60 + visit + 0.5 END AS flexibility_pct,
    CASE WHEN hash(episode_key, visit, 8) % 3 = 0 THEN 50 + visit + 0.5 END AS strength_pct,
    CASE WHEN hash(episode_key, visit, 9) % 4 = 0 THEN 40 + visit + 0.5 END AS endurance_pct,
    NULL::DOUBLE AS alignment_deg, episode_key, 'd1' AS delivery_id,
    CAST(row_number() OVER () AS INTEGER) AS session_key;
CREATE TABLE core.events AS
FROM core.episodes SELECT
    'V' || episode_key AS event_id, episode_id,
    CAST(30 + hash(episode_key, 10) % 400 AS SMALLINT) AS day, 'reinjury' AS kind,
    NULL::DOUBLE AS pain_nrs, NULL::DOUBLE AS duration_h, NULL::SMALLINT AS limited_days,
    NULL::BOOLEAN AS care_sought, NULL::VARCHAR AS source, episode_key, 'd1' AS delivery_id
WHERE hash(episode_key, 11) % 4 = 0;
CREATE TABLE core.followups AS
WITH attempts AS (FROM core.episodes SELECT episode_id, episode_key, unnest([90, 180, 365]) AS day)
FROM attempts SELECT
    episode_id, CAST(day AS SMALLINT) AS day,
    CASE WHEN hash(episode_key, day) % 4 = 0 THEN 'no_answer' ELSE 'reached' END AS outcome,
    episode_key, 'd1' AS delivery_id;
CREATE TABLE core.measurements (
    episode_id VARCHAR, day SMALLINT, instrument VARCHAR, side VARCHAR, value DOUBLE,
    unit VARCHAR, timing VARCHAR, episode_key INTEGER, delivery_id VARCHAR
);
"""
SCAN = """
CREATE OR REPLACE TABLE core.answer AS
SELECT {key}, stage, count(*) AS sessions FROM core.sessions GROUP BY {key}, stage
"""
FIRST_VIOLATION = """
CREATE OR REPLACE TABLE core.answer AS
SELECT episode_key, min(session_number) AS session_number
FROM concepts.violating_sessions WHERE order_number = 1 GROUP BY episode_key
"""
ONE_DOMAIN = "WHERE stage IS NOT NULL AND domain_number = 1"


def measure(sessions: int = SESSIONS) -> list[Mark]:
    """Return the marks; 10 million sessions take some 4 GB of temporary disk."""
    with tempfile.TemporaryDirectory() as folder:
        for step in STEPS:
            peak_mb = cost_of("benchmarks.concepts", [step, folder, str(sessions)]).peak_mb
            if step == "build":
                build_peak_mb = peak_mb
        seconds = {path.stem: json.loads(path.read_text()) for path in Path(folder).glob("*.json")}
    floor = seconds["scan"]["episode_id"]
    against_key = {
        name: f"{spent / seconds['scan']['episode_key']:.1f} times a scan by integer key"
        for name, spent in seconds["query"].items()
    }
    built = sum(seconds["build"].values())
    dearest = sorted(seconds["build"].items(), key=lambda part: -part[1])[:4]
    parts = ", ".join(f"{name} {spent / floor:.1f}" for name, spent in dearest)
    return [
        _ratio("first violation, one order", seconds["query"], floor, 1.5, against_key),
        _ratio("trajectories, one domain", seconds["query"], floor, 3, against_key),
        Mark("all concepts and marts", built / floor, 25, "x", f"{built:.1f} s CPU; {parts}"),
        Mark(
            "peak memory of the build",
            build_peak_mb,
            LARGEST_PEAK_MB,
            "MB",
            f"{sessions:,} sessions",
        ),
    ]


def _ratio(
    name: str, seconds: dict[str, float], floor: float, at_most: float, details: dict[str, str]
) -> Mark:
    return Mark(name, seconds[name] / floor, at_most, "x", details[name])


def _make(registry: Connection, sessions: int) -> dict[str, float]:
    return {"make": _cpu(lambda: registry.execute(RECORDS.format(sessions=sessions)))}


def _scan(registry: Connection) -> dict[str, float]:
    return {
        key: min(_cpu(lambda: registry.execute(SCAN.format(key=key))) for _ in range(REPEATS))  # noqa: B023
        for key in ("episode_id", "episode_key")
    }


def _build(registry: Connection) -> dict[str, float]:
    builds = [_build_once(registry) for _ in range(BUILDS)]
    return {name: min(build[name] for build in builds) for name in builds[0]}


def _build_once(registry: Connection) -> dict[str, float]:
    marks: list[tuple[str, float]] = []
    build_tables(
        registry,
        load_protocol(),
        lambda message: marks.append((message.removeprefix("Building "), time.process_time())),
    )
    marks.append(("", time.process_time()))
    return {name: later - start for (name, start), (_, later) in pairwise(marks)}


def _query(registry: Connection) -> dict[str, float]:
    (courses,) = (table for table in ordered_sql_files() if table.name == "concepts.stage_courses")
    one_domain = courses.query.replace("WHERE stage IS NOT NULL", ONE_DOMAIN)
    queries = {
        "first violation, one order": FIRST_VIOLATION,
        "trajectories, one domain": f"CREATE OR REPLACE TABLE core.answer AS {one_domain}",
    }
    return {
        name: min(_cpu(lambda: registry.execute(query)) for _ in range(REPEATS))  # noqa: B023
        for name, query in queries.items()
    }


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Do one step in this process and leave its CPU seconds beside the database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"], nargs="?", default="all")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("sessions", type=int, nargs="?", default=SESSIONS)
    parser.add_argument("--sessions", dest="all_sessions", type=int, default=SESSIONS)
    wanted = parser.parse_args()
    if wanted.step == "all":
        print(as_markdown(measure(wanted.all_sessions)))
        return
    steps = {
        "make": partial(_make, sessions=wanted.sessions),
        "scan": _scan,
        "build": _build,
        "query": _query,
    }
    database = wanted.folder / "registry.duckdb"
    with connect(database, create=True, threads=THREADS) as registry:
        seconds = steps[wanted.step](registry)
    (wanted.folder / f"{wanted.step}.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main()
