"""Where the lines of a text break, told by how wide they are: the cheapest way to fill rows of known widths. Pure.

All rows are weighed together, so that an error in one does not move the next. A row may end at a space, behind a
hyphen, within a long word, which costs something, and anywhere between signs that are written without spaces.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median

from .folding import stands_alone

__all__ = ["Rows", "fill_rows"]

HYPHEN_COST, NEWLINE_COST = 0.002, 0.02
"""What it costs to break a word, and to go on in the same row after a newline, measured in squares of misfit."""

MISCOUNT_COST, MISCOUNTED = 0.0015, 4
"""What each space costs that a row has more or less than wide gaps, and how many of them count at most."""

WIDE = 0.65
"""A gap from this share of the usual one on is one between words."""

STATES = 24
"""Ways to fill the first rows that are kept while the next is tried."""

MOST_BREAKS = 400
"""Places to end a row that are tried from each state: hostile text may have any number of letters without width."""

_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class _Break:
    """A line may end before ``end``, and the next one begin at ``start``."""

    end: int
    start: int
    cost: float = 0.0
    width: float = 0.0
    """Ems of the hyphen that is printed there."""


class Rows:
    """The rows that a text is to fill, and how far off characters are in them.

    Where text is justified, each row's spaces have a width of their own. So letters are compared: of a row's gaps the
    widest stand for the spaces that are to be in it. A space without a gap, as ink that touches leaves, is as wide as
    spaces usually are.

    Args:
        text: What is to fill them.
        span: Its characters that do.
        ems: For each place in the text how far it would be from its beginning in one long line.
        widths: Those of the rows, in any unit.
        gaps: The widths of those in each row, in the same unit and any order.
    """

    def __init__(
        self,
        text: str,
        span: tuple[int, int],
        *,
        ems: Sequence[float],
        widths: Sequence[float],
        gaps: Sequence[Sequence[float]],
    ) -> None:
        is_space = [char.isspace() for char in text]
        steps = (end - start for start, end in pairwise(ems))
        self.letters = [0.0, *accumulate(0.0 if space else step for space, step in zip(is_space, steps, strict=True))]
        begins = (space and not last for last, space in pairwise([True, *is_space]))
        self._spaces = [0, *accumulate(begins)]
        first, last = span
        letters = self.letters[last] - self.letters[first]
        spaces = self._spaces[last] - self._spaces[first]
        self._space = (ems[last] - ems[first] - letters) / max(1, spaces)
        printed = max(0, spaces - len(widths) + 1)
        widest = sorted((gap for own in gaps for gap in own), reverse=True)[:printed]
        unseen = self._space * (printed - len(widest))
        self._scale = max(1e-6, sum(widths) - sum(widest)) / max(1e-6, letters + unseen)
        wide = WIDE * median(widest) if widest else math.inf
        self._words = [sum(gap >= wide for gap in own) for own in gaps]
        self._gaps = [[0.0, *accumulate(sorted(own, reverse=True))] for own in gaps]
        self._widths, self._widest = widths, max(widths)

    def __len__(self) -> int:
        return len(self._widths)

    def reach(self, row: int) -> tuple[float, float]:
        """The least and the most ems of letters that are worth a try in a row."""
        width, slack = self._widths[row], 0.08 * self._widest
        ink = max(width / 3, width - self._gaps[row][-1])
        return (0.6 * ink - slack) / self._scale, (1.3 * width + slack) / self._scale

    def off(self, row: int, start: int, end: int, more: float = 0.0) -> float:
        """By how much characters, with ``more`` ems, are wider than a row, measured by the widest row."""
        gaps, spaces = self._gaps[row], self._spaces[end] - self._spaces[start]
        seen = min(spaces, len(gaps) - 1)
        ems = self.letters[end] - self.letters[start] + more + self._space * (spaces - seen)
        return (self._scale * ems + gaps[seen] - self._widths[row]) / self._widest

    def miscount(self, row: int, start: int, end: int) -> int:
        """By how much the number of spaces is off that of the wide gaps."""
        return min(MISCOUNTED, abs(self._spaces[end] - self._spaces[start] - self._words[row]))

    def misfit(self, spans: Sequence[tuple[int, int]]) -> float:
        """How far off the characters of all rows are in the middle: the root of the mean square."""
        return math.sqrt(sum(self.off(row, *span) ** 2 for row, span in enumerate(spans)) / len(spans))


def fill_rows(
    text: str, span: tuple[int, int], rows: Rows, *, forced: Sequence[int] = ()
) -> list[tuple[int, int]] | None:
    """The characters of each row, or None where no way to fill them comes near their widths.

    Args:
        text: What is to be broken; newlines in it are likely breaks.
        span: The characters to fill the rows with.
        rows: Those to fill.
        forced: Characters with which a new row begins.
    """
    breaks = [_Break(span[0], span[0]), *_breaks(text, *span), _Break(span[1], len(text))]
    return _fill(breaks, rows, _Costs(text, forced))


def _breaks(text: str, first: int, last: int) -> Iterator[_Break]:
    """Where a line may end: at spaces, behind hyphens, within long words, and between signs that stand alone."""
    at = first
    for space in _SPACE.finditer(text, first, last):
        yield from _breaks_within(text, at, space.start())
        yield _Break(space.start(), space.end())
        at = space.end()
    yield from _breaks_within(text, at, last)


def _breaks_within(text: str, start: int, end: int) -> Iterator[_Break]:
    for at in range(start + 1, end):
        before, after = text[at - 1], text[at]
        if unicodedata.category(after)[0] == "M":  # a vowel or an accent of the sign before it
            continue
        is_sign = stands_alone(before) and after not in "、。，．）」』】》；：！？"
        if is_sign or (before in "-\u2010\u2013\u2014/" and after.isalnum()):
            yield _Break(at, at)
        elif start + 2 <= at <= end - 2 and text[at - 2 : at + 2].isalpha() and end - start >= 6:
            yield _Break(at, at, HYPHEN_COST, 0.33)


class _Costs:
    """What a row's characters cost beside their misfit."""

    def __init__(self, text: str, forced: Sequence[int]) -> None:
        self._newlines = [found.start() for found in re.finditer("\n", text)]
        self._forced = list(forced)

    def __call__(self, start: int, end: int) -> float:
        """Infinite where two blocks would share a row."""
        if bisect_right(self._forced, start) != bisect_left(self._forced, end):
            return math.inf
        return NEWLINE_COST * (bisect_left(self._newlines, end) - bisect_left(self._newlines, start))


