"""The words of a line, of which a document has hundreds of thousands: kept as numbers, made one by one when asked for.

A word that is an object with a box takes four times the memory, and as much time again whenever a page is written,
read, or looked at by the garbage collector.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import eq, le, lt
from typing import Annotated, overload

from .geometry import Box, QuarterTurn, turned_sides
from .ranges import Range

DIGITS = 5
"""Digits of a word's box: 1/100000 of a page is less than a hair."""

MOST = 2**53
"""No text is longer."""

_SCALE = 10.0**DIGITS
_WHOLES = 2.0**52
"""From here on floats are whole numbers: what is added to it is rounded."""

_ROW = 6
_Place = Annotated[int, Range(0, MOST)]


def few_digits(sides: Iterable[float]) -> list[float]:
    """Sides of boxes, as ``round`` gives them, which takes twice as long: it is asked where a half is near."""
    return [
        whole / _SCALE
        if -0.499 < (scaled := side * _SCALE) - (whole := scaled + _WHOLES - _WHOLES) < 0.499
        else round(side, DIGITS)
        for side in sides
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineWord:
    """Characters ``[start, end)`` of the block's text, a word or a part of one, stand in ``box``."""

    start: _Place
    end: _Place
    box: Box

    @classmethod
    def at(cls, start: int, end: int, box: Box) -> LineWord:
        """A word in a box of few digits, as pages have hundreds of words."""
        left, top, right, bottom = (round(side, DIGITS) for side in box.as_tuple())
        return cls(start=start, end=end, box=Box(left=left, top=top, right=right, bottom=bottom))


class LineWords(Sequence[LineWord]):
    """The words of a line.

    Attributes:
        spans: Start and end of each, one word's after the other's.
        sides: Left, top, right and bottom of each, likewise, as fractions of the page.
    """

    __slots__ = ("sides", "spans")

    def __init__(self, spans: Iterable[int] = (), sides: Iterable[float] = ()) -> None:
        self.spans = array("q", spans)
        self.sides = array("d", sides)
        if len(self.sides) != 2 * len(self.spans) or len(self.spans) % 2:
            raise ValueError(f"{len(self.spans) / 2} words have {len(self.sides)} sides of boxes, and not four each")

    @classmethod
    def of(cls, words: Iterable[LineWord]) -> LineWords:
        """These words; as they are where they are kept so."""
        if isinstance(words, cls):
            return words
        listed = list(words)
        if not listed:
            return NO_WORDS
        return cls(
            chain.from_iterable((word.start, word.end) for word in listed),
            chain.from_iterable(word.box.as_tuple() for word in listed),
        )

    def __len__(self) -> int:
        return len(self.spans) // 2

    def __bool__(self) -> bool:
        return bool(self.spans)

    @overload
    def __getitem__(self, at: int) -> LineWord: ...
    @overload
    def __getitem__(self, at: slice) -> LineWords: ...
    def __getitem__(self, at: int | slice) -> LineWord | LineWords:
        places = range(len(self))[at]
        if isinstance(places, range):
            return LineWords.of([self[place] for place in places])
        left, top, right, bottom = self.sides[4 * places : 4 * places + 4]
        box = Box(left=left, top=top, right=right, bottom=bottom)
        return LineWord(start=self.spans[2 * places], end=self.spans[2 * places + 1], box=box)

    def __iter__(self) -> Iterator[LineWord]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LineWords):
            return self.spans == other.spans and self.sides == other.sides
        return isinstance(other, Sequence) and len(other) == len(self) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash((self.spans.tobytes(), tuple(self.sides)))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[object, ...]:
        return LineWords, (self.spans, self.sides)

    def cut(self, start: int, end: int, *, moved: int = 0) -> LineWords:
        """What of the words is within ``[start, end)``, with ``moved`` added to all places; boxes stay whole."""
        spans = self.spans
        if not spans:
            return self
        starts, ends = spans[::2], spans[1::2]
        if min(starts) >= start and max(ends) <= end and all(map(lt, starts, ends)):
            return self.moved(moved)
        cut = [(max(first, start), min(last, end)) for first, last in zip(starts, ends, strict=True)]
        kept = [at for at, (first, last) in enumerate(cut) if first < last]
        return LineWords(
            (place + moved for at in kept for place in cut[at]),
            chain.from_iterable(self.sides[4 * at : 4 * at + 4] for at in kept),
        )

    def moved(self, by: int) -> LineWords:
        """The words with ``by`` added to all places."""
        return LineWords(map(by.__add__, self.spans), self.sides) if by else self

    def turned(self, degrees: QuarterTurn) -> LineWords:
        """The words after the page is turned clockwise by a quarter turn or several."""
        if not self.spans:
            return self
        return LineWords(self.spans, few_digits(turned_sides(self.sides, degrees)))

    def to_json(self) -> list[list[float]]:
        """Six numbers for each: start, end, left, top, right and bottom."""
        spans, sides = self.spans, self.sides
        return list(map(list, zip(spans[::2], spans[1::2], sides[::4], sides[1::4], sides[2::4], sides[3::4])))  # noqa: B905 - as long

    @classmethod
    def from_rows(cls, rows: object) -> LineWords | None:
        """The words of :meth:`to_json`; None where something is not as it writes it, and is to be looked at closely."""
        if rows in ([], ()):
            return NO_WORDS
        if not isinstance(rows, list) or set(map(type, rows)) != {list} or set(map(len, rows)) != {_ROW}:
            return None
        starts, ends, *sides = zip(*rows, strict=True)
        if set(map(type, starts + ends)) != {int} or set(map(type, chain(*sides))) - {int, float}:
            return None
        left, top, right, bottom = sides
        is_sound = (
            (min(starts) >= 0 and min(ends) >= 0 and max(starts) <= MOST and max(ends) <= MOST)
            and (min(left) >= 0 and min(top) >= 0 and max(right) <= 1 and max(bottom) <= 1)
            and (all(map(le, left, right)) and all(map(le, top, bottom)))
        )
        flat = list(chain.from_iterable(rows))
        del flat[::_ROW]
        del flat[:: _ROW - 1]
        return cls(chain.from_iterable(zip(starts, ends, strict=True)), flat) if is_sound else None

    @staticmethod
    def as_object(row: object) -> object:
        """A row as the fields of a :class:`LineWord`, which is how they were written once."""
        if isinstance(row, Mapping) or not isinstance(row, list) or len(row) != _ROW:
            return row
        return {"start": row[0], "end": row[1], "box": row[2:]}


NO_WORDS = LineWords()
