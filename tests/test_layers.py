"""Words as columns of numbers say what boxes one by one would, and which way they run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.geometry import Box, QuarterTurn
from deepseek_ocr_rag.layers import Row, Rows

SIDE = st.floats(-50, 450, allow_nan=False)
ROW = st.tuples(SIDE, SIDE, SIDE, SIDE, st.text(min_size=1, max_size=5), st.integers(0, 3), st.integers(0, 3))


@given(st.lists(ROW, max_size=8), st.sampled_from([0, 90, 180, 270]))
def test_words_have_the_boxes_that_one_by_one_would_have(rows: list[Row], rotation: QuarterTurn) -> None:
    left, top, right, bottom = frame = (10.0, 20.0, 310.0, 420.0)
    expected = []
    for x0, y0, x1, y1, text, *_ in rows:
        if left <= (x0 + x1) / 2 <= right and top <= (y0 + y1) / 2 <= bottom:
            box = Box.from_size((x0 - left, y0 - top, x1 - left, y1 - top), width=300, height=400).turned(rotation)
            expected.append((text, box.as_tuple()))
    found = [(word.text, word.box.as_tuple()) for word in Rows(rows, frame).words(rotation)]
    assert [text for text, _ in found] == [text for text, _ in expected]
    for (_, sides), (_, wanted) in zip(found, expected, strict=True):
        assert sides == pytest.approx(wanted, abs=1e-6)


def test_sides_that_are_no_numbers_put_no_word_off_the_page() -> None:
    rows = [(float("nan"), 0, 5, 5, "a", 0, 0), (float("-inf"), 0, float("inf"), 5, "b", 0, 0), (0, 0, 5, 5, "c", 0, 0)]
    assert all(0 <= side <= 1 for side in Rows(rows, (0, 0, 10, 10)).words(0).sides)


def lines(*, across: int, down: int, count: int = 10, words: int = 6) -> list[Row]:
    """Lines of words on a page of 600 by 800, each word so many points from the one before it."""
    places = [
        (300 + across * word, 100 + 3 * line + down * word, line) for line in range(count) for word in range(words)
    ]
    return [(x, y, x + 20, y + 10, "words", 0, line) for x, y, line in places]


@pytest.mark.parametrize(
    ("rows", "plain"),
    [
        (lines(across=40, down=0), True),
        (lines(across=-40, down=0), False),
        (lines(across=0, down=40), False),
        (lines(across=40, down=0, count=3), False),
        (lines(across=40, down=0) + lines(across=0, down=30), False),
        (lines(across=40, down=0) + lines(across=0, down=0, count=200, words=1), False),
        ([], False),
    ],
    ids=["forward", "backward", "down", "a stamp", "both ways", "mostly lone words", "nothing"],
)
def test_a_page_that_plainly_reads_forward(rows: list[Row], plain: bool) -> None:
    assert Rows(rows, (0, 0, 600, 800)).read_forward() is plain
