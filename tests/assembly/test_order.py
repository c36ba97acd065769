"""Two columns that an engine read across are put one after the other; nothing else is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.assembly.order import ordered
from deepseek_ocr_rag.document import Block, BlockKind, Page
from deepseek_ocr_rag.geometry import Box

PROSE = "Words that make a paragraph as long as paragraphs in the columns of a paper are, or longer. "


def block(name: str, left: float, top: float, *, right: float = 0.0, height: float = 0.1, text: str = PROSE) -> Block:
    box = Box(left=left, top=top, right=right or left + 0.4, bottom=min(1.0, top + height))
    return Block(id=name, kind=BlockKind.PARAGRAPH, text=text, page_number=1, boxes=(box,))


def page(blocks: Sequence[Block]) -> Page:
    return Page(number=1, label="1", width=595, height=842, blocks=tuple(blocks))


def names(made: Page) -> str:
    return " ".join(item.id for item in made.blocks)


CUT, REST = f"{PROSE}Here a sentence begins", f"which goes on further down. {PROSE}"


def column(side: str, left: float, top: float, *, texts: Sequence[str] = (CUT, REST, PROSE, PROSE)) -> list[Block]:
    return [block(f"{side}{at}", left, top + 0.15 * at, text=text) for at, text in enumerate(texts)]


LEFT, RIGHT = column("l", 0.08, 0.2), column("r", 0.52, 0.25, texts=[PROSE] * 4)
MIXED = [one for pair in zip(LEFT, RIGHT, strict=True) for one in pair]
TITLE = block("title", 0.08, 0.05, right=0.92)


def test_mixed_columns_are_read_one_after_the_other() -> None:
    made = ordered(page([TITLE, *MIXED]))
    assert names(made) == "title l0 l1 l2 l3 r0 r1 r2 r3"
    assert ordered(made) == made


def test_without_lower_case_nothing_proves_the_order_wrong() -> None:
    turned = [
        replace(item, text="كلمات تكون فقرة طويلة كما هي الفقرات في أعمدة الأوراق، أو أطول منها بقليل أو كثير جدا،")
        for item in MIXED
    ]
    assert ordered(page(turned)) == page(turned)


def test_what_spans_both_columns_parts_them() -> None:
    figure = replace(block("figure", 0.08, 0.85, right=0.92), kind=BlockKind.FIGURE)
    assert names(ordered(page([*MIXED, figure]))) == "l0 l1 l2 l3 r0 r1 r2 r3 figure"
    inside = replace(block("figure", 0.08, 0.45, right=0.92), kind=BlockKind.FIGURE)
    assert names(ordered(page([*MIXED, inside]))) == names(page([*MIXED, inside]))


def test_furniture_stays_where_it_is() -> None:
    foot = replace(block("foot", 0.4, 0.96, height=0.02), kind=BlockKind.PAGE_FOOTER)
    assert names(ordered(page([*MIXED[:3], foot, *MIXED[3:]]))) == "l0 l1 l2 foot l3 r0 r1 r2 r3"


def test_what_is_complete_as_it_stands_is_left_alone() -> None:
    """Articles below each other, texts in two languages, questions and answers: no sentence goes on in a column."""
    whole = [replace(item, text=PROSE) for item in MIXED]
    assert ordered(page(whole)) == page(whole)
    across = [replace(item, text=CUT if item.id == "l1" else REST if item.id == "r1" else item.text) for item in MIXED]
    assert ordered(page(across)) == page(across)


def test_headings_part_articles_below_each_other() -> None:
    blocks: list[Block] = []
    for at, name in enumerate("abc"):
        top = 0.05 + 0.3 * at
        head = replace(block(f"{name}h", 0.08, top, height=0.02), kind=BlockKind.HEADING)
        left = [
            block(f"{name}l{row}", 0.08, top + 0.03 + 0.12 * row, text=text) for row, text in enumerate((CUT, REST))
        ]
        right = [block(f"{name}r{row}", 0.52, top + 0.07 * row) for row in range(2)]
        blocks += [head, *left, *right]
    assert ordered(page(blocks)) == page(blocks)


FORM = [replace(item, text="Name") for item in MIXED]
ROWS = [block(f"{side}{at}", left, 0.2 + 0.15 * at) for at in range(4) for side, left in (("l", 0.08), ("r", 0.52))]


@pytest.mark.parametrize(
    "blocks",
    [
        [*LEFT, *RIGHT],
        [*RIGHT, *LEFT],
        [LEFT[0], RIGHT[0], *LEFT[1:], *RIGHT[1:]],
        FORM,
        ROWS,
        MIXED[:5],
        [replace(item, boxes=()) for item in MIXED],
    ],
    ids=["in order", "right first", "one step aside", "form", "rows", "too few", "no places"],
)
def test_other_orders_are_the_engines(blocks: list[Block]) -> None:
    assert ordered(page(blocks)) == page(blocks)


def test_turned_and_crowded_pages_are_left_alone() -> None:
    turned = replace(page(MIXED), turn=90)
    assert ordered(turned) == turned
    crowded = page(MIXED * 60)
    assert ordered(crowded) == crowded


PLACES = st.builds(
    block,
    st.text("abc", max_size=2),
    st.sampled_from([0.08, 0.3, 0.52]),
    st.floats(0, 0.9),
    right=st.sampled_from([0.48, 0.92, 0.95]).map(lambda right: max(right, 0.93)) | st.just(0.0),
    text=st.sampled_from([PROSE, "word"]),
)


@settings(deadline=None)
@given(st.lists(PLACES, max_size=14))
def test_the_same_blocks_come_out(blocks: list[Block]) -> None:
    made = ordered(page(blocks))
    assert sorted(map(repr, made.blocks)) == sorted(map(repr, blocks))
    assert ordered(made) == made
