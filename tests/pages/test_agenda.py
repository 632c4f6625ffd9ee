"""The agenda is one well-formed file that prints, holds any name, and runs nothing."""

import base64
import csv
import hashlib
import io
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from analysis.pages.agenda import Agenda, Rebased, agenda_csv, agenda_page
from analysis.pages.meeting import Signal
from tests.pages.plausible import FACTS
from tests.pages.test_site import CAUSAL, read

NAMES = (
    '"quoted" <b>&\'',
    "x" * 200,
    "</style><script>alert(1)</script>",
    "north",
    "\u00e9t\u00e9",
)


def fired(name: str) -> Signal:
    return Signal(
        indicator="Booked sessions missed or cancelled late",
        unit_kind="clinic",
        unit_name=name,
        rule="outside the limits",
        first_period="2025-01",
        last_period="2025-02",
        latest="20% of 300 (centre 10%, limits 5% to 15%)",
        question="What changed in booking, reminders or travel in these months?",
    )


def agenda(*names: str, clinic: str | None = None) -> Agenda:
    rebased = Rebased("Sessions missed", "Clinic <i>", "2025-01", "a < b", "2025-02-01", "A & B")
    return Agenda("2025-03", "2024-04", clinic, [fired(name) for name in names], [rebased])


def test_the_page_is_well_formed_whatever_clinics_are_called() -> None:
    html = agenda_page(agenda(*NAMES), FACTS).decode()
    reader = read(html)
    assert (reader.faults, reader.open) == ([], [])
    assert reader.headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(reader.headings))
    assert reader.inline == []
    assert reader.links == []
    assert html.count("</style>") == 1
    assert "<script" not in html
    assert "&lt;/style&gt;&lt;script&gt;" in html


def test_the_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    html = agenda_page(agenda("north"), FACTS).decode()
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    told = policy[1].replace("&#39;", "'").replace("&#43;", "+")
    assert told == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("clinic", [None, "north"])
def test_every_signal_has_room_for_what_is_found_and_done(clinic: str | None) -> None:
    html = agenda_page(agenda("north", "south", clinic=clinic), FACTS).decode()
    for words in ("What we found", "What we do", "Who", "By when"):
        assert html.count(f"<dt>{words}</dt>") == 2
    assert ("names clinics" in html) is (clinic is None)
    assert not CAUSAL.search(re.sub(r"<style.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def test_an_empty_month_says_so_and_keeps_the_facts_of_the_release() -> None:
    nothing = Agenda("2025-03", "2024-04", None, [], [])
    html = agenda_page(nothing, replace(FACTS, first_month=None, last_month=None)).decode()
    assert "No rule fired in these twelve months." in html
    assert "None: every chart keeps the limits of its first baseline." in html
    assert FACTS.release_id in html
    assert "Synthetic" not in agenda_page(nothing, replace(FACTS, is_synthetic=False)).decode()


def test_the_list_is_read_back_as_it_was_made() -> None:
    rows = list(csv.DictReader(io.StringIO(agenda_csv(agenda(*NAMES)).decode())))
    assert [row["unit_name"] for row in rows] == list(NAMES)
    assert list(rows[0])[-4:] == ["what_we_found", "what_we_do", "who", "by_when"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_spreadsheet_does_not_reckon_with_a_name(name: str) -> None:
    (row,) = csv.DictReader(io.StringIO(agenda_csv(agenda(name)).decode()))
    assert row["unit_name"] == f"'{name}"
