"""Text made of blocks, and where each of its characters stands: a chunk's, and the markdown of pages and documents."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from .anchors import Chunk, ChunkRegion, lines_showing, locate
from .captions import page_index
from .document import Block, Document, Page
from .errors import UnknownChunk
from .markdown import written
from .narrow import shown_box
from .sequence import in_sequence

RegionsPrecision = Literal["line", "block", "page", "none"]
"""What each box is at least: a line's, a block's, or a union on the page. Boxes over the whole page, of text whose
place nobody knows, say nothing of the others: "page" if there are no others, and "none" without any regions."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A region, the block that it is of, and what its box is, unless that is the whole page."""

    block_id: str
    region: ChunkRegion
    precision: RegionsPrecision


def chunk_places(chunk: Chunk, document: Document) -> Iterator[Placed]:
    """Where the characters of a chunk stand; of lines, the boxes of what it shows of the block.

    Raises:
        UnknownChunk: If the chunk is not of this document.
    """
    shown = shown_spans(chunk)
    for anchor in chunk.anchors:
        block = page_index(page_of(chunk, document, anchor.page_number).blocks).blocks.get(anchor.block_id)
        if block is None:
            raise _unknown(chunk, document)
        yield from _places(block, anchor.start, anchor.end, at=anchor.chunk_start, shown=shown[block.id])


def markdown_places(blocks: Iterable[Block]) -> Iterator[Placed]:
    """Where the characters of the blocks' markdown stand."""
    at = 0
    for fragment in written(in_sequence(blocks)):
        end = fragment.start + len(fragment.text)
        if fragment.block is not None and fragment.text:
            yield from _places(fragment.block, fragment.start, end, at=at)
        at += len(fragment.text)


def page_of(chunk: Chunk, document: Document, number: int) -> Page:
    """A page that the chunk is on.

    Raises:
        UnknownChunk: If the chunk is not of this document.
    """
    at = bisect_left(document.pages, number, key=lambda page: page.number)
    if at < len(document.pages) and document.pages[at].number == number and chunk.document_id == document.id:
        return document.pages[at]
    raise _unknown(chunk, document)


def shown_spans(chunk: Chunk) -> dict[str, tuple[int, int]]:
    """From which character to which a chunk shows of each block, by id."""
    spans: dict[str, tuple[int, int]] = {}
    for anchor in chunk.anchors:
        start, end = spans.get(anchor.block_id, (anchor.start, anchor.end))
        spans[anchor.block_id] = min(start, anchor.start), max(end, anchor.end)
    return spans


def _places(block: Block, start: int, end: int, *, at: int, shown: tuple[int, int] | None = None) -> Iterator[Placed]:
    """Where ``[start, end)`` of a block stand; of lines, the boxes of what is shown of the block, all of it if None."""
    lines = lines_showing(block, start, end)
    for index, region in enumerate(locate(block, start, end, at=at)):
        if lines and shown:
            region = replace(region, box=shown_box(block, lines, index, start=shown[0], end=shown[1]))  # noqa: PLW2901
        yield Placed(block_id=block.id, region=region, precision="line" if lines else "block")


def _unknown(chunk: Chunk, document: Document) -> UnknownChunk:
    return UnknownChunk(
        f"chunk {chunk.id} is not of this document.",
        source=document.source,
        hint="Pass the document that the chunk was cut from.",
    )
