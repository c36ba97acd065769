"""Text made of blocks, and where each of its characters stands: a chunk's, and the markdown of pages and documents."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import accumulate, groupby
from typing import Literal

from .anchors import Chunk, ChunkRegion, is_whole_page, lines_showing, locate
from .captions import page_index
from .document import Block, Document, Page
from .errors import UnknownChunk
from .geometry import Box
from .markdown import written
from .narrow import shown_box
from .sequence import in_sequence

RegionsPrecision = Literal["line", "block", "page", "none"]
"""What each box is at least: a line's, a block's, or a union on the page. Boxes over the whole page, of text whose
place nobody knows, say nothing of the others: "page" if there are no others, and "none" without any regions."""

PRECISIONS: tuple[RegionsPrecision, ...] = ("line", "block", "page", "none")
"""What regions are, from the finest."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A region, the block that it is of, and what its box is, unless that is the whole page."""

    block_id: str
    region: ChunkRegion
    precision: RegionsPrecision


def chunk_places(chunk: Chunk, blocks: Sequence[Block]) -> Iterator[Placed]:
    """Where the characters of a chunk stand; of lines, the boxes of what it shows of the block.

    Args:
        chunk: The chunk.
        blocks: The block of each of its anchors; see :func:`chunk_blocks`.
    """
    shown = shown_spans(chunk)
    for anchor, block in zip(chunk.anchors, blocks, strict=True):
        yield from _places(block, anchor.start, anchor.end, at=anchor.chunk_start, shown=shown[block.id])


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
    lines = lines_showing(block, start, end)
    for index, region in enumerate(locate(block, start, end, at=at)):
        if lines and shown:
            box = shown_box(block, lines, index, start=shown[0], end=shown[1])
            region = region if box is region.box else replace(region, box=box)  # noqa: PLW2901
        yield Placed(block_id=block.id, region=region, precision="line" if lines else "block")


def _unknown(chunk: Chunk, document: Document) -> UnknownChunk:
    return UnknownChunk(
        f"chunk {chunk.id} is not of this document.",
        source=document.source,
        hint="Pass the document that the chunk was cut from.",
    )


# Regions in as many bytes as there are


def written_regions(located: Sequence[Placed], max_bytes: int) -> tuple[str, RegionsPrecision]:
    """The finest JSON that is short enough, and what its boxes are."""
    placed = [one.precision for one in located if not is_whole_page(one.region.box)]
    weakest: RegionsPrecision = max(placed, key=PRECISIONS.index, default="page")
    for precision, regions in _ways(located, max_bytes):
        rows = [_row(region) for region in regions]
        if rows and sum(map(len, rows)) + len(rows) < max_bytes:
            return f"[{','.join(rows)}]", max(precision, weakest, key=PRECISIONS.index)
    return "[]", "none"


def _ways(located: Sequence[Placed], max_bytes: int) -> Iterator[tuple[RegionsPrecision, Iterable[ChunkRegion]]]:
    if len(located) * len("[1,0,0,1,1,0,1],") < max_bytes:
        yield "line", [one.region for one in located]
    yield "block", _joined(located, lambda one: (one.block_id, one.region.page_number))
    yield "page", _fitting(list(_joined(located, lambda one: one.region.page_number)), max_bytes)


def _joined(located: Iterable[Placed], key: Callable[[Placed], object]) -> Iterator[ChunkRegion]:
    """One region for all in a row that share a key: the box around theirs, from their first character to their last.

    Others of that key, elsewhere in the text, have their own: what stands between is not theirs.
    """
    for _, run in groupby(located, key):
        regions = [one.region for one in run]
        yield ChunkRegion(
            page_number=regions[0].page_number,
            box=reduce(Box.union, (region.box for region in regions)),
            start=min(region.start for region in regions),
            end=max(region.end for region in regions),
        )


def _fitting(regions: Sequence[ChunkRegion], max_bytes: int) -> list[ChunkRegion]:
    """Of pages, the regions that there is room for, the longest first; none, unless each page has one.

    Pages have several where a footnote stands after what goes on over its page's end. The first and the last are among
    them: the text begins and ends there.
    """
    by_length = sorted(regions, key=lambda region: region.end - region.start)
    needed = {*regions[:1], *regions[-1:], *{region.page_number: region for region in by_length}.values()}
    ranked = [*needed, *(region for region in reversed(by_length) if region not in needed)]
    sizes = accumulate(len(_row(region)) + 1 for region in ranked)
    kept = {region for region, size in zip(ranked, sizes, strict=True) if size < max_bytes}
    return [region for region in regions if region in kept] if needed <= kept else []


def _row(region: ChunkRegion) -> str:
    x0, y0, x1, y1 = region.box.to_ints()
    return f"[{region.page_number},{x0},{y0},{x1},{y1},{region.start},{region.end}]"
