"""A page's lost text, put back from its own words where it belongs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .document import Block, BlockKind, Line, LineSource
from .geometry import Box, bounding_box
from .trust import LostRegion, Trust, suspicious


def filled(blocks: tuple[Block, ...], trust: Trust | None, *, page_number: int) -> tuple[Block, ...]:
    """The blocks with a paragraph for each lost region that makes the page suspect, where it belongs.

    A paragraph has a line for each line of the region. It comes after the lowest block above it in its column, else
    before the first one below, and where blocks have no places after the one that says what stands before it.
    """
    if trust is None:
        return blocks
    taken = {block.id for block in blocks}
    result = list(blocks)
    for region in suspicious(trust):
        new = _paragraph(region, page_number, trust.source, taken)
        taken.add(new.id)
        result.insert(_position(result, region, new.boxes[0]), new)
    return tuple(result)


def _paragraph(region: LostRegion, page_number: int, source: LineSource, taken: set[str]) -> Block:
    number = 1
    while f"p{page_number}-e{number}" in taken:
        number += 1
    text, lines = "", []
    for line in region.lines:
        text += " " if text else ""
        lines.append(Line(start=len(text), end=len(text) + len(line.text), box=line.box, source=source))
        text += line.text
    box = bounding_box(region.boxes)
    return Block(
        id=f"p{page_number}-e{number}",
        kind=BlockKind.PARAGRAPH,
        text=text,
        page_number=page_number,
        boxes=(box,) if box else (),
        lines=tuple(lines),
        label="evidence",
    )


def _position(blocks: Sequence[Block], region: LostRegion, box: Box) -> int:
    above, below = [], []
    for at, block in enumerate(blocks):
        places = [each for each in block.boxes if min(each.right, box.right) > max(each.left, box.left)]
        if any(each.center[1] <= box.center[1] for each in places):
            above.append((max(each.center[1] for each in places if each.center[1] <= box.center[1]), at))
        elif places:
            below.append((min(each.center[1] for each in places), at))
    if above:
        return max(above)[1] + 1
    if below:
        return min(below)[1]
    return next((at + 1 for at, block in enumerate(blocks) if block.id == region.after), len(blocks))
