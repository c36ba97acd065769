"""Headings: what is one, how deep it stands, and that this holds page by page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.assembly.headings import Levels
from deepseek_ocr_rag.document import Block, BlockKind, Line, OutlineEntry, Page
from deepseek_ocr_rag.geometry import Box

BODY = "This is what a paragraph of the text says, in a whole sentence that ends with a full stop. " * 3
WHOLE = Box(left=0.1, top=0.1, right=0.9, bottom=0.2)


def block(kind: str, text: str, size: float = 0.0, **fields: object) -> Block:
    lines = (Line(start=0, end=len(text), box=WHOLE, source="text_layer"),) if size and text else ()
    made = Block(id=text, kind=BlockKind(kind), text=text, page_number=1, font_size=size, lines=lines)
    return replace(made, **fields)  # type: ignore[arg-type]


def head(text: str, size: float = 0.0, **fields: object) -> Block:
    return block("heading", text, size, **fields)


def text(words: str = BODY, size: float = 10.0, **fields: object) -> Block:
    return block("paragraph", words, size, **fields)


def document(*pages: list[Block]) -> list[Page]:
    return [
        Page(
            number=number,
            label="",
            width=595,
            height=842,
            blocks=tuple(replace(item, id=f"{number}-{at}", page_number=number) for at, item in enumerate(blocks)),
        )
        for number, blocks in enumerate(pages, start=1)
    ]


def settle(pages: list[Page], *, outline: list[OutlineEntry] | None = None, ahead: int = 24) -> list[Page]:
    levels, waiting, done = Levels(outline or ()), list[Page](), list[Page]()
    for page in pages:
        levels.see(page)
        waiting.append(page)
        if len(waiting) > ahead:
            done.append(levels.settled(waiting.pop(0)))
    return done + [levels.settled(page) for page in waiting]


def tree(*pages: list[Block], outline: list[OutlineEntry] | None = None) -> list[tuple[int, str]]:
    settled = settle(document(*pages), outline=outline)
    return [(item.level, item.text) for page in settled for item in page.blocks if item.kind.is_heading]


def kinds(*blocks: Block) -> list[str]:
    return [item.kind.value for item in settle(document(list(blocks)))[0].blocks]


# Levels


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1 One", "1.1 Two", "1.1.1 Three", "2 Four", "2.1 Five"], [1, 2, 3, 1, 2]),
        (["I. One", "A. Two", "1. Three", "2. Four", "B. Five", "II. Six"], [1, 2, 3, 3, 2, 1]),
        (["1. One", "2. Two", "2.1 Three", "A. Proofs", "B. Data"], [1, 1, 2, 1, 1]),
        (["Part I Many", "Chapter 1 One", "1.1 Two", "Chapter 2 Three", "Part II More"], [1, 2, 3, 2, 1]),
        (["第一章 总则", "第一节 一般", "第一条 目的", "第二章 附则"], [1, 2, 3, 1]),
        (["Kapitel 1 Anfang", "§ 1 Zweck", "§ 2 Ort", "Kapitel 2 Ende"], [1, 2, 2, 1]),
        (["Gesetz", "Erster Abschnitt", "§ 1 Zweck", "Zweiter Abschnitt", "§ 2 Strafe"], [1, 1, 2, 1, 2]),
        (["Buch 1 A", "Abschnitt 1 B", "Titel 1 C", "§ 1 D", "Titel 2 E", "Abschnitt 2 F"], [1, 2, 3, 4, 3, 2]),
        (["TITLE I—GENERAL", "Sec. 101. Names", "CHAPTER I More", "Sec. 102. Ends", "TITLE II—REST"], [1, 2, 2, 3, 1]),
        (["一、总体情况", "（一）收入", "1. 主营", "（二）支出", "二、下一步", "（一）计划"], [1, 2, 3, 2, 1, 2]),
        (["الفصل الأول: المقدمة", "المبحث الأول: الهدف", "الفصل الثاني: المنهج"], [1, 2, 1]),
        (["1 One", "1.1.1 Deep", "2 Two"], [1, 2, 1]),
        (["Goal 1.1 One", "Strategy 1.1.1 Two", "Goal 1.2 Three"], [1, 2, 1]),
    ],
)
def test_numbers_tell_the_level_on_all_pages(texts: list[str], expected: list[int]) -> None:
    assert [level for level, _ in tree(*([head(words, level=2)] for words in texts))] == expected


def test_sizes_weight_and_numbers_of_one_look_agree() -> None:
    found = tree(
        [head("A long way to go", 20), text(), head("Preface", 14, is_bold=True), text()],
        [head("1 Start", 14, is_bold=True), text(), head("1.1 Walk", 12, is_bold=True), text()],
        [head("Rest", 12, is_bold=True), text(), head("In plain", 12), text()],
        [head("References", 14.2, is_bold=True), text()],
    )
    assert [level for level, _ in found] == [1, 2, 2, 3, 3, 4, 2]


def test_the_title_is_alone_at_the_top_and_what_stands_over_it_is_text() -> None:
    over = Box(left=0.1, top=0.02, right=0.9, bottom=0.04)
    pages = document(
        [
            head("Office of Reports", 12, boxes=(over,)),
            head("The State of Things", 24, boxes=(WHOLE,)),
            text(),
            head("Summary", 14),
            text(),
        ],
        [head("Methods", 14), text()],
    )
    first, second = settle(pages)
    assert [item.kind.value for item in first.blocks] == ["paragraph", "title", "paragraph", "heading", "paragraph"]
    assert [first.blocks[1].level, first.blocks[3].level, second.blocks[0].level] == [1, 2, 2]


def test_numbers_that_begin_again_make_parts_of_the_headings_above() -> None:
    found = tree(
        *([head(words, 20), text()] for words in ("First book", "1 One", "2 Two", "Second book", "1 One", "2 Two"))
    )
    assert [level for level, _ in found] == [1, 1, 1, 1, 2, 2]


def test_a_heading_right_behind_a_bare_number_is_its_second_line() -> None:
    words = ["CHAPTER I", "General provisions", "Article 1", "Subject-matter", "Article 2", "Scope", "CHAPTER II"]
    pages = [[head(each)] if each in ("CHAPTER I", "Article 2") else [head(each), text()] for each in words]
    pages[2:4] = [[*pages[2][:1], *pages[3]]]
    found = tree([item for page in pages for item in page])
    assert [level for level, _ in found] == [1, 2, 3, 4, 3, 4, 1]
    laws = [head("Buch 1 A", 16), head("Abschnitt 1 B", 14), head("Titel 1 C", 12), head("§ 1 D", 11), text()]
    assert [level for level, _ in tree([*laws, head("Abschnitt 2 E", 14), head("§ 2 F", 11), text()])] == [
        *[1, 2, 3, 4],
        *[2, 3],
    ]


def test_what_is_one_of_a_kind_stands_above_no_numbers() -> None:
    found = tree(
        [head("Title of it", 24), text(), head("Abstract", 16), text()],
        [head("1 One", 14), text(), head("2 Two", 14), text()],
    )
    assert [level for level, _ in found] == [1, 2, 2, 2]


def test_sections_are_the_headings_that_blocks_stand_under() -> None:
    (page,) = settle(document([text(), head("1 One"), text(), head("1.1 Two"), text(), head("2 Three")]))
    assert [item.section for item in page.blocks] == ["", "", "1-1", "1-1", "1-3", ""]


# What is a heading


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Figure 3 The pump", "caption"),
        ("Tabelle 2: Werte", "caption"),
        ("图 3 结构", "caption"),
        ("[표 1] 비교", "caption"),
        ("• first of all", "list_item"),
        ("12 March 2024", "paragraph"),
        ("2 + 3 = 5", "paragraph"),
        ("and goes on in the next column", "paragraph"),
        ("This is a run-in sentence that is printed in bold letters and ends with a stop.", "paragraph"),
        ("someone@example.org", "paragraph"),
        ("Introduction .............. 7", "paragraph"),
        ("Chapter 3", "heading"),
        ("What is it?", "heading"),
        ("SHA3-224", "heading"),
        ("U.S. Department of Energy", "heading"),
        ("方法一：使用快捷键", "heading"),
    ],
)
def test_words_that_are_no_heading_lose_the_label_and_keep_the_text(words: str, kind: str) -> None:
    (page,) = settle(document([head(words)]))
    assert (page.blocks[0].kind.value, page.blocks[0].text) == (kind, words)


@pytest.mark.parametrize("words", ["iPhone", "eBay and us", "macOS", "Table 2 rules"])
def test_names_that_begin_small_are_headings(words: str) -> None:
    assert kinds(head(words), text("Some words.", 0.0))[0] == "heading"


@pytest.mark.parametrize(
    "row",
    [
        ["March 2023", "12 May 2022"],
        ["v1.2.0", "1.1.0 (2023-05-06)", "[1.0.0] - 2022-01-02"],
        ["1990", "1991"],
        ["install", "build the book"],
    ],
)
def test_rows_of_dates_and_small_letters_are_headings_where_a_model_says_so(row: list[str]) -> None:
    rest = text("Some words.", 0.0)
    assert tree(*([head(words), rest] for words in row)) == [(1, words) for words in row]
    assert kinds(head(row[0]), rest, head("Another", level=3), rest, head(row[0]), rest)[::2] == [
        *["paragraph", "heading", "paragraph"]
    ]
    sized = tree([item for words in row for item in (head(words, 10), text())])
    assert not {words for _, words in sized} & {"March 2023", "install", "1990"}


def test_numbers_of_texts_need_one_above_them() -> None:
    lines = ["1.1 Payment", "10.30 Coffee break", "11.15 Talk by Ann Lee", "2.5 litres"]
    made = kinds(head("1 Terms"), *(text(words, 0.0) for words in lines))
    assert made == ["heading", "heading", "paragraph", "paragraph", "paragraph"]


def test_chinese_headings_are_found_among_texts_if_several_are_there() -> None:
    rest = text("这是一个段落，说明了很多事情。", 0.0)
    lines = [text("一、总体情况", 0.0), rest, text("二、计划", 0.0), rest, text("（一）收入", 0.0), rest]
    assert kinds(*lines) == ["heading", "paragraph", "heading", "paragraph", "paragraph", "paragraph"]


def test_values_of_forms_and_sentences_are_no_headings() -> None:
    bold = {"is_bold": True}
    rest = [text(), head("Recommendations for changes", 12, **bold), text()]
    for words in ("N/A", "Total: 500 EUR"):
        assert kinds(text(), head(words, 12), *rest)[1] == "paragraph"
    for words in ("이슈가 될 것으로 판단된다.", "He went home."):
        assert kinds(head("들어가며", 14, **bold), text(), head(words, 10), *rest)[2] == "paragraph"
    assert kinds(text(), head("Great News", 16), *rest)[1] == "heading"
    assert kinds(text("Office of News"), head("Great News", 16), *rest)[1] == "title"


def test_labels_in_the_letters_of_the_text_are_no_headings() -> None:
    bold = {"is_bold": True}
    fields = [
        item
        for number in range(1, 5)
        for item in (head(f"Definition {number} (Norm)", 10, **bold), text(), head("Owner:", 10, **bold), text())
    ]
    made = kinds(head("1 Spaces", 14, **bold), *fields, head("A heading like the text", 10, **bold), text())
    assert made == ["heading", *["paragraph"] * 16, "heading", "paragraph"]


def test_the_letters_of_an_index_are_no_headings() -> None:
    assert kinds(head("Index", 14), head("A", 12), text(), head("序", 12), text())[:4] == [
        "title",
        "paragraph",
        "paragraph",
        "heading",
    ]


def test_headings_with_nothing_between_them_are_a_list() -> None:
    row = [head(name, 10, is_bold=True) for name in ("Farmers", "Boaters", "Cities")]
    assert kinds(head("1 Who", 14), text(), *row, text()) == ["heading", *["paragraph"] * 5]
    numbered = [head(name, 10, is_bold=True) for name in ("1 Farmers", "1.1 Boaters", "1.1.1 Cities")]
    assert kinds(*numbered, text())[:3] == ["heading"] * 3


def test_what_looks_like_the_headings_is_one() -> None:
    likes = [item for number in (1, 2, 3) for item in (head(f"{number} Head", 10, is_bold=True), text())]
    assert kinds(*likes, text("Further reading", is_bold=True), text())[-2] == "heading"
    assert kinds(*likes, text("Further reading"), text())[-2] == "paragraph"
    assert kinds(*likes, text("He went there.", is_bold=True), text())[-2] == "paragraph"
    cell = text("Name", is_bold=True, boxes=(replace(WHOLE, right=0.4),))
    value = text("Ann", boxes=(replace(WHOLE, left=0.5),))
    assert kinds(*likes, cell, value)[-2:] == ["paragraph", "paragraph"]


def test_a_quantity_is_no_number_of_a_heading() -> None:
    assert [level for level, _ in tree([head("1 One"), head("1.1 Two"), head("14 claims")])] == [1, 2, 1]
    found = tree([head("1 One", 14), text(), head("1.1 Two", 12), text(), head("14 claims", 12), text()])
    assert [level for level, _ in found] == [1, 2, 2]


# The outline


def test_the_outline_makes_headings_and_levels() -> None:
    outline = [
        OutlineEntry(level=1, title="Chapter 1. The beginning", page_number=1),
        OutlineEntry(level=2, title="A note", page_number=1),
        OutlineEntry(level=1, title="Somewhere else", page_number=1),
    ]
    blocks = [text("Chapter 1"), text("The Beginning"), text(), text("A note"), text(), head("Unknown")]
    found = tree(blocks, outline=outline)
    assert found == [(1, "Chapter 1"), (1, "The Beginning"), (2, "A note"), (1, "Unknown")]


def test_flat_outlines_are_refined_by_numbers() -> None:
    titles = ["Vision", "1 One", "1.1 Two", "1.1.1 Three", "1.2 Four"]
    outline = [OutlineEntry(level=1 + (at > 1), title=words, page_number=1) for at, words in enumerate(titles)]
    assert [level for level, _ in tree([head(words) for words in titles], outline=outline)] == [1, 1, 2, 3, 2]


# What always holds

WORDS = st.one_of(
    st.sampled_from(["1 One", "1.1 Two", "1.1.1 Three", "A. Four", "II. Five", "Chapter 2", "Figure 1", "Plain words"]),
    st.text("ab1.IVX §:\n章第一", max_size=14),
)
BLOCKS = st.builds(
    lambda kind, words, size, bold, level: block(kind, words, size, is_bold=bold, level=level),
    st.sampled_from(list(BlockKind)),
    WORDS,
    st.sampled_from([0.0, 8.0, 10.0, 12.0, 18.0, float("inf")]),
    st.booleans(),
    st.integers(-1, 9),
)
ENTRIES = st.builds(
    lambda level, title, page: OutlineEntry(level=level, title=title, page_number=page),
    st.integers(1, 4),
    WORDS,
    st.integers(-1, 6),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(BLOCKS, max_size=5), max_size=6), st.lists(ENTRIES, max_size=4), st.integers(0, 6))
def test_no_text_is_lost_and_no_level_skipped(
    pages: list[list[Block]], outline: list[OutlineEntry], ahead: int
) -> None:
    given_pages = document(*pages)
    settled = settle(given_pages, outline=outline, ahead=ahead)
    level, section = 0, ""
    above: dict[str, Block] = {}
    for before, after in zip(given_pages, settled, strict=True):
        for was, item in zip(before.blocks, after.blocks, strict=True):
            assert replace(item, kind=was.kind, level=was.level, section=was.section) == was
            if item.kind.is_heading:
                assert 1 <= item.level <= level + 1
                assert item.level == (above[item.section].level + 1 if item.section else 1)
                above[item.id], level, section = item, item.level, item.id
            else:
                assert item.section == section


def test_levels_depend_on_the_pages_seen_and_not_on_later_ones() -> None:
    pages = document(*([head(f"{number} Head", 14), text()] for number in range(1, 9)))
    other = [*pages[:5], *document(*([head("Huge", 40), text()] for _ in range(8)))[5:]]
    assert settle(pages, ahead=2)[:3] == settle(other, ahead=2)[:3]
