"""How deep list items are nested: by their indentation where their places are known, and by their marks.

A list is what stands together on a page. The outermost of its items are at level 0, and an item is at most one level
deeper than the one before, so that the levels of a list mean the same from its first item to its last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..document import Block, BlockKind, Page
from ..syntax import BULLETS
from .numbering import roman_value

SAME_INDENT = 0.012
"""Items whose left edges are no further apart, as a share of the page's width, are equally far in."""

COUNTED_INDENT = 0.025
"""Items that count on may stand this far apart: 9 and 10 are set to the right."""

DEEPEST = 8

_STEP = 0.03
"""The indentation that a level given by the engine stands for."""

_MARK = re.compile(
    rf"\s*(?:(?P<bullet>[{BULLETS}]|[-–—*+](?=\s))"
    r"|(?P<open>[(（\[]?)(?:(?P<decimal>\d{1,3}(?:\.\d{1,3}){1,5}(?=\W))|(?P<number>\d{1,3}(?=\W))"
    r"|(?:(?P<roman>[ivxl]{1,6}|[IVXL]{1,6})|(?P<letter>[a-zA-Z])|(?P<cjk>[一二三四五六七八九十]{1,3}))(?=[.)）\]、．]))"
    r"(?P<close>[.)）\]、．]?)"
    r"|(?P<circled>[①-⑳]))"
)
_RANKS = {"decimal": 0, "number": 0, "cjk": 0, "circled": 1, "letter": 1, "roman": 2, "bullet": 3}
"""Which marks are set under which, where nothing but the marks tells."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An item's mark: its sort, how it is written, what it counts; and how far in it stands."""

    sort: str
    style: str
    value: int
    left: float | None


def nested(page: Page) -> Page:
    """The page with the level of each list item, 0 for the outermost."""
    blocks = list(page.blocks)
    for places in _lists(page.blocks):
        items = [blocks[at] for at in places]
        for at, block, level in zip(places, items, _levels(items, page), strict=True):
            blocks[at] = replace(block, level=level)
    return replace(page, blocks=tuple(blocks))


def _lists(blocks: Sequence[Block]) -> Iterator[list[int]]:
    """The places of list items that follow each other; furniture between them does not count."""
    places: list[int] = []
    for at, block in enumerate(blocks):
        if block.kind is BlockKind.LIST_ITEM:
            places.append(at)
        elif places and not block.kind.is_furniture:
            yield places
            places = []
    if places:
        yield places


def _levels(blocks: Sequence[Block], page: Page) -> Iterator[int]:
    open_items: list[_Item] = []
    for block, left in zip(blocks, _indents(blocks, page), strict=True):
        item = _item(block.text, left, open_items)
        level = min(_level(item, open_items), DEEPEST) if item else 0
        if item and (item.sort == "bullet" or item.value == 1 or level < max(1, len(open_items))):
            del open_items[level:]
            open_items.append(item)
        # What has no mark, or seems to begin a list in its middle, goes on from the item before it.
        yield max(0, len(open_items) - 1)


def _indents(blocks: Sequence[Block], page: Page) -> Iterator[float | None]:
    """How far in each item stands, seen from its column; by the engine's levels where items share a place."""
    boxes = [block.boxes[0].turned(page.turn) if block.boxes else None for block in blocks]
    known = [box for box in boxes if box]
    shared = len({(box.left, box.top) for box in known}) <= 1 and len(blocks) > 1
    if len(known) < len(blocks) or shared:
        has_levels = any(block.level for block in blocks)
        yield from (max(0, block.level) * _STEP if has_levels else None for block in blocks)
        return
    columns: list[list[float]] = []
    lowest = 1.0
    for box in known:
        if box.top < lowest - SAME_INDENT or not columns:
            columns.append([])
        columns[-1].append(box.left)
        lowest = box.top
    for column in columns:
        yield from (left - min(column) for left in column)


def _item(text: str, left: float | None, open_items: Sequence[_Item]) -> _Item | None:
    match = _MARK.match(text[:40])
    if match is None:
        return None
    sort = next(name for name in _RANKS if match[name])
    written = match[sort]
    style = written if sort == "bullet" else f"{match['open'] or ''}{match['close'] or ''}"
    if sort == "roman" and len(written) == 1:  # "i" comes after "h", or before "ii"
        value = _value("letter", written)
        counts_on = any(item.sort == "letter" and item.value == value - 1 for item in open_items)
        sort = "letter" if counts_on or written in "lL" else sort
    if sort in ("letter", "roman"):
        style += "A" if written.isupper() else "a"
    if sort == "decimal":
        style += "." * written.count(".")
    return _Item(sort, style, _value(sort, written), left)


def _value(sort: str, written: str) -> int:
    if sort == "number":
        return int(written)
    if sort == "decimal":
        return int(written.rpartition(".")[2])
    if sort == "letter":
        return ord(written.lower()) - 96
    if sort == "circled":
        return ord(written) - ord("①") + 1
    if sort == "roman":
        return roman_value(written)
    return 1


def _level(item: _Item, open_items: Sequence[_Item]) -> int:
    """The level of an item after those that are open, one of each level."""
    for level in reversed(range(len(open_items))):
        if _is_sibling(item, open_items[level]):
            return level
    last = open_items[-1] if open_items else None
    if last is None:
        return 0
    if item.left is None or last.left is None:
        opens = item.value == 1 and _RANKS[item.sort] >= _RANKS[last.sort]
        return len(open_items) if opens else len(open_items) - 1
    if item.left > last.left + SAME_INDENT:
        return len(open_items)
    if abs(item.left - last.left) <= SAME_INDENT:
        opens = item.value == 1 and item.sort != "bullet" and _RANKS[item.sort] > _RANKS[last.sort]
        return len(open_items) if opens else len(open_items) - 1
    return sum((one.left or 0.0) < item.left - SAME_INDENT for one in open_items)


def _is_sibling(item: _Item, one: _Item) -> bool:
    """Whether an item is marked as an open one is, and as far in, or counts on from it about there."""
    if (item.sort, item.style) != (one.sort, one.style):
        return False
    if item.left is None or one.left is None:
        return True
    apart = abs(item.left - one.left)
    return apart <= SAME_INDENT or (item.value == one.value + 1 and item.sort != "bullet" and apart <= COUNTED_INDENT)
