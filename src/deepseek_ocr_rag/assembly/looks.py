"""How headings are printed: looks that are told apart by size, weight and capitals, and what stands in each.

What is kept grows with the number of looks, not with the number of pages.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import isfinite

from ..document import Block, BlockKind
from .headlines import Doubt, doubt_of, is_capital

SAME_SIZE = 0.94
"""Letters are of one size if the smaller are at least this share of the larger; scans are noisy."""

CAPITALS = 3
"""Fewer headings in capitals are not a level of their own: "FAQ" is an abbreviation."""

MOST_SIZES = 256
"""Sizes told apart at most; what comes after is taken for the nearest."""

_NOMINAL = (1.8, 1.5, 1.3, 1.2, 1.1, 1.05)
"""Size, in letters of the text, that stands for a level where an engine gives levels and no sizes."""

_TEXT = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.OTHER})

Weight = tuple[float, bool, bool]
"""How much a look stands out: smaller is more. Size, negative; not bold; not in capitals."""


@dataclass(slots=True, kw_only=True, eq=False)
class Look:
    """One way in which lines are printed, and how many of the lines seen so far are headings."""

    size: float
    is_bold: bool
    is_capital: bool
    is_measured: bool
    """False where the size only stands for the level that an engine gave."""
    labelled: int = 0
    """Lines that the engine called headings."""
    plain: int = 0
    """Short lines that it called text."""
    depths: Counter[int] = field(default_factory=Counter)
    """How deep the numbered headings among them are."""
    rows: set[Doubt] = field(default_factory=set)
    """Doubts that several different headings of this look give, where sizes tell nothing: diaries, commands."""
    rank: tuple[Weight, int] | None = None
    """Where unnumbered headings of this look stand, once that is settled."""

    _doubtful: dict[Doubt, str] = field(default_factory=dict)

    def count_doubt(self, text: str) -> None:
        """Remember a heading that there is a doubt about, if only the engine's label speaks for it."""
        doubt = None if self.is_measured else doubt_of(text)
        if doubt is not None and self._doubtful.setdefault(doubt, text) != text:
            self.rows.add(doubt)

    @property
    def weight(self) -> Weight:
        """For comparing looks; headings of the smaller one are further up."""
        return (-self.size, not self.is_bold, not (self.is_capital and self.labelled >= CAPITALS))

    @property
    def is_trusted(self) -> bool:
        """Whether lines of this look are headings as a rule."""
        return self.labelled >= 2 and self.labelled >= self.plain


class Looks:
    """The looks of a document, and the size of the letters of its text."""

    def __init__(self) -> None:
        self._sizes: list[float] = []
        self._looks: dict[tuple[float, bool, bool, bool], Look] = {}
        self._text: Counter[float] = Counter()
        self._body: float | None = None
        """None where texts were counted since it was asked for."""

    @property
    def body(self) -> float:
        """Size of most of the text's letters in points; 0 while unknown."""
        if self._body is None:
            self._body = max(self._text, key=self._text.__getitem__, default=0.0)
        return self._body

    def count_text(self, block: Block) -> None:
        """Remember the size of a text."""
        if block.kind in _TEXT and _has_size(block):
            self._text[self._size(block.font_size)] += len(block.text)
            self._body = None

    def of(self, block: Block) -> Look:
        """The look of a block; the same object for all blocks that look the same."""
        if _has_size(block):
            size, is_measured = self._size(block.font_size), True
        else:
            size, is_measured = _NOMINAL[min(_own_level(block), len(_NOMINAL)) - 1] * (self.body or 10.0), False
            size = self._size(size)
        key = (size, block.is_bold, is_capital(block.text), is_measured)
        if key not in self._looks:
            self._looks[key] = Look(size=size, is_bold=key[1], is_capital=key[2], is_measured=is_measured)
        return self._looks[key]

    def headings(self) -> int:
        """How many lines the engine called headings."""
        return sum(look.labelled for look in self._looks.values())

    def heaviest(self) -> Look | None:
        """The look of headings that stands out most."""
        return min((look for look in self._looks.values() if look.labelled), key=lambda look: look.weight, default=None)

    def _size(self, size: float) -> float:
        """The size seen before that is the same, else this one."""
        nearest = min(self._sizes, key=lambda known: abs(known - size), default=0.0)
        if len(self._sizes) >= MOST_SIZES or min(nearest, size) >= SAME_SIZE * max(nearest, size):
            return nearest
        self._sizes.append(size)
        return size


def _has_size(block: Block) -> bool:
    return block.font_size > 0 and isfinite(block.font_size)


def _own_level(block: Block) -> int:
    return block.level if block.level > 0 else 1 if block.kind is BlockKind.TITLE else 2
