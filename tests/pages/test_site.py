"""The site is whole from a folder, keeps its promises in every byte, and survives bad days."""

import base64
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from analysis.contracts.errors import ReleaseRefusedError
from analysis.contracts.results import RESULT_TABLES, empty
from analysis.disclosure import leaks, release_tables
from analysis.pages import clinic_file, render_site
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results, sealed

VOID = {"meta", "link", "br", "line", "circle", "path"}
CAUSAL = re.compile(
    r"\b(cause[sd]?|because of|due to|thanks to|leads? to|effect of)\b", re.IGNORECASE
)


def site(tables: Mapping[str, pl.DataFrame]) -> dict[str, bytes]:
    return render_site(release_tables(tables, DISCLOSURE), FACTS, PROTOCOL)


def pages(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: content.decode() for path, content in files.items() if path.endswith(".html")}


DAYS = {
    "plain": results,
    "sealed": lambda: sealed(results()),
    "one clinic": lambda: results([("only", 400)]),
    "three patients": lambda: results([("tiny", 3)]),
    "two clinics": lambda: results([("large", 400), ("tiny", 3)]),
    "empty": lambda: results(()),
    "no table at all": dict,
    "every table empty": lambda: {name: empty(name) for name in RESULT_TABLES},
    "names": lambda: results(
        [('"quoted" <b>&\'', 200), ("x" * 200, 200), ("../up", 90), ("é", 80)]
    ),
}


@pytest.fixture(scope="module", params=DAYS)
def every_day(request: pytest.FixtureRequest) -> dict[str, bytes]:
    return site(DAYS[request.param]())


@pytest.fixture(scope="module")
def plain() -> dict[str, bytes]:
    return site(results())


class Reader(HTMLParser):
    """Checks that tags close in order, and gathers ids, links and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [values[name] or "" for name in ("href", "src") if name in values]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "style" in values or any(name.startswith("on") for name in values):
            self.inline.append(tag)
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.inline.append("script")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_every_page_is_well_formed(every_day: dict[str, bytes]) -> None:
    for path, html in pages(every_day).items():
        reader = read(html)
        assert not reader.faults, path
        assert not reader.open, path
        assert len(reader.ids) == len(set(reader.ids)), path


def test_every_page_stands_with_its_assets(every_day: dict[str, bytes]) -> None:
    assert {"index.html", "quality.html", "research.html"} <= set(every_day)
    assert {"assets/pages.css", "assets/pages.js", "assets/plotly.min.js"} <= set(every_day)


def test_every_link_leads_to_a_file_of_the_site(every_day: dict[str, bytes]) -> None:
    for path, html in pages(every_day).items():
        folder = path.rpartition("/")[0]
        for link in read(html).links:
            if link.startswith("#"):
                assert link[1:] in read(html).ids
                continue
            target = link.removeprefix("../") if link.startswith("../") else link
            if folder and not link.startswith("../"):
                target = f"{folder}/{target}"
            assert target in every_day, f"{path}: {link}"


def test_no_page_runs_inline_script_or_style_or_names_an_address(
    every_day: dict[str, bytes],
) -> None:
    for path, html in pages(every_day).items():
        assert not read(html).inline, path
        assert "http:" not in html, path
        assert "https:" not in html, path
        assert "script-src &#39;self&#39;;" in html, path


def test_headings_descend_one_step_at_a_time(every_day: dict[str, bytes]) -> None:
    for path, html in pages(every_day).items():
        levels = read(html).headings
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path
        assert all(after - before <= 1 for before, after in pairwise(levels)), path


def test_every_chart_has_a_table_twin(every_day: dict[str, bytes]) -> None:
    for path, html in pages(every_day).items():
        for figure in re.findall(r"<figure.*?</figure>", html, re.DOTALL):
            assert "<table>" in figure, path
            assert "<caption>" in figure, path
            assert ('class="drawing"' in figure) != ('class="missing"' in figure), path
            assert "<figcaption" in figure, path


def test_every_page_states_where_its_figures_come_from(every_day: dict[str, bytes]) -> None:
    for html in pages(every_day).values():
        for fact in (
            FACTS.run_id,
            FACTS.protocol_hash,
            FACTS.code_version,
            "2026-06",
            "14 deliveries",
        ):
            assert fact in html
        assert "Figures about 1 to 10 patients are never shown" in html
        assert "Synthetic demonstration data" in html


def test_pages_of_recorded_data_carry_no_banner() -> None:
    from dataclasses import replace

    recorded = render_site(
        release_tables(results(), DISCLOSURE), replace(FACTS, is_synthetic=False), PROTOCOL
    )
    assert all("Synthetic" not in html for html in pages(recorded).values())


def test_a_clinics_page_names_no_other_clinic(plain: dict[str, bytes]) -> None:
    for path, html in pages(plain).items():
        named = set(re.findall(r"clinic-0\d", html))
        if path.startswith("clinics/"):
            assert named == {path[len("clinics/") : -len(".html")]}
        elif path != "index.html":
            assert named == set(), path


def test_the_network_page_names_clinics_only_as_links(plain: dict[str, bytes]) -> None:
    html = re.sub(r"<li><a href=\"clinics/.*?</a></li>", "", plain["index.html"].decode())
    assert not re.findall(r"clinic-0\d", html)


def test_unit_pages_hold_no_causal_word(plain: dict[str, bytes]) -> None:
    for path, html in pages(plain).items():
        if path.startswith("clinics/") or path == "index.html":
            text = re.sub(r"<script.*?</script>|<[^>]+>", " ", html, flags=re.DOTALL)
            assert not CAUSAL.search(text), path


ABOUT_CHANGE = ("courses-all", "course-", "responders", "stage-times")
DESCRIBES = re.compile(
    r"(Change|Time) (while in a|in a|during) (stage|care) is descriptive: it does"
)


def test_every_chart_about_change_says_that_it_describes(every_day: dict[str, bytes]) -> None:
    for path, html in pages(every_day).items():
        for figure in re.findall(r"<figure.*?</figure>", html, re.DOTALL):
            if read(figure).ids[0].startswith(ABOUT_CHANGE) and 'class="drawing"' in figure:
                assert DESCRIBES.search(figure.partition("<figcaption>")[2]), path


def test_the_picture_of_the_domains_holds_a_table_of_each(plain: dict[str, bytes]) -> None:
    html = plain["clinics/clinic-01.html"].decode()
    (figure,) = re.findall(r'<figure class="chart" id="courses-all".*?</figure>', html, re.DOTALL)
    assert figure.count("<table>") == 4
    for name in ("Flexibility", "Strength", "Endurance"):
        assert f"<caption>{name} by stage</caption>" in figure


def test_the_verdict_stands_in_the_studys_words(plain: dict[str, bytes]) -> None:
    assert "compatible with lower re-injury" in plain["research.html"].decode()


def test_a_sealed_study_shows_its_failed_gate_and_no_estimate() -> None:
    html = site(sealed(results()))["research.html"].decode()
    assert "cannot be estimated from these data" in html
    assert "Not passed: Overlap effective" in html
    open_figures = {"negative-controls", "permuted-orders"}
    # Courses describe; the gates of the study's contrasts are not theirs.
    open_figures |= {"delta-adjusted", "first-change", "untreated-pain"}
    for figure in re.findall(r"<figure.*?</figure>", html, re.DOTALL):
        if "points</td>" in figure:
            assert read(figure).ids[0] in open_figures
    assert 'id="risk-curves"' in html
    assert 'class="sealed"' in html


def test_a_clinic_with_three_patients_says_what_is_missing_and_why() -> None:
    html = site(results([("tiny", 3)]))["clinics/tiny.html"].decode()
    assert "Too few patients to say" in html
    assert 'class="spec"' not in html


def test_hostile_names_become_safe_files_and_escaped_text() -> None:
    files = site(DAYS["names"]())
    assert all(
        re.fullmatch(r"clinics/[A-Za-z0-9_-]{1,70}\.html", f) for f in files if "clinics/" in f
    )
    assert "&lt;b&gt;" in files["index.html"].decode()
    assert "<b>&amp;'" not in files["index.html"].decode()
    assert clinic_file("../up") != clinic_file("..-up")


def test_specs_are_json_that_cannot_leave_their_element(every_day: dict[str, bytes]) -> None:
    for html in pages(every_day).values():
        (base,) = re.findall(r'<script type="application/json" id="base">(.*?)</script>', html)
        assert json.loads(base)["config"]["showSendToCloud"] is False
        for spec in re.findall(
            r'<script type="application/json" class="spec">(.*?)</script>', html
        ):
            assert "<" not in spec
            drawing = json.loads(spec)
            assert "config" not in drawing
            assert "bdata" not in spec


def with_tails(rows: pl.DataFrame, draw: np.random.Generator) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows with every statistic given decimals of its own, and these decimals."""
    known = ("threshold", "numerator", "denominator", "week", "parameter", "needed")
    columns = [name for name in rows.select(pl.col(pl.Float64)).columns if name not in known]
    tails = {name: draw.integers(100000, 999999, rows.height) for name in columns}
    planted = rows.with_columns(
        (pl.col(name) * 1000).round() / 1000 + pl.Series(name, tails[name]) * 1e-10
        for name in columns
    )
    return planted, [str(tail) for marks in tails.values() for tail in marks]


