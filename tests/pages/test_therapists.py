"""The page about therapists is made only where the protocol opens it, and ranks nobody."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.pages import render_clinic, render_site
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results
from tests.pages.review_rows import therapist_reviews

OPENED = replace(PROTOCOL, review=replace(PROTOCOL.review, therapists=True))
REVIEWS = therapist_reviews(np.random.default_rng(2), "clinic-03")


def tables() -> dict[str, pl.DataFrame]:
    return results() | {"therapist_reviews": conform("therapist_reviews", pl.DataFrame(REVIEWS))}


def site(made: Mapping[str, pl.DataFrame], *, is_open: bool) -> dict[str, bytes]:
    protocol = OPENED if is_open else PROTOCOL
    return render_site(release_tables(made, DISCLOSURE), FACTS, protocol)


def test_the_page_is_neither_made_nor_linked_unless_the_protocol_opens_it() -> None:
    closed = site(tables(), is_open=False)
    assert "therapists.html" not in closed
    assert not any(b"therapists.html" in page for page in closed.values())
    assert not any(b">T1<" in page for page in closed.values())


def test_without_rows_there_is_no_page_even_where_it_is_open() -> None:
    files = site(results(), is_open=True)
    assert "therapists.html" not in files
    assert b"therapists.html" not in files["index.html"]


def test_an_open_page_is_linked_from_every_other() -> None:
    files = site(tables(), is_open=True)
    for path, page in files.items():
        if path.endswith(".html"):
            assert b"therapists.html" in page, path


def test_therapists_stand_by_name_with_n_and_without_a_rank() -> None:
    html = site(tables(), is_open=True)["therapists.html"].decode()
    assert "Why this page is off by default" in html
    tables_of_page = re.findall(r"<tbody>.*?</tbody>", html, re.DOTALL)
    assert len(tables_of_page) == 2
    for rows in tables_of_page:
        assert re.findall(r'scope="row" class="text">(T\d)<', rows) == ["T1", "T2", "T3", "T4"]
    assert "Of (n)" in html
    assert not re.search(r"\b(rank(ed|ing)?|best|worst|top)\b", html.partition("<main")[2], re.I)


def test_a_clinic_that_is_handed_its_page_gets_no_therapists() -> None:
    released = release_tables(tables(), DISCLOSURE)
    files = render_clinic(released, FACTS, OPENED, "clinic-03")
    assert not any(b"therapists.html" in page or b">T1<" in page for page in files.values())
