"""Pages whose own words do not bear out what a model said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deepseek_ocr_rag.document import Block, BlockKind, Page, PageStatus
from deepseek_ocr_rag.geometry import Box, QuarterTurn, inverse_turn
from deepseek_ocr_rag.recognition import ImageRequest, Inked, InkRow, PageImage, PageRequest, Word
from deepseek_ocr_rag.suspects import hidden_request, in_parts, judged_page, page_trust, seen_words, surer_page
from deepseek_ocr_rag.usage import Usage

SAID = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen."
LOST = "Sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred."


def words(text: str, top: float, turn: QuarterTurn) -> tuple[Word, ...]:
    """The words of a line at that height of the upright page, as the page shows them that was turned to be read."""
    return tuple(
        Word(text=word, box=Box(left=0.06 * at, top=top, right=0.06 * at + 0.05, bottom=top + 0.02).turned(-turn % 360))
        for at, word in enumerate(text.split())
    )


def page(turn: QuarterTurn = 0, status: PageStatus = "ok") -> Page:
    place = Box(left=0, top=0.29, right=1, bottom=0.33).turned(inverse_turn(turn))
    block = Block(id="p1-b1", kind=BlockKind.PARAGRAPH, text=SAID, page_number=1, boxes=(place,))
    return Page(number=1, label="1", width=600, height=800, status=status, blocks=(block,), turn=turn)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_what_is_put_in_lies_where_the_page_shows_it(turn: QuarterTurn) -> None:
    lost = words(LOST, 0.6, turn)
    trust = page_trust(page(turn), words(SAID, 0.3, turn) + lost)
    assert trust is not None
    made = judged_page(page(turn), trust, fills=True)
    assert (made.status, made.trust) == ("suspect", pytest.approx(0.44, abs=0.05))
    assert [block.text for block in made.blocks] == [SAID, LOST]
    assert all(made.blocks[1].boxes[0].holds_center_of(word.box) for word in lost)


@pytest.mark.parametrize("status", ["ok", "retried", "truncated", "looped"])
def test_reasons_do_not_hide_what_is_known_already(status: PageStatus) -> None:
    own = page(status=status)
    trust = page_trust(own, words(SAID, 0.3, 0) + words(LOST, 0.6, 0))
    assert trust is not None
    made = judged_page(own, trust, fills=False)
    assert made.status == ("suspect" if status in ("ok", "retried") else status)
    assert len(made.warnings) == 1
    assert made.blocks == own.blocks


@pytest.mark.parametrize("turn", [0, 90])
def test_words_without_ink_are_not_missed(turn: QuarterTurn) -> None:
    own, all_words = page(turn), words(SAID, 0.3, turn) + words(LOST, 0.6, turn)
    trust = page_trust(own, all_words)
    assert trust is not None
    wanted = hidden_request(own, trust)
    assert wanted is not None
    assert wanted.turn == turn
    image = PageImage(page_number=1, page_width=600, page_height=800)
    below = Inked(rows=(InkRow(left=0, right=1, top=0.63, bottom=0.65),))
    through = Inked(rows=(InkRow(left=0, right=1, top=0.6, bottom=0.62),))
    assert seen_words(own, all_words, replace(image, inked=(through,)), wanted) == all_words
    assert seen_words(own, all_words, replace(image, inked=(below,)), wanted) == words(SAID, 0.3, turn)
    # A slanting row is told at the page's left edge: it is higher up in the middle of the line.
    falling = Inked(rows=(InkRow(left=0, right=1, top=0.56, bottom=0.58),), slope=0.1)
    assert seen_words(own, all_words, replace(image, inked=(falling,)), wanted) == all_words


def test_a_page_that_lacks_nothing_needs_no_look() -> None:
    trust = page_trust(page(), words(SAID, 0.3, 0))
    assert trust is not None
    assert hidden_request(page(), trust) is None
    assert judged_page(page(), trust, fills=True) == replace(page(), trust=1.0)


@pytest.mark.parametrize(
    ("status", "trust", "used"),
    [
        ("ok", 1.0, True),
        ("retried", 0.9, True),
        ("suspect", 0.6, True),
        ("suspect", 0.4, False),
        ("failed", None, False),
    ],
)
def test_the_reading_that_is_borne_out_counts_and_both_are_paid(
    status: PageStatus, trust: float | None, used: bool
) -> None:
    first = replace(page(status="suspect"), trust=0.5, usage=Usage(requests=1), warnings=("why",), history=("a",))
    other = replace(page(status=status), trust=trust, usage=Usage(requests=2), history=("b",))
    made = surer_page(first, other)
    assert made.trust == (trust if used else 0.5)
    assert made.status == ("suspect" if not used else {"ok": "retried"}.get(status, status))
    assert made.usage == Usage(requests=3)
    assert made.history[:2] == ("a", "b")
    assert ("used" if used else "not used") in made.history[2]


def test_another_reading_is_of_the_same_picture_in_parts() -> None:
    request = PageRequest(image=ImageRequest(resolution="base", max_side=900), words=True)
    assert in_parts(request) == replace(request, image=ImageRequest(resolution="base", max_side=900, parts=2))
    assert in_parts(PageRequest(words=True)) is None
