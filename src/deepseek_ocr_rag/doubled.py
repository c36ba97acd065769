"""Words that a page draws a second time at the same place, as some files do with bold letters. Pure."""

from __future__ import annotations

from operator import add

from .recognition import Words

CELLS = 250
"""A page has so many rows of cells, and so many columns; words that are drawn twice have their middles in the same."""

REACH = 2 / CELLS
"""Middles farther apart than this, in fractions of the page, share no cell."""


def drawn_once(words: Words) -> Words:
    """The words without those that are drawn again; the same ones if none is."""
    sides = words.sides
    seen: dict[str, set[int]] = {}
    again: set[int] = set()
    for at in _suspects(words):
        x, y = (sides[4 * at] + sides[4 * at + 2]) * CELLS / 2, (sides[4 * at + 1] + sides[4 * at + 3]) * CELLS / 2
        # Two grids, of which one is half a cell off: what lies on the edge of one is well within the other.
        across, down = (2 * int(x), 2 * int(x + 0.5) + 1), (2 * int(y), 2 * int(y + 0.5) + 1)
        places = {1000 * row + column for row in down for column in across}
        known = seen.setdefault(words.texts[at], set())
        if len(places & known) >= 2:
            again.add(at)
        known |= places
    return words.only([at for at in range(len(words)) if at not in again]) if again else words


def _suspects(words: Words) -> list[int]:
    """The words that come again at about the same height, of which a page has few; in the order of the file."""
    heights = list(map(add, words.sides[1::4], words.sides[3::4]))  # of their middles, twice
    last: dict[str, int] = {}
    found: set[int] = set()
    for at in sorted(range(len(heights)), key=heights.__getitem__):
        text = words.texts[at]
        above = last.get(text)
        if above is not None and heights[at] - heights[above] < 2 * REACH:
            found.update((above, at))
        last[text] = at
    return sorted(found)
