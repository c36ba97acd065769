"""Captions belong to what stands next to them, and every silent figure to some text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.captions import PageIndex, captions_of, hosts, page_index
from deepseek_ocr_rag.document import Block, BlockKind

LETTERS = {
    "f": (BlockKind.FIGURE, ""),
    "F": (BlockKind.FIGURE, "said in it"),
    "t": (BlockKind.TABLE, "| a |"),
    "c": (BlockKind.CAPTION, "What is shown"),
    "T": (BlockKind.CAPTION, "Table 1. Bottles"),
    "G": (BlockKind.CAPTION, "Figure 1. Bottles"),
    "p": (BlockKind.PARAGRAPH, "words"),
    "l": (BlockKind.LIST_ITEM, "• item"),
    "h": (BlockKind.PAGE_HEADER, "head"),
}


def page(letters: str) -> list[Block]:
    return [
        Block(id=f"b{at}", kind=kind, text=text, page_number=1, image=f"{at}.jpg" if kind is BlockKind.FIGURE else "")
        for at, (kind, text) in enumerate(LETTERS[letter] for letter in letters)
    ]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("pfcp", {1: 2}),
        ("pcfp", {2: 1}),
        ("fcfc", {0: 1, 2: 3}),
        ("cfcf", {1: 0, 3: 2}),
        ("fcfcfc", {0: 1, 2: 3, 4: 5}),
        ("cfcfcf", {1: 0, 3: 2, 5: 4}),
        ("ffc", {0: 2, 1: 2}),
        ("FFc", {1: 2}),
        ("fTt", {2: 1}),
        ("tGf", {2: 1}),
        ("tTf", {0: 1}),
        ("tTt", {0: 1}),
        ("fTf", {0: 1}),
        ("tcf", {0: 1}),
        ("fp", {}),
        ("fpc", {}),
    ],
)
def test_a_caption_belongs_to_its_neighbour(letters: str, expected: dict[int, int]) -> None:
    assert captions_of(page(letters)) == expected


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("pfc", {1: 2}),
        ("pf", {1: 0}),
        ("fp", {0: 1}),
        ("pffp", {1: 0, 2: 0}),
        ("hf", {}),
        ("pfhc", {1: 3}),
        ("F", {}),
        ("ff", {}),
    ],
)
def test_a_silent_figure_belongs_to_its_caption_else_to_the_text_beside_it(
    letters: str, expected: dict[int, int]
) -> None:
    assert hosts(page(letters)) == expected


@given(st.text(alphabet="fFtcplh", max_size=20))
def test_every_silent_figure_has_a_host_that_says_something(letters: str) -> None:
    blocks = page(letters)
    found = hosts(blocks)
    says = any(letter not in "fh" for letter in letters)
    assert set(found) == ({at for at, letter in enumerate(letters) if letter == "f"} if says else set())
    assert all(blocks[at].text and not blocks[at].kind.is_furniture for at in found.values())
    whole = {block.id: (0, len(block.text)) for block in blocks if block.text}
    shown = PageIndex(blocks).images_shown(whole)
    assert shown == [block.image for block in blocks if block.image and (says or block.text)]


def test_a_picture_is_shown_where_the_text_beside_it_is() -> None:
    blocks = page("pfp")
    assert PageIndex(blocks).images_shown({"b0": (0, 5)}) == ["1.jpg"]
    assert PageIndex(blocks).images_shown({"b0": (0, 3)}) == []  # the paragraph goes on in the next chunk
    assert PageIndex(blocks).images_shown({"b2": (0, 5)}) == []
    blocks = page("fl")
    assert PageIndex(blocks).images_shown({"b1": (2, 4)}) == ["0.jpg"]
    assert PageIndex(blocks).images_shown({"b1": (4, 6)}) == []
    assert PageIndex(page("F")).images_shown({"b0": (3, 4)}) == ["0.jpg"]


def test_a_page_is_indexed_once_and_its_twin_is_another_page() -> None:
    blocks = tuple(page("pfp"))
    twin = (replace(blocks[0], text="longer words"), *blocks[1:])
    assert page_index(blocks) is page_index(blocks)
    assert page_index(blocks).images_shown({"b0": (0, 5)}) == ["1.jpg"]
    assert page_index(twin).images_shown({"b0": (0, 5)}) == []
    assert page_index(tuple(page("pfp"))) is not page_index(blocks)


def test_pictures_keep_the_order_of_the_page() -> None:
    blocks = page("fFpf")
    assert PageIndex(blocks).images_shown({"b2": (0, 5), "b1": (0, 10)}) == ["0.jpg", "1.jpg", "3.jpg"]
