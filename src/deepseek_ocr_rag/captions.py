"""Which caption belongs to which table or figure, and which text a figure without words stands with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from .document import Block, BlockKind
from .markdown import markdown_parts

TABLE_NAMES = r"tab(?:le|elle|leau|la|ella|ela|\.)?"
OTHER_NAMES = r"fig(?:ure|ura|\.)?|abb(?:ildung|\.)?|chart|scheme|listing"
"""What tables, and what all else with a caption is called, in languages with spaces; for patterns without case."""

TABLE_SIGNS, OTHER_SIGNS = "表표", "图圖図"

_CALLED = re.compile(
    rf"(?P<table>{TABLE_NAMES}(?!\w)|[{TABLE_SIGNS}])|(?:{OTHER_NAMES})(?!\w)|[{OTHER_SIGNS}]", re.IGNORECASE
)


def captions_of(blocks: Sequence[Block]) -> dict[int, int]:
    """The captions of a page's tables and figures, both as their places among ``blocks``.

    A caption stands right above or below. One between two of them belongs to the one above, unless that one has a
    caption above it already, or the caption calls itself what only the one below is; figures without text in a row
    share theirs.
    """
    found: dict[int, int] = {}
    taken: set[int] = set()
    at = 0
    while at < len(blocks):
        end = at + 1
        if not _is_shown(blocks, at):
            at = end
            continue
        while _is_silent(blocks, end - 1) and _is_silent(blocks, end):
            end += 1
        above = at - 1 if _is_caption(blocks, at - 1) and at - 1 not in taken else None
        below = end if _is_caption(blocks, end) and not _is_of_next(blocks, end) else None
        chosen = below if above is None or (below is not None and not _is_shown(blocks, end + 1)) else above
        if chosen is not None:
            taken.add(chosen)
            found |= dict.fromkeys(range(at, end), chosen)
        at = end
    return found


def hosts(blocks: Sequence[Block]) -> dict[int, int]:
    """Where figures without text belong: to their caption, else to the text before them, else to that after them.

    Both are places among ``blocks``. Where nothing on the page says anything, they belong nowhere.
    """
    body = [at for at, block in enumerate(blocks) if not block.kind.is_furniture]
    captions = captions_of([blocks[at] for at in body])
    last = next((at for at in body if blocks[at].text.strip()), None)
    found: dict[int, int] = {}
    for place, at in enumerate(body):
        if not _is_silent(blocks, at):
            last = at if blocks[at].text.strip() else last
        elif last is not None:
            found[at] = body[captions[place]] if place in captions else last
    return found


@dataclass(frozen=True, slots=True)
class _Picture:
    """The picture of the figure at a place on the page, and where that is from what it belongs to."""

    at: int
    image: str
    side: Literal["above", "in", "below"]


class PageIndex:
    """The blocks of a page by their ids, and the pictures of its figures by the text that they belong to.

    Made once and asked for every chunk, see :func:`page_index`.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = {block.id: block for block in reversed(blocks)}  # the first of an id that is there twice
        self._pictures: dict[str, list[_Picture]] = {}
        places = hosts(blocks) if any(block.image for block in blocks) else {}
        for at, block in enumerate(blocks):
            if not block.image:
                continue
            place = places.get(at, at)
            side: Literal["above", "in", "below"] = "in" if place == at else "below" if place < at else "above"
            self._pictures.setdefault(blocks[place].id, []).append(_Picture(at, block.image, side))

    def images_shown(self, spans: Mapping[str, tuple[int, int]]) -> list[str]:
        """The pictures of the page's figures that stand with a text, in the order of the page.

        Those of which it has some characters, and those without any where it has the end next to them of what they
        belong to.

        Args:
            spans: For each block of which the text shows something, by id, from where to where.
        """
        shown = [
            picture
            for block_id in spans.keys() & self._pictures.keys()
            for picture in self._pictures[block_id]
            if _is_beside(picture, self.blocks[block_id], *spans[block_id])
        ]
        return [picture.image for picture in sorted(shown, key=lambda picture: picture.at)]


class _Same:
    """The blocks of a page, known by being the same ones: to compare them would take as long as to index them."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self.blocks = blocks

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.blocks is self.blocks

    def __hash__(self) -> int:
        return id(self.blocks)


def page_index(blocks: tuple[Block, ...]) -> PageIndex:
    """The index of a page's blocks; those of the last few pages are kept, for chunks come page by page."""
    return _index(_Same(blocks))


@lru_cache(maxsize=16)
def _index(same: _Same) -> PageIndex:
    return PageIndex(same.blocks)


def _is_beside(picture: _Picture, host: Block, start: int, end: int) -> bool:
    if picture.side == "below":
        return end >= len(host.text.rstrip())
    return picture.side == "in" or not host.text[markdown_parts(host)[1] : start].strip()


def _is_of_next(blocks: Sequence[Block], at: int) -> bool:
    """Whether a caption says that it is of a table, and a table is below it but none above; and so for figures."""
    said = _CALLED.match(blocks[at].text.lstrip()[:20])
    if said is None or not _is_shown(blocks, at + 1):
        return False
    kind = BlockKind.TABLE if said["table"] else BlockKind.FIGURE
    return blocks[at + 1].kind is kind and blocks[at - 1].kind is not kind


def _is_shown(blocks: Sequence[Block], at: int) -> bool:
    return at < len(blocks) and blocks[at].kind in (BlockKind.TABLE, BlockKind.FIGURE)


def _is_silent(blocks: Sequence[Block], at: int) -> bool:
    return at < len(blocks) and blocks[at].kind is BlockKind.FIGURE and not blocks[at].text.strip()


def _is_caption(blocks: Sequence[Block], at: int) -> bool:
    return 0 <= at < len(blocks) and blocks[at].kind is BlockKind.CAPTION
