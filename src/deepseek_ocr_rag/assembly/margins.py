"""What stands where running heads and feet may stand: the texts of a page that can be furniture, and their places.

A text says the same on two pages if nothing differs, or one number that counts with the pages. Other numbers are
amounts, dates and names, which belong to the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..document import Block, BlockKind, Page
from ..geometry import Box, bounding_box
from .folios import Folio, counted, folio_alone, folios

FURNITURE_ZONE = 0.08
"""Running heads and feet have their middle in this share of the page's height, at the top or at the bottom."""

LABELLED_ZONE = 0.15
"""With more evidence than coming back (an engine's label, the same height, a page number) it may be this share."""

FARTHEST = 0.25
"""An engine's label on a page number that fits those of the pages around may be right within this share."""

SIDE_ZONE = 0.06
"""What runs along the side of a page has its middle in this share of the width, and is no wider."""

UNREADABLE = 2.0
"""Letters of less points are not for readers: tags of the program that made the file."""

_LONGEST = 600
"""Longer blocks are text."""

_CAN_BE_FURNITURE = frozenset(
    {BlockKind.TITLE, BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.OTHER, BlockKind.FOOTNOTE}
)

Place = Literal["outmost", "near", "far", "end", "stamp"]
"""In the margin; close to it; within reach of a wide one; first or last on a page without places; large, anywhere."""


_STAMP_AREA, _STAMP_LENGTH, _STAMP_OVER = 0.03, 40, 0.5
"""A watermark is a few large letters, and covers most of another text, or the other way round."""

MOST_SAID = 64
"""Texts of a page at most that may be furniture, from both of its ends; no margin holds more."""

_MOST_TEXTS = 400
"""Texts of a page among which is looked for those beside or under another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A text that may be furniture by its place on page ``page``.

    ``plain`` is in lower case; ``keys`` are that and what it says with a number that counts with the pages.
    """

    page: int
    text: str
    plain: str
    keys: tuple[str, ...]
    folios: tuple[Folio, ...]
    zone: BlockKind
    place: Place
    height: float
    is_labelled: bool
    is_heading: bool
    is_beside: bool
    """Whether other text than a page number stands beside it."""

    @property
    def is_folio(self) -> bool:
        """Whether it is a page number and nothing else."""
        return folio_alone(self.text) is not None


def all_said(page: Page) -> list[Said | None]:
    """For each block what it says as furniture, or None where its place, its length or a crowd of others forbids it."""
    ends = _ends(page.blocks)
    boxes = [bounding_box(block.boxes) for block in page.blocks]
    upright = [box.turned(page.turn) if box else None for box in boxes]
    places = [_zone(block, box, ends.get(at)) for at, (block, box) in enumerate(zip(page.blocks, upright, strict=True))]
    found = [at for at, place in enumerate(places) if place]
    texts = [
        (at, box, block.text)
        for at, (block, box) in enumerate(zip(page.blocks, upright, strict=True))
        if box and block.kind in _CAN_BE_FURNITURE
    ][:_MOST_TEXTS]
    said: list[Said | None] = [None] * len(page.blocks)
    for at in found if len(found) <= MOST_SAID else (*found[: MOST_SAID // 2], *found[-MOST_SAID // 2 :]):
        if (place := places[at]) is not None:
            item, box = _said(page.blocks[at], page.number, upright[at], place), upright[at]
            if box and item.place in ("near", "stamp"):
                said[at] = _seen_among(item, box, [text for text in texts if text[0] != at])
            else:
                said[at] = item
    return said


def _seen_among(item: Said, box: Box, others: Sequence[tuple[int, Box, str]]) -> Said | None:
    """The text, knowing what is beside it; or None for a stamp that stands over no other text."""
    if item.place == "stamp":
        is_over = any(max(box.covers(other), other.covers(box)) > _STAMP_OVER for _, other, _ in others)
        return item if is_over else None
    middle = box.center[1]
    is_beside = any(
        other.top < middle < other.bottom
        and (other.left >= box.right or other.right <= box.left)
        and folio_alone(text) is None
        for _, other, text in others
    )
    return replace(item, is_beside=is_beside) if is_beside else item


def _ends(blocks: Sequence[Block]) -> dict[int, BlockKind]:
    """What the first and the last text of a page would be; a page number does not hide the one behind it."""
    texts = [at for at, block in enumerate(blocks) if block.text.strip()]
    ends: dict[int, BlockKind] = {}
    for order, kind in ((texts, BlockKind.PAGE_HEADER), (texts[::-1], BlockKind.PAGE_FOOTER)):
        if len(texts) > 1:
            ends[order[0]] = kind
        if len(texts) > 2 and any(folio_alone(blocks[at].text) for at in order[:2]):
            ends[order[1]] = kind
    return ends


def _zone(block: Block, box: Box | None, end: BlockKind | None) -> tuple[BlockKind, Place] | None:
    """What kind of furniture a block may be, by which place; ``end`` is what its place in the reading order says."""
    is_labelled = block.kind.is_furniture
    length = len(block.text)
    if not block.text.strip() or length > _LONGEST or not (is_labelled or block.kind in _CAN_BE_FURNITURE):
        return None
    if box is None:
        zone = block.kind if is_labelled else None if block.kind is BlockKind.LIST_ITEM else end
        return (zone, "end") if zone else None
    place = "outmost" if is_unreadable(block) else _place(box, length, is_labelled=is_labelled)
    zone = BlockKind.PAGE_HEADER if box.center[1] < 0.5 else BlockKind.PAGE_FOOTER
    return (zone, place) if place else None


def _said(block: Block, number: int, box: Box | None, place: tuple[BlockKind, Place]) -> Said:
    text = " ".join(block.text.split())
    plain = text.casefold()
    return Said(
        page=number,
        text=text,
        plain=plain,
        keys=(plain, *(key.casefold() for key in counted(text, number))),
        folios=tuple(folios(text)),
        zone=place[0],
        place=place[1],
        height=box.center[1] if box else 0.0,
        is_labelled=block.kind.is_furniture,
        is_heading=block.kind.is_heading,
        is_beside=False,
    )


def _place(box: Box, length: int, *, is_labelled: bool) -> Place | None:
    """Where on the upright page a text of that length is, if that is a place for furniture.

    Labels may be right at any edge: pages lie on their side.
    """
    across, down = (min(middle, 1 - middle) for middle in box.center)
    if down < FURNITURE_ZONE or (across < SIDE_ZONE and box.width < SIDE_ZONE):
        return "outmost"
    if down < LABELLED_ZONE or (is_labelled and across < LABELLED_ZONE):
        return "near"
    if is_labelled and down < FARTHEST:
        return "far"
    return "stamp" if box.area >= _STAMP_AREA and length <= _STAMP_LENGTH else None


def is_unreadable(block: Block) -> bool:
    """Whether a block's letters are too small for any reader."""
    return 0 < block.font_size < UNREADABLE and bool(block.boxes)
