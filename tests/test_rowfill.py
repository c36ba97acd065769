"""Rows are filled by the widths of their letters, so that spaces may be as wide as they like."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import accumulate

import pytest

from deepseek_ocr_rag.narrow import advances
from deepseek_ocr_rag.rowfill import Rows, fill_rows

LINES = (
    "To know where a line of a text ends is to",
    "know how wide it is, and in a column with",
    "two straight edges all are of one width. A",
    "space is then as wide as its row needs it",
    "to be.",
)
SPACE = sum(advances(" "))


def ems(text: str) -> float:
    return sum(advances(text))


def filled(lines: Sequence[str], *, width: float | None = None, seen: bool = True, joint: str = " ") -> list[str]:
    """What rows get that are drawn with these lines, all but the last as wide as they are to be."""
    text = joint.join(lines)
    widths = [*(width or ems(line) for line in lines[:-1]), ems(lines[-1])]
    gaps: list[list[float]] = []
    for line, wide in zip(lines, widths, strict=True):
        count = line.count(" ")
        gaps.append([SPACE + (wide - ems(line)) / max(1, count)] * count if seen else [])
    span = (0, len(text))
    rows = Rows(text, span, ems=list(accumulate(advances(text), initial=0.0)), widths=widths, gaps=gaps)
    found = fill_rows(text, span, rows)
    assert found is not None
    return [text[start:end] for start, end in found]


@pytest.mark.parametrize("width", [None, 1.0, 1.15, 1.3])
def test_spaces_may_be_wide(width: float | None) -> None:
    widest = max(map(ems, LINES))
    assert filled(LINES, width=width and width * widest) == list(LINES)


def test_rows_whose_gaps_are_not_seen_are_filled_by_their_widths() -> None:
    assert filled(LINES, seen=False) == list(LINES)


def test_how_far_off_rows_are_is_measured_without_their_spaces() -> None:
    text = "one two three"
    places = list(accumulate(advances(text), initial=0.0))
    widths = [ems("one two") + 3, ems("three")]
    seen = Rows(text, (0, 13), ems=places, widths=widths, gaps=[[SPACE + 3], []])
    assert seen.misfit([(0, 7), (8, 13)]) == pytest.approx(0, abs=1e-6)
    assert Rows(text, (0, 13), ems=places, widths=widths, gaps=[[], []]).misfit([(0, 7), (8, 13)]) > 0.1


def test_no_row_begins_with_a_mark() -> None:
    """Vowels and tones of Thai, of which every other place in this line is one."""
    text = "กี่ปู้ขึ้นนี้มีผู้รู้ดีที่สุดกี่ปู้ขึ้นนี้มีผู้รู้ดีที่สุด"
    places = list(accumulate(advances(text), initial=0.0))
    for share in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55):
        widths = [share * places[-1], (1 - share) * places[-1]]
        found = fill_rows(text, (0, len(text)), Rows(text, (0, len(text)), ems=places, widths=widths, gaps=[[], []]))
        assert found is not None
        assert unicodedata.category(text[found[1][0]])[0] != "M"
