"""Text made of blocks, and where each of its characters stands: a chunk's, and the markdown of pages and documents."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import accumulate, groupby
from typing import Literal, NamedTuple

from .anchors import Chunk, ChunkRegion, boxes_showing, is_whole_page, lines_showing, locate
from .captions import page_index
from .document import Block, Document, Page
from .errors import UnknownChunk
from .geometry import PAGE_BOX, Box
from .markdown import written
from .narrow import shown_box
from .sequence import in_sequence

RegionsPrecision = Literal["line", "block", "page", "none"]
"""What each box is at least: a line's, a block's, or a union on the page. Boxes over the whole page, of text whose
place nobody knows, say nothing of the others: "page" if there are no others, and "none" without any regions."""

PRECISIONS: tuple[RegionsPrecision, ...] = ("line", "block", "page", "none")
"""What regions are, from the finest."""


class Placed(NamedTuple):
    """Characters ``[start, end)`` of a text stand in ``box``: the least that ``regions`` are written of."""

    block_id: str
    """The block that they are of."""
    page_number: int
    box: Box
    start: int
    end: int
    precision: RegionsPrecision
    """What the box is, unless that is the whole page."""


def chunk_places(chunk: Chunk, blocks: Sequence[Block]) -> Iterator[Placed]:
    """Where the characters of a chunk stand; of lines, the boxes of what it shows of the block.

    Args:
        chunk: The chunk.
        blocks: The block of each of its anchors; see :func:`chunk_blocks`.
    """
    shown = shown_spans(chunk)
    for anchor, block in zip(chunk.anchors, blocks, strict=True):
        yield from _places(block, anchor.start, anchor.end, at=anchor.chunk_start, shown=shown[block.id])


def chunk_regions(chunk: Chunk, blocks: Sequence[Block]) -> Iterator[ChunkRegion]:
    """The same with the words that are known, and with what the boxes were seen in."""
    shown = shown_spans(chunk)
    for anchor, block in zip(chunk.anchors, blocks, strict=True):
        start, end = shown[block.id]
        lines = lines_showing(block, anchor.start, anchor.end)
        for index, region in enumerate(locate(block, anchor.start, anchor.end, at=anchor.chunk_start)):
            box = shown_box(block, lines, index, start=start, end=end) if lines else region.box
            yield region if box is region.box else replace(region, box=box)


def chunk_blocks(chunk: Chunk, document: Document) -> list[Block]:
    """The block of each of a chunk's anchors.

    Raises:
        UnknownChunk: If the chunk is not of this document.
    """
    blocks = []
    for anchor in chunk.anchors:
        block = page_index(page_of(chunk, document, anchor.page_number).blocks).blocks.get(anchor.block_id)
        if block is None:
            raise _unknown(chunk, document)
        blocks.append(block)
    return blocks


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
    block_id, page_number, moved = block.id, block.page_number, at - start
    lines = lines_showing(block, start, end)
    for index, line in enumerate(lines):
        box, first, last = line.box, line.start, line.end
        if first < start or end < last:
            box = shown_box(block, lines, index, start=shown[0], end=shown[1]) if shown else box
            first, last = max(first, start), min(last, end)
        yield Placed(block_id, page_number, box, first + moved, last + moved, "line")
    if not lines:
        for box in boxes_showing(block, start, end)[0] or (PAGE_BOX,):
            yield Placed(block_id, page_number, box, at, end + moved, "block")


def _unknown(chunk: Chunk, document: Document) -> UnknownChunk:
    return UnknownChunk(
        f"chunk {chunk.id} is not of this document.",
        source=document.source,
        hint="Pass the document that the chunk was cut from.",
    )


# Regions in as many bytes as there are


def written_regions(located: Sequence[Placed], max_bytes: int) -> tuple[str, RegionsPrecision]:
    """The finest JSON that is short enough, and what its boxes are."""
    placed = {one.precision for one in located if not is_whole_page(one.box)}
    weakest: RegionsPrecision = max(placed, key=PRECISIONS.index, default="page")
    for precision, places in _ways(located, max_bytes):
        rows = [_row(place) for place in places]
        if rows and sum(map(len, rows)) + len(rows) < max_bytes:
            return f"[{','.join(rows)}]", max(precision, weakest, key=PRECISIONS.index)
    return "[]", "none"


def _ways(located: Sequence[Placed], max_bytes: int) -> Iterator[tuple[RegionsPrecision, Iterable[Placed]]]:
    if len(located) * len("[1,0,0,1,1,0,1],") < max_bytes:
        yield "line", located
    yield "block", _joined(located, lambda one: (one.block_id, one.page_number))
    yield "page", _fitting(list(_joined(located, lambda one: one.page_number)), max_bytes)


def _joined(located: Iterable[Placed], key: Callable[[Placed], object]) -> Iterator[Placed]:
    """One place for all in a row that share a key: the box around theirs, from their first character to their last.

    Others of that key, elsewhere in the text, have their own: what stands between is not theirs.
    """
    for _, run in groupby(located, key):
        places = list(run)
        box = reduce(Box.union, (place.box for place in places))
        start, end = min(place.start for place in places), max(place.end for place in places)
        yield Placed("", places[0].page_number, box, start, end, "block")


def _fitting(places: Sequence[Placed], max_bytes: int) -> list[Placed]:
    """Of pages, the places that there is room for, the longest first; none, unless each page has one.

    Pages have several where a footnote stands after what goes on over its page's end. The first and the last are among
    them: the text begins and ends there.
    """
    by_length = sorted(places, key=lambda place: place.end - place.start)
    needed = {*places[:1], *places[-1:], *{place.page_number: place for place in by_length}.values()}
    ranked = [*needed, *(place for place in reversed(by_length) if place not in needed)]
    sizes = accumulate(len(_row(place)) + 1 for place in ranked)
    kept = {place for place, size in zip(ranked, sizes, strict=True) if size < max_bytes}
    return [place for place in places if place in kept] if needed <= kept else []


def _row(place: Placed) -> str:
    x0, y0, x1, y1 = place.box.to_ints()
    return f"[{place.page_number},{x0},{y0},{x1},{y1},{place.start},{place.end}]"
