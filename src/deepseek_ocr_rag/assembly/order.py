"""The reading order of a page, checked where an engine went to and fro between two columns.

An engine that sees the page knows its order better than any rule about boxes. Only one mistake can be proven: prose in
two columns, read across them line of blocks by line of blocks, where a sentence goes on further down its column and
none goes on across; lower case has to show it. Everything else, articles below each other and texts in two languages
too, is left as it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ..document import Block, BlockKind, Page
from ..geometry import Box
from .joints import goes_on

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
    """Stretches of blocks that stand in one of the columns each; headings part them, and what spans both or none."""
    start = 0
    for at in range(len(body) + 1):
        if at == len(body) or body[at].kind.is_heading or len(body[at].boxes) != 1 or not _side(body[at].boxes[0], gap):
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
    if aligned > _MOST_ALIGNED * len(left) or not is_alone or _sentences(run) > 0:
        return False
    return _sentences(left) + _sentences(right) > 0


def _sentences(blocks: Sequence[Block]) -> int:
    """How many sentences go on from one block to the next."""
    return sum(goes_on(block, following) for block, following in pairwise(blocks))


def _on(run: Sequence[Block], side: str, gap: float) -> list[Block]:
    return [block for block in run if _side(block.boxes[0], gap) == side]


def _returns(run: Sequence[Block], gap: float) -> int:
    """How often reading comes back from the second column to the first, below where it left it."""
    count, lowest, was_away = 0, 0.0, False
    for block in run:
        if _side(block.boxes[0], gap) == "right":
            was_away = True
            continue
        count += was_away and block.boxes[0].top >= lowest - _OVERLAP
        lowest, was_away = block.boxes[0].bottom, False
    return count


def _by_column(run: Sequence[Block], gap: float) -> list[Block]:
    return [block for side in ("left", "right") for block in _on(run, side, gap)]
