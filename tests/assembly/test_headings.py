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
