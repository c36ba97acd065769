"""List items get levels by indentation and marks: from 0, and at most one deeper than the item before."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.assembly.lists import nested
from deepseek_ocr_rag.document import Block, BlockKind, Page
from deepseek_ocr_rag.geometry import Box


def item(text: str, left: float | None = None, at: int = 0, *, level: int = 0, kind: str = "list_item") -> Block:
    boxes = () if left is None else (Box(left=left, top=0.05 * (at % 19), right=0.98, bottom=0.05 * (at % 19) + 0.03),)
    return Block(id=f"b{at}", kind=BlockKind(kind), text=text, page_number=1, boxes=boxes, level=level)


def levels(*blocks: Block) -> list[int]:
    page = Page(number=1, label="1", width=595, height=842, blocks=blocks)
    made = nested(page)
    assert nested(made) == made
    return [block.level for block in made.blocks if block.kind is BlockKind.LIST_ITEM]


def placed(*items: tuple[str, float]) -> list[int]:
    return levels(*(item(text, left, at) for at, (text, left) in enumerate(items)))


def marked(*texts: str) -> list[int]:
    return levels(*(item(text, None, at) for at, text in enumerate(texts)))


def test_indentation_tells_the_level() -> None:
    found = placed(("• a", 0.1), ("• b", 0.14), ("• c", 0.141), ("• d", 0.18), ("• e", 0.099), ("• f", 0.14))
    assert found == [0, 1, 1, 2, 0, 1]


def test_numbers_set_to_the_right_are_of_one_level() -> None:
    assert placed(("8. a", 0.12), ("9. b", 0.12), ("10. c", 0.1), ("11. d", 0.1)) == [0, 0, 0, 0]


def test_a_list_within_a_list_comes_back_to_it() -> None:
    found = placed(("1. a", 0.1), ("a) b", 0.13), ("b) c", 0.13), ("– d", 0.16), ("2. e", 0.1), ("• f", 0.13))
    assert found == [0, 1, 1, 2, 0, 1]


def test_marks_tell_where_all_stand_at_one_edge() -> None:
    assert placed(("1. a", 0.1), ("a. b", 0.1), ("b. c", 0.1), ("2. d", 0.1)) == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1. a", "a. b", "i. c", "ii. d", "b. e", "2. f"], [0, 1, 2, 2, 1, 0]),
        (["1. a", "• b", "• c", "2. d"], [0, 1, 1, 0]),
        (["1) a", "1.1 b", "1.2 c", "2) d"], [0, 1, 1, 0]),
        (["a) f", "h) g", "i) h", "j) i"], [0, 0, 0, 0]),
        (["(A) a", "(1) b", "(2) c", "(B) d"], [0, 0, 0, 0]),
        (["一、a", "① b", "② c", "二、d"], [0, 1, 1, 0]),
        (["- a", "- b", "words", "- c"], [0, 0, 0, 0]),
        (["[1] a", "H. Zhong", "[2] b"], [0, 0, 0]),
    ],
)
def test_marks_tell_without_places(texts: list[str], expected: list[int]) -> None:
    assert marked(*texts) == expected


def test_what_goes_on_from_an_item_is_of_its_level() -> None:
    found = placed(("1. a", 0.1), ("goes on", 0.13), ("• b", 0.13), ("H. Zhong, goes on", 0.16), ("2. c", 0.1))
    assert found == [0, 0, 1, 1, 0]


def test_the_next_column_begins_at_its_own_edge() -> None:
    first = [item("• a", 0.1, 1), item("– b", 0.14, 2), item("• c", 0.1, 3)]
    assert levels(*first, item("• d", 0.55, 1), item("– e", 0.59, 2)) == [0, 1, 0, 0, 1]


def test_levels_of_the_engine_count_where_items_share_a_place() -> None:
    given_levels = [item("- a", 0.1, 0, level=1), item("- b", 0.1, 0, level=3), item("- c", 0.1, 0, level=1)]
    assert levels(*given_levels) == [0, 1, 0]
    assert levels(item("* a"), item("* b", level=1), item("* c", level=1), item("* d")) == [0, 1, 1, 0]


def test_other_blocks_part_lists_and_furniture_does_not() -> None:
    apart = [item("1. a", 0.1, 1), item("Text.", 0.1, 2, kind="paragraph"), item("a. b", 0.14, 3)]
    assert levels(*apart) == [0, 0]
    assert levels(apart[0], item("7", 0.5, 2, kind="page_footer"), apart[2]) == [0, 1]


ITEMS = st.builds(
    item,
    st.sampled_from(
        ["• a", "- b", "1. c", "2. d", "a) e", "i. f", "(iv) g", "1.2.3 h", "words", "", "一、i", "③ j", "v. k"]
    ),
    st.none() | st.floats(0, 0.9),
    st.integers(0, 30),
    level=st.integers(-1, 4),
    kind=st.sampled_from(["list_item", "list_item", "list_item", "paragraph", "page_footer"]),
)


@given(st.lists(ITEMS, max_size=12))
def test_levels_begin_at_0_and_go_down_one_by_one(blocks: list[Block]) -> None:
    page = Page(number=1, label="1", width=1, height=1, blocks=tuple(blocks))
    made = nested(page)
    assert [(block.text, block.kind, block.boxes) for block in made.blocks] == [
        (block.text, block.kind, block.boxes) for block in blocks
    ]
    flow = [block for block in made.blocks if not block.kind.is_furniture]
    for before, block in pairwise([None, *flow]):
        if block is not None and block.kind is BlockKind.LIST_ITEM:
            above = before.level if before is not None and before.kind is BlockKind.LIST_ITEM else -1
            assert 0 <= block.level <= above + 1
