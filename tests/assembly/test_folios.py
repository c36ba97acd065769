"""Printed page numbers are known by their form alone, and believed where the pages around agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.assembly.folios import Folio, counted, countings, folio_alone, folios, printed_label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("7", "7"),
        ("- 12 -", "12"),
        ("– 12 –", "12"),
        ("Page 3 of 9", "3"),
        ("Page i of iii", "i"),
        ("S. 4", "4"),
        ("Seite 3", "3"),
        ("7/12", "7"),
        ("第3页", "3"),
        ("第 7 页 共 9 页", "7"),
        ("xiv", "xiv"),
        ("XIV", "XIV"),
        ("A-12", "A-12"),
        ("12-3", "12-3"),
        ("Page | 12", "12"),
        ("12쪽", "12"),
        ("٣", "٣"),
    ],
)
def test_a_page_number_stands_alone(text: str, label: str) -> None:
    found = folio_alone(text)
    assert found is not None
    assert found.label == label


@pytest.mark.parametrize(
    "text", ["", "Civil", "mix", "Ill", "7 apples", "2024 was a good year", "12.5", "1,234", "x" * 130]
)
def test_other_texts_do_not(text: str) -> None:
    assert folio_alone(text) is None


def test_roman_numbers_are_read() -> None:
    values = {
        text: folio.value for text in ("iv", "ix", "xl", "xc", "cxiv", "lxxxviii") if (folio := folio_alone(text))
    }
    assert values == {"iv": 4, "ix": 9, "xl": 40, "xc": 90, "cxiv": 114, "lxxxviii": 88}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("6 CHAPTER ONE", ["6"]),
        ("CHAPTER ONE 7", ["7"]),
        ("Annual report 2024 | 12", ["12"]),
        ("Report, page 3 of 9", ["3"]),
        ("1.1. TOPOLOGY", []),
        ("Civil rights", []),
    ],
)
def test_running_heads_have_numbers_at_their_ends(text: str, labels: list[str]) -> None:
    assert [folio.label for folio in folios(text)] == labels


@pytest.mark.parametrize(
    "text", ["Article 7", "January 12", "3 March 1916", "Invoice No. 8", "Lesson 3", "7. Scope", "(7) Scope"]
)
def test_numbers_that_name_or_date_something_are_none(text: str) -> None:
    assert list(folios(text)) == []
    assert list(counted(text, 2)) == []


def test_a_text_is_told_by_a_number_that_counts() -> None:
    for texts in (
        ["Report, page 3 of 9", "Report, page 4 of 9"],
        ["Frm 00086", "Frm 00087"],
        ["xi The book", "xii The book"],
        ["A-1 The book", "A-2 The book"],
    ):
        first, second = (set(counted(text, at)) for at, text in enumerate(texts, start=1))
        assert first & second
    assert not set(counted("The sum of 113 EUR", 1)) & set(counted("The sum of 226 EUR", 2))
    assert list(counted("5,113.00 and 2024-01-02", 1)) == []


def number(value: int, series: str = "") -> Folio:
    return Folio(series=series, value=value, label=f"{series}{value}")


def test_countings_are_what_pages_agree_on() -> None:
    pages = [(5, [number(1), number(2024)]), (6, [number(2), number(2024)]), (7, []), (8, [number(4)])]
    assert countings(pages, enough=3) == {("", -4): [5, 6, 8]}


def test_a_label_is_printed_or_counted_on_between_two_pages() -> None:
    known = {("", -4): [5, 6, 8]}
    assert printed_label(6, [number(99), number(2)], known) == "2"
    assert printed_label(7, [], known) == "3"
    assert printed_label(9, [], known) is None
    assert printed_label(7, [], {("roman", 0): [5, 9]}) is None
    assert printed_label(7, [], {("A-", -6): [5, 9]}) == "A-1"


@given(st.text(max_size=200) | st.text("0123456789ivxlcIVX-–/. |页第ofpage", max_size=140))
def test_any_text_is_read(text: str) -> None:
    alone, found = folio_alone(text), list(folios(text))
    assert all(folio.value >= 0 and folio.label in text for folio in found)
    assert alone is None or len(text) > 120 or found == [alone] or " " in text
