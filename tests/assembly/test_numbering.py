"""Numbers in front of headings."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag.assembly.numbering import number_of, without_number


@pytest.mark.parametrize(
    ("text", "style", "depth"),
    [
        ("1 One", "decimal", 1),
        ("1.2.3. One", "decimal", 3),
        ("2)One", "decimal", 1),
        ("A. One", "letter", 1),
        ("A.1 One", "letter", 2),
        ("IV. One", "roman", 1),
        ("(a) One", "paren", 1),
        ("Chapter IX", "chapter", 1),
        ("Anhang B Daten", "appendix", 1),
        ("Article 5 Scope", "article", 1),
        ("§§ 4 ff.", "paragraph", 1),
        ("第十二章 总则", "chapter", 1),
        ("§ 15a Ausnahmen", "paragraph", 1),
        ("Sec. 101. Short title", "section", 1),
        ("TITLE IV—MORE", "title", 1),
        ("Zweites Kapitel", "chapter", 1),
        ("Buch 2 Schuldrecht", "book", 1),
        ("一、总体情况", "cjk", 1),
        ("（二）支出", "cjk_paren", 1),
        ("（2）支出", "paren", 1),
        ("المادة 3 التعريفات", "article", 1),
        ("Strategy 1.2.1 Leasing", "decimal", 3),
    ],
)
def test_numbers_are_known(text: str, style: str, depth: int) -> None:
    number = number_of(text)
    assert number is not None
    assert (number.style, number.depth) == (style, depth)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Chapter 3: The end", "3"),
        ("Zweites Kapitel Strafen", "Zweites"),
        ("الفصل الأول: المقدمة", "الأول"),
        ("二、计划", "二、"),
    ],
)
def test_what_is_counted(text: str, number: str) -> None:
    made = number_of(text)
    assert made is not None
    assert made.text == number


@pytest.mark.parametrize(
    "text",
    [
        "A long way",
        "2024 in figures",
        "3D printing",
        "I think so",
        "U.S. law",
        "Civil war",
        "Table 1.2 Sales",
        "Title role",
        "一般规定",
        "",
    ],
)
def test_words_are_not(text: str) -> None:
    assert number_of(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1.2. One", "One"),
        ("Chapter 3: The end", "The end"),
        ("Chapter 3", ""),
        ("A long way", "A long way"),
        ("二、计划", "计划"),
    ],
)
def test_the_words_without_the_number(text: str, words: str) -> None:
    assert without_number(text) == words
