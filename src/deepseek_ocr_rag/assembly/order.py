"""The reading order of a page, checked where an engine went to and fro between two columns.

An engine that sees the page knows its order better than any rule about boxes. Only one mistake can be proven by boxes
alone: prose in two columns, read across them line of blocks by line of blocks. Everything else is left as it came.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..document import Block, BlockKind, Page
from ..geometry import Box

MOST_BLOCKS = 400
"""Pages of more blocks are no prose; they are left as they came."""

_PROSE = (BlockKind.PARAGRAPH, BlockKind.HEADING, BlockKind.LIST_ITEM, BlockKind.FORMULA, BlockKind.CODE)
_OVERLAP = 0.012
"""Blocks may reach this far over the gap between columns."""

_FEWEST, _RETURNS = 3, 2
"""Blocks in each column, and ways back from the right column further down the left one, that prove a mistake."""

_LEAST_LENGTH = 80
"""Characters that the texts of either column have on average; shorter ones may be labels beside values."""

_SAME_LINE, _MOST_ALIGNED = 0.008, 1 / 3
"""Blocks that begin at one height, and the share of them that shows rows, which are to be read across."""


def ordered(page: Page) -> Page:
    """The page with the blocks of two mixed columns one column after the other; the same blocks in any case.

    Pages that lie on their side, and blocks without a place, are left alone.
    """
    if page.turn or len(page.blocks) > MOST_BLOCKS:
        return page
    places = [at for at, block in enumerate(page.blocks) if not block.kind.is_furniture]
    body = [page.blocks[at] for at in places]
    gap = _gap(body)
    if gap is None:
        return page
    blocks = list(page.blocks)
    for start, end in _runs(body, gap):
        if _is_mixed(body, start, end, gap):
            for at, block in zip(places[start:end], _by_column(body[start:end], gap), strict=True):
                blocks[at] = block
    return replace(page, blocks=tuple(blocks))


def _gap(body: Sequence[Block]) -> float | None:
    """Where the second of two columns begins: the left edge that fewest blocks cross, with enough on both sides."""
    boxes = [block.boxes[0] for block in body if block.kind in _PROSE and len(block.boxes) == 1]
    best: tuple[int, float] | None = None
    for edge in sorted({round(box.left, 2) for box in boxes if 0.3 <= box.left <= 0.7}):
        sides = [_side(box, edge) for box in boxes]
        if min(sides.count("left"), sides.count("right")) >= _FEWEST and (not best or sides.count("") < best[0]):
            best = sides.count(""), edge
    return best[1] if best else None


def _side(box: Box, gap: float) -> str:
    if box.right <= gap + _OVERLAP:
        return "left"
    return "right" if box.left >= gap - _OVERLAP else ""


def _runs(body: Sequence[Block], gap: float) -> Iterator[tuple[int, int]]:
    """Stretches of blocks that each stand in one of the columns; what spans both, or has no place, parts them."""
    start = 0
    for at in range(len(body) + 1):
        if at == len(body) or len(body[at].boxes) != 1 or not _side(body[at].boxes[0], gap):
            if at - start >= 2 * _FEWEST:
                yield start, at
            start = at + 1


def _is_mixed(body: Sequence[Block], start: int, end: int, gap: float) -> bool:
    """Whether a stretch goes to and fro between two columns of prose beside which nothing spans both."""
    run = body[start:end]
    left, right = (_on(run, side, gap) for side in ("left", "right"))
    if min(len(left), len(right)) < _FEWEST or _returns(run, gap) < _RETURNS:
        return False
    if any(sum(len(block.text) for block in side) < _LEAST_LENGTH * len(side) for side in (left, right)):
        return False
    tops = [block.boxes[0].top for block in right]
    aligned = sum(any(abs(block.boxes[0].top - top) < _SAME_LINE for top in tops) for block in left)
    highest, lowest = min(block.boxes[0].top for block in run), max(block.boxes[0].bottom for block in run)
    others = (box for block in (*body[:start], *body[end:]) for box in block.boxes)
    is_alone = not any(highest + _OVERLAP < box.center[1] < lowest - _OVERLAP for box in others)
    return aligned <= _MOST_ALIGNED * len(left) and is_alone


def _on(run: Sequence[Block], side: str, gap: float) -> list[Block]:
    return [block for block in run if _side(block.boxes[0], gap) == side]


def _returns(run: Sequence[Block], gap: float) -> int:
    """How often reading comes back from the second column to the first, below where it left it."""
    first = "right" if _is_right_to_left(run) else "left"
    count, lowest, was_away = 0, 0.0, False
    for block in run:
        if _side(block.boxes[0], gap) != first:
            was_away = True
            continue
        count += was_away and block.boxes[0].top >= lowest - _OVERLAP
        lowest, was_away = block.boxes[0].bottom, False
    return count


def _by_column(run: Sequence[Block], gap: float) -> list[Block]:
    sides = ("right", "left") if _is_right_to_left(run) else ("left", "right")
    return [block for side in sides for block in _on(run, side, gap)]


def _is_right_to_left(run: Sequence[Block]) -> bool:
    letters = [char for block in run for char in block.text[:40] if char.isalpha()]
    turned = sum(unicodedata.bidirectional(char) in ("R", "AL") for char in letters)
    return turned * 2 > len(letters)