def _fill(breaks: Sequence[_Break], rows: Rows, costs: _Costs) -> list[tuple[int, int]] | None:
    """Fill row after row, keeping the cheapest ways to have filled the rows so far."""
    ends = [rows.letters[point.end] for point in breaks]
    last = len(ends) - 1
    states: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for row in range(len(rows)):
        following: dict[int, tuple[float, tuple[int, ...]]] = {}
        least, most = rows.reach(row)
        for at, (cost, path) in states.items():
            start = breaks[at].start
            low = bisect_left(ends, rows.letters[start] + least, at + 1)
            high = bisect_right(ends, rows.letters[start] + most, at + 1)
            for to in range(*_window(low, high, last if row + 1 == len(rows) else 0)):
                point = breaks[to]
                misfit = rows.off(row, start, point.end, point.width) ** 2
                price = cost + misfit + MISCOUNT_COST * rows.miscount(row, start, point.end) + point.cost
                price += costs(start, point.end)
                if price < following.get(to, (math.inf,))[0]:
                    following[to] = (price, (*path, to))
        states = dict(sorted(following.items(), key=lambda item: item[1][0])[:STATES])
    if last not in states:
        return None
    path = (0, *states[last][1])
    return [(breaks[one].start, breaks[other].end) for one, other in pairwise(path)]


def _window(low: int, high: int, least: int) -> tuple[int, int]:
    """The breaks to try, no more than :data:`MOST_BREAKS`."""
    low = max(low, least)
    return low, min(high, low + MOST_BREAKS)
