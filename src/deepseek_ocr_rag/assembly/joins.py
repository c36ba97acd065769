"""Paragraphs, list items and tables that a page, a column or a figure cut in two: linked, and left where they are.

What does not belong to the flow of the text (figures, tables, captions, notes, running heads) may stand between the
halves; a heading or a formula may not. Nothing is joined over a page that is missing or was not read to its end.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ..document import Block, BlockKind, Page, Table
from ..geometry import Box, QuarterTurn, bounding_box
from .continued import table_going_on
from .joints import begins_anew, goes_on, joint

SMALL_PRINT = 0.88
"""Text in letters of less than this share of the page's usual ones stands beside the text: notes, imprints."""

SAME_COLUMN = 0.02
"""Columns may overlap by this share of the page's width."""

LEAST_CUT = 60
"""Letters of a first half of one line, Chinese ones counting twice: what is shorter is a label, a source, a name."""

FOOT = 0.92
"""What is so short and stands below this share of the page's height is no text that goes on, marked or not."""

_FLOW = (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM)
_SHOWN = (BlockKind.FIGURE, BlockKind.TABLE)
_ASIDE = (BlockKind.FIGURE, BlockKind.TABLE, BlockKind.CAPTION, BlockKind.FOOTNOTE)
_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_MOST_LATER = 100
_UNFINISHED = ("failed", "truncated", "looped")


def joined_within(page: Page, known: Container[str]) -> Page:
    """The page with the paragraphs linked that go on in the next column, or behind a figure or table.

    ``continues``, ``continued_by`` and ``joint`` are set; ``known`` holds the words that the document has in one piece.
    """
    usual = _usual_size(page.blocks)
    changed = list(page.blocks)
    flow = [at for at, _ in _flow(enumerate(page.blocks), usual)]
    texts = [_upright(page.blocks[at], page.turn) for at in flow]
    for place, (at, following) in enumerate(pairwise(flow)):
        first, second = texts[place : place + 2]
        is_over_figure = any(block.kind in _SHOWN for block in page.blocks[at + 1 : following])
        if not is_over_figure and not _is_next_column(first, second):
            continue
        if not _can_join(changed[at], changed[following]) or not goes_on(first, second):
            continue
        if is_over_figure or not _is_inside_column(first, second, texts[place + 2 :]):
            changed[at], changed[following] = _linked(changed[at], changed[following], known)
    return replace(page, blocks=tuple(changed))


def joined(
    before: Page, after: Page, known: Container[str], opening: MutableMapping[str, Table] | None = None
) -> tuple[Page, Page]:
    """Both pages, with what goes on from the first to the second linked: at most one text and one table.

    The pages are to follow each other; where one is missing between them, failed, or was cut short, nothing is done.
    Their furniture, captions and notes are to be marked before.

    Args:
        before: A page.
        after: The page after it.
        known: The words that the document has in one piece.
        opening: Empty at a document's first pages and then handed on: it keeps the table that the rows at the page's
            end began with, under the id of their block, since a page between may leave the header out.
    """
    opening = {} if opening is None else opening
    begun = dict(opening)
    opening.clear()
    if after.number != before.number + 1 or before.status in _UNFINISHED or after.status == "failed":
        return before, after
    usual = _usual_size(before.blocks), _usual_size(after.blocks)
    ending = _flow(reversed(list(enumerate(before.blocks))), usual[0])
    last = next((at for at, block in ending if not _is_foot(_upright(block, before.turn))), None)
    following = next((at for at, _ in _flow(enumerate(after.blocks), usual[1])), None)
    if last is not None and following is not None:
        first, second = before.blocks[last], after.blocks[following]
        if _can_join(first, second) and goes_on(_upright(first, before.turn), _upright(second, after.turn)):
            before, after = _with_link(before, last, after, following, known)
    if found := table_going_on(before, after, begun):
        last, following, table = found
        one = before.blocks[last]
        opening[after.blocks[following].id] = begun.get(one.id, one.table or table)
        after = _with(after, following, replace(after.blocks[following], table=table))
        before, after = _with_link(before, last, after, following, known)
    return before, after


