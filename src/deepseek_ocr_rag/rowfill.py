"""Where the lines of a text break, told by how wide they are: the cheapest way to fill rows of known widths. Pure.

All rows are weighed together, so that an error in one does not move the next. A row may end at a space, behind a
hyphen, within a long word, which costs something, and anywhere between signs that are written without spaces.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .folding import stands_alone

__all__ = ["fill_rows"]

HYPHEN_COST, NEWLINE_COST = 0.002, 0.02
"""What it costs to break a word, and to go on in the same row after a newline, measured in squares of misfit."""

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


def fill_rows(
    text: str, span: tuple[int, int], *, ems: Sequence[float], widths: Sequence[float], forced: Sequence[int]
) -> list[tuple[int, int]] | None:
    """The characters of each row, or None where no way to fill them comes near their widths.

    Args:
        text: What is to be broken; newlines in it are likely breaks.
        span: The characters to fill the rows with.
        ems: For each place in the text how far it would be from its beginning in one long line.
        widths: Those of the rows, in any unit.
        forced: Characters with which a new row begins.
    """
    breaks = [_Break(span[0], span[0]), *_breaks(text, *span), _Break(span[1], len(text))]
    return _fill(breaks, ems, widths, _Costs(text, forced))


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


def _fill(
    breaks: Sequence[_Break], ems: Sequence[float], widths: Sequence[float], costs: _Costs
) -> list[tuple[int, int]] | None:
    """Fill row after row, keeping the cheapest ways to have filled the rows so far."""
    ends = [ems[point.end] for point in breaks]
    lost = 0.31 * (len(widths) - 1)
    scale = sum(widths) / max(1e-6, ends[-1] - ends[0] - lost)
    widest = max(widths)
    last = len(ends) - 1
    states: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for number, width in enumerate(widths):
        following: dict[int, tuple[float, tuple[int, ...]]] = {}
        slack = 0.08 * widest
        for at, (cost, path) in states.items():
            begin = ems[breaks[at].start]
            low = bisect_left(ends, begin + (0.6 * width - slack) / scale, at + 1)
            high = bisect_right(ends, begin + (1.5 * width + slack) / scale, at + 1)
            is_last = number + 1 == len(widths)
            for to in range(*_window(low, high, last if is_last else 0)):
                point = breaks[to]
                off = (scale * (ends[to] + point.width - begin) - width) / widest
                price = cost + off * off + point.cost + costs(breaks[at].start, point.end)
                if price < following.get(to, (math.inf,))[0]:
                    following[to] = (price, (*path, to))
        cheapest = sorted(following.items(), key=lambda item: item[1][0])[:STATES]
        states = dict(cheapest)
    if last not in states:
        return None
    path = (0, *states[last][1])
    return [(breaks[one].start, breaks[other].end) for one, other in pairwise(path)]


def _window(low: int, high: int, least: int) -> tuple[int, int]:
    """The breaks to try, no more than :data:`MOST_BREAKS`."""
    low = max(low, least)
    return low, min(high, low + MOST_BREAKS)