def test_no_planted_value_is_in_any_byte_of_a_release() -> None:
    draw = np.random.default_rng(3)
    # The certificate is about simulated people, and is released as it is.
    about_people = {name: rows for name, rows in results().items() if name != "certificate"}
    planted = {name: with_tails(rows, draw) for name, rows in about_people.items()}
    tables = {name: rows for name, (rows, _) in planted.items()}
    tails = {tail for _, own in planted.values() for tail in own}
    released = release_tables(tables, DISCLOSURE)
    files = [table.rows.write_csv() for table in released.values()]
    text = "\n".join([*files, *pages(render_site(released, FACTS, PROTOCOL)).values()])
    text = re.sub(r"\\u[0-9a-f]{4}|[0-9a-f]{64}", " ", text)
    assert not tails.intersection(re.findall(r"\d{6,}", text))
    assert not re.findall(r"\d\.\d{5,}", text)
    for column in tables["domain_courses"].select(pl.col(pl.Float64)).iter_columns():
        packed = base64.b64encode(column.drop_nulls().to_numpy().tobytes()).decode()
        assert packed[:24] not in text


def test_small_counts_of_a_planted_clinic_are_in_no_table_cell() -> None:
    released = release_tables(results(), DISCLOSURE)
    assert leaks(released, results(), DISCLOSURE) == []
    for html in pages(render_site(released, FACTS, PROTOCOL)).values():
        counts = re.findall(r"<td>(\d+)</td>", html)
        assert not [count for count in counts if 1 <= int(count) <= 10]


def test_pages_are_made_only_from_released_tables() -> None:
    with pytest.raises(ReleaseRefusedError):
        render_site(results(), FACTS, PROTOCOL)  # type: ignore[arg-type]


def test_the_same_release_gives_the_same_bytes(plain: dict[str, bytes]) -> None:
    assert site(results()) == plain


def test_pages_are_small(plain: dict[str, bytes]) -> None:
    sizes = {path: len(html) for path, html in pages(plain).items()}
    assert sizes.pop("research.html") < 900_000
    assert max(sizes.values()) < 300_000