def _flow(blocks: Iterable[tuple[int, Block]], usual: float) -> Iterator[tuple[int, Block]]:
    return ((at, block) for at, block in blocks if not _is_aside(block, usual))


def _is_aside(block: Block, usual: float) -> bool:
    """Whether a block may stand between two halves of a paragraph."""
    is_small = block.kind in _FLOW and 0 < block.font_size < usual * SMALL_PRINT
    return block.kind.is_furniture or block.kind in _ASIDE or is_small or not block.text.strip()


def _usual_size(blocks: Sequence[Block]) -> float:
    """The size of the letters that most of the text is set in, 0 where unknown."""
    sizes = sorted(
        (block.font_size, len(block.text)) for block in blocks if block.kind in _FLOW and block.font_size > 0
    )
    middle = sum(length for _, length in sizes) / 2
    for size, length in sizes:
        middle -= length
        if middle <= 0:
            return size
    return 0.0


def _can_join(first: Block, second: Block) -> bool:
    """Whether both are text of one size that is not linked, and can be told apart."""
    if first.kind not in _FLOW or second.kind not in _FLOW or first.continued_by or second.continues:
        return False
    if _is_short(first) or (second.kind is BlockKind.LIST_ITEM and not begins_anew(first.text)):
        return False
    smaller, larger = sorted((first.font_size, second.font_size))
    return first.id != second.id and (smaller <= 0 or smaller >= larger * SMALL_PRINT)


def _is_short(block: Block) -> bool:
    """Whether a text is of one line, as far as is known, and a short one."""
    return len(block.lines) < 2 and len(block.text) + len(_WIDE.findall(block.text)) < LEAST_CUT


def _is_foot(block: Block) -> bool:
    box = bounding_box(block.boxes)
    return box is not None and box.top > FOOT and _is_short(block)


def _is_next_column(first: Block, second: Block) -> bool:
    """Whether the second text begins beside the first, further up."""
    if not first.boxes or not second.boxes:
        return False
    above, below = first.boxes[-1], second.boxes[0]
    is_beside = below.left >= above.right - SAME_COLUMN or below.right <= above.left + SAME_COLUMN
    return is_beside and below.top < above.bottom - SAME_COLUMN


def _is_inside_column(first: Block, second: Block, later: Sequence[Block]) -> bool:
    """Whether the column of the first text goes on below it, and not below the second: then that stands aside."""
    above, beside = first.boxes[-1], second.boxes[0]
    return any(
        _is_above(above, block.boxes[0]) and not _is_over(beside, block.boxes[0])
        for block in later[:_MOST_LATER]
        if block.boxes
    )


def _is_above(box: Box, other: Box) -> bool:
    return other.top > box.bottom - SAME_COLUMN and _is_over(box, other)


def _is_over(box: Box, other: Box) -> bool:
    return other.left < box.right - SAME_COLUMN and box.left < other.right - SAME_COLUMN


def _upright(block: Block, turn: QuarterTurn) -> Block:
    """The block as it is seen on a page whose text stands upright."""
    if not turn:
        return block
    lines = tuple(replace(line, box=line.box.turned(turn)) for line in block.lines)
    return replace(block, boxes=tuple(box.turned(turn) for box in block.boxes), lines=lines)


def _linked(first: Block, second: Block, known: Container[str]) -> tuple[Block, Block]:
    between = joint(first.text, second.text, known) if second.table is None else "space"
    return replace(first, continued_by=second.id), replace(second, continues=first.id, joint=between)


def _with_link(before: Page, last: int, after: Page, following: int, known: Container[str]) -> tuple[Page, Page]:
    first, second = _linked(before.blocks[last], after.blocks[following], known)
    return _with(before, last, first), _with(after, following, second)


def _with(page: Page, at: int, block: Block) -> Page:
    return replace(page, blocks=(*page.blocks[:at], block, *page.blocks[at + 1 :]))
