"""How deep headings stand beside each other: by number, by the file's outline, else by how they are printed.

A rank is the weight of a look (size, bold, capitals) and, within that, a depth. Ranks are only compared, never counted,
so that a look that turns up late can stand between two that are known already. What is once given stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from ..document import OutlineEntry
from .looks import Look, Weight
from .numbering import Number, Style

Rank = tuple[Weight, int, int]
"""Smaller is further up: the weight of the look, the depth, and how much deeper than the outline's entry."""

STEP = 10
"""Between one depth and the next, so that parts can stand between them."""

UNNUMBERED = 1000
"""The depth of looks that no number and no entry of the outline is known for."""

_COUNTED: tuple[Style, ...] = ("roman", "letter", "decimal", "cjk", "cjk_paren")
_DEPTHS: dict[Style, int] = {
    "book": -3,
    "part": -2,
    "title": -1,
    "chapter": 0,
    "appendix": 1,
    "section": 2,
    "article": 4,
    "paragraph": 4,
    "paren": 8,
}
_BELOW_SECTION = 3
"""Where a title stands if sections come first, as in German laws; in others it is above the chapters."""


class Ranks:
    """The ranks of a document's headings; evidence comes first, by :meth:`count`."""

    def __init__(self) -> None:
        self._families: list[Style] = []
        self._divisions: list[Style] = []
        self._has_chapters = False
        self._offsets: Counter[int] = Counter()
        self._shallowest: dict[int, int] = {}
        self._seen: defaultdict[int, Counter[Weight]] = defaultdict(Counter)
        self._weights: dict[int, Weight] = {}

    def count(self, look: Look, number: Number | None, entry: OutlineEntry | None) -> None:
        """Take in a heading."""
        if number is not None and entry is not None:
            self._offsets[entry.level - number.depth] += 1
            self._shallowest[entry.level] = min(self._shallowest.get(entry.level, number.depth), number.depth)
        depth = self._depth(number, entry)
        if depth is not None:
            look.depths[depth] += 1
            self._seen[depth][look.weight] += 1

    def rank(self, look: Look, number: Number | None, entry: OutlineEntry | None) -> Rank:
        """Where a heading stands."""
        depth = self._depth(number, entry)
        if depth is not None:
            return (self._weight(depth, look), depth, self._below(entry, number))
        if look.rank is None:
            look.rank = self._unnumbered(look)
        return (*look.rank, 0)

    def _depth(self, number: Number | None, entry: OutlineEntry | None) -> int | None:
        """How deep a number or an entry of the outline says that a heading is, or None."""
        if entry is not None:
            return STEP * entry.level
        if number is None:
            return None
        offset = self._offsets.most_common(1)[0][0] if self._offsets else 0
        return STEP * (self._numbered(number) + offset)

    def _numbered(self, number: Number) -> int:
        """Depth by number; of Roman numbers, letters and decimals, what a document uses first is further up."""
        style = number.style
        self._has_chapters = self._has_chapters or style in ("chapter", "part")
        if style in ("title", "section") and style not in self._divisions:
            self._divisions.append(style)
        if style == "title" and self._divisions[0] == "section":
            return _BELOW_SECTION
        if style == "appendix" and self._has_chapters:
            return _DEPTHS["chapter"]
        if style not in _COUNTED:
            return _DEPTHS[style]
        if style not in self._families:
            self._families.append(style)
        above = self._families[: self._families.index(style)]
        # Letters after decimals number appendices.
        return number.depth + sum(1 for other in above if not (other == "decimal" and style == "letter"))

    def _below(self, entry: OutlineEntry | None, number: Number | None) -> int:
        """Many outlines are flat where the numbers are not: 1.2.1 stands below 1.2 also where both are of one level."""
        if entry is None or number is None:
            return 0
        return number.depth - self._shallowest.get(entry.level, number.depth)

    def _unnumbered(self, look: Look) -> tuple[Weight, int]:
        """Headings without a number are what numbered ones of their look are; an engine's own levels are flat."""
        if look.depths:
            depth = look.depths.most_common(1)[0][0] if look.is_measured else min(look.depths)
            return (self._weight(depth, look), depth)
        top = min(self._seen, default=None)
        if look.labelled < 2 and top is not None and look.weight < (weight := self._weight(top, look)):
            return (weight, top)  # one of a kind is above all that is numbered only as the title
        return (look.weight, UNNUMBERED)

    def _weight(self, depth: int, look: Look) -> Weight:
        """The weight of numbered headings of a depth: that of most of them, between those above and those below."""
        if depth not in self._weights:
            seen = self._seen.get(depth)
            weight = seen.most_common(1)[0][0] if seen else look.weight
            above = [known for other, known in self._weights.items() if other < depth]
            below = [known for other, known in self._weights.items() if other > depth]
            self._weights[depth] = min([max([weight, *above]), *below])
        return self._weights[depth]
