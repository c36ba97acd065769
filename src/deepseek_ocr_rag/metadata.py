"""Chunks, pages and documents as the flat metadata that vector stores take.

Stores differ in what they refuse, lose or freeze: None, lists, nested values, a key that appears later, a type that
changes. So the keys, their order and their types are always the same; what does not apply is "" or -1. The boxes
travel as one JSON string, ``[[page_number, x0, y0, x1, y1, start, end], ...]``, in 1/10000 of the page as displayed,
with the characters of the text that goes along; it is kept short, because some frameworks store it four times over.
``images`` is a JSON string, too: the paths or addresses of the pictures of the figures that the text shows.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .anchors import Chunk, ChunkRegion, content_id, is_whole_page, lines_showing, locate
from .captions import page_index
from .document import Block, Document, Page, PageStatus
from .errors import UnknownChunk
from .geometry import METADATA_GRID, Box, bounding_box
from .markdown import written
from .narrow import shown_box
from .sequence import in_sequence

MetadataValue = str | int
Metadata = dict[str, MetadataValue]
Precision = Literal["word", "line", "cell", "row", "block", "page", "none"]
"""What boxes are, from known words over parts of lines, cells and rows to nothing; see :func:`.cite.locate`."""

RegionsPrecision = Literal["line", "block", "page", "none"]
"""What each box is at least: a line's, a block's, or a union on the page. Boxes over the whole page, of text whose
place nobody knows, say nothing of the others: "page" if there are no others, and "none" without any regions."""

KEYS = (
    "source",
    "file_name",
    "doc_hash",
    "page",
    "page_number",
    "page_end_number",
    "page_label",
    "total_pages",
    "element_type",
    "section_path",
    "section_level",
    "chunk_index",
    "chunk_id",
    "token_count",
    "engine",
    "page_status",
    "regions",
    "regions_precision",
    "x0",
    "y0",
    "x1",
    "y1",
    "images",
    "parent_id",
    "chunk_role",
)
"""Every key, in its order; LlamaIndex's hashes depend on the order. ``page`` counts from 0, as LangChain has it."""

EXCLUDED_FROM_EMBEDDING = tuple(key for key in KEYS if key != "section_path")
"""What an embedder is not to see: all but the section path, which is what the chunk's tokens were counted with."""

EXCLUDED_FROM_LLM = tuple(key for key in KEYS if key not in ("source", "file_name", "page_label", "section_path"))
"""What a model that answers is not to see."""

LONGEST_REGIONS = 4_000_000
"""Characters of a ``regions`` string beyond which it is not even looked at."""

# From the best to the worst; a blank page among others says nothing about them.
_STATUS_ORDER: tuple[PageStatus, ...] = (
    "empty",
    "ok",
    "retried",
    "suspect",
    "fallback",
    "truncated",
    "looped",
    "failed",
)
_PRECISIONS: tuple[RegionsPrecision, ...] = ("line", "block", "page")


@dataclass(frozen=True, slots=True)
class _Located:
    """A region, the block that it is of, and what its box is, unless that is the whole page."""

    block_id: str
    region: ChunkRegion
    precision: RegionsPrecision


def chunk_metadata(document: Document, chunk: Chunk, *, max_region_bytes: int = 4096) -> Metadata:
    """The metadata of a chunk; ``regions`` index into ``chunk.text``.

    Args:
        document: The document that the chunk was cut from.
        chunk: The chunk.
        max_region_bytes: Longest ``regions`` string; longer ones are joined to blocks, then pages, then left out.
            Also the longest ``images`` string; of more, it has the first.

    Raises:
        UnknownChunk: If the chunk is not of this document.
    """
    own = [anchor for anchor in chunk.anchors if anchor.is_own] or list(chunk.anchors)
    numbers = sorted({anchor.page_number for anchor in own})
    pages = [_page(document, number, chunk) for number in numbers]
    located: list[_Located] = []
    shown = shown_spans(chunk)
    for anchor in chunk.anchors:
        block = _block(_page(document, anchor.page_number, chunk), anchor.block_id, document, chunk)
        located += _locate(block, anchor.start, anchor.end, at=anchor.chunk_start, shown=shown[block.id])
    images = (image for page in pages for image in page_index(page.blocks).images_shown(shown))
    return _metadata(document, pages, located, images, max_region_bytes) | {
        "element_type": chunk.kind.value,
        "section_path": chunk.section_path,
        "section_level": chunk.section_level,
        "chunk_index": chunk.index,
        "chunk_id": chunk.id,
        "token_count": chunk.token_count,
        "parent_id": chunk.parent_id,
        "chunk_role": chunk.role,
    }


def page_metadata(document: Document, page: Page, *, max_region_bytes: int = 4096) -> Metadata:
    """The metadata of a whole page; ``regions`` index into ``page.markdown``."""
    _, located = _page_text(page)
    return _metadata(document, [page], located, _images_on([page]), max_region_bytes) | {
        "element_type": "page",
        "chunk_id": content_id(document.id, "page", page.number),
    }


def document_metadata(document: Document, *, max_region_bytes: int = 4096) -> Metadata:
    """The metadata of a whole document; ``regions`` index into ``document.markdown``."""
    _, located = _document_text(document)
    return _metadata(document, document.pages, located, _images_on(document.pages), max_region_bytes) | {
        "element_type": "document",
        "chunk_id": content_id(document.id, "document"),
    }


def page_text(page: Page) -> tuple[str, tuple[ChunkRegion, ...]]:
    """``page.markdown``, and where its characters stand."""
    text, located = _page_text(page)
    return text, tuple(one.region for one in located)


def parse_regions(regions: str) -> tuple[ChunkRegion, ...]:
    """The regions that a ``regions`` string tells of.

    Raises:
        UnknownChunk: If the string is not one that this module wrote; metadata may come from anywhere.
    """
    try:
        if len(regions) > LONGEST_REGIONS:
            raise ValueError("too long")  # noqa: TRY301 - one handler names the remedy for all that can be wrong
        rows = json.loads(regions)
        if not isinstance(rows, list):
            raise TypeError("not a list")  # noqa: TRY301 - as above
        return tuple(_parse_row(row) for row in rows)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnknownChunk(
            f"the regions in this metadata cannot be read: {error}.",
            hint="Pass metadata as the reader made it; the store may have cut or changed it.",
        ) from error


def _parse_row(row: object) -> ChunkRegion:
    if not isinstance(row, list) or len(row) != 7 or any(type(value) is not int for value in row):
        raise TypeError("a region is seven integers")
    page_number, x0, y0, x1, y1, start, end = row
    if not (0 <= x0 <= x1 <= METADATA_GRID and 0 <= y0 <= y1 <= METADATA_GRID):
        raise ValueError("a box is not on the page")
    if not (1 <= page_number < 2**31 and 0 <= start <= end < 2**31):
        raise ValueError("a page number or a range of characters is impossible")
    return ChunkRegion(page_number=page_number, box=Box.from_ints((x0, y0, x1, y1)), start=start, end=end)


def shown_spans(chunk: Chunk) -> dict[str, tuple[int, int]]:
    """From which character to which a chunk shows of each block, by id."""
    spans: dict[str, tuple[int, int]] = {}
    for anchor in chunk.anchors:
        start, end = spans.get(anchor.block_id, (anchor.start, anchor.end))
        spans[anchor.block_id] = min(start, anchor.start), max(end, anchor.end)
    return spans


def _metadata(
    document: Document,
    pages: Sequence[Page],
    located: Sequence[_Located],
    images: Iterable[str],
    max_region_bytes: int,
) -> Metadata:
    """All keys in their order, with those of a chunk empty."""
    first = pages[0] if pages else None
    regions, precision = _written_regions(located, max_region_bytes)
    box = bounding_box(one.region.box for one in located if first and one.region.page_number == first.number)
    x0, y0, x1, y1 = box.to_ints() if box else (-1, -1, -1, -1)
    return {
        "source": document.source,
        "file_name": document.file_name,
        "doc_hash": document.id,
        "page": first.number - 1 if first else -1,
        "page_number": first.number if first else -1,
        "page_end_number": max((page.number for page in pages), default=-1),
        "page_label": (first.label or str(first.number)) if first else "",
        "total_pages": document.total_pages,
        "element_type": "",
        "section_path": "",
        "section_level": 0,
        "chunk_index": -1,
        "chunk_id": "",
        "token_count": -1,
        "engine": first.engine if first else "",
        "page_status": max((page.status for page in pages), key=_STATUS_ORDER.index, default=""),
        "regions": regions,
        "regions_precision": precision,
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "images": written_images(images, max_region_bytes),
        "parent_id": "",
        "chunk_role": "",
    }


def _page(document: Document, number: int, chunk: Chunk) -> Page:
    at = bisect_left(document.pages, number, key=lambda page: page.number)
    if at < len(document.pages) and document.pages[at].number == number and chunk.document_id == document.id:
        return document.pages[at]
    raise _unknown(document, chunk)


def _block(page: Page, block_id: str, document: Document, chunk: Chunk) -> Block:
    block = page_index(page.blocks).blocks.get(block_id)
    if block is None:
        raise _unknown(document, chunk)
    return block


def _unknown(document: Document, chunk: Chunk) -> UnknownChunk:
    return UnknownChunk(
        f"chunk {chunk.id} is not of this document.",
        source=document.source,
        hint="Pass the document that the chunk was cut from.",
    )


# Text and regions together


def _locate(block: Block, start: int, end: int, *, at: int, shown: tuple[int, int] | None = None) -> Iterator[_Located]:
    """The regions of ``[start, end)``; of lines, the boxes of what is shown of the block."""
    lines = lines_showing(block, start, end)
    for index, region in enumerate(locate(block, start, end, at=at)):
        if lines and shown:
            region = replace(region, box=shown_box(block, lines, index, start=shown[0], end=shown[1]))  # noqa: PLW2901
        yield _Located(block_id=block.id, region=region, precision="line" if lines else "block")


def _page_text(page: Page) -> tuple[str, list[_Located]]:
    return _text(page.blocks)


def _document_text(document: Document) -> tuple[str, list[_Located]]:
    return _text(document.blocks())


def _text(blocks: Iterable[Block]) -> tuple[str, list[_Located]]:
    """The markdown of blocks, and its regions there."""
    pieces: list[str] = []
    located: list[_Located] = []
    length = 0
    for fragment in written(in_sequence(blocks)):
        if fragment.block is not None and fragment.text:
            end = fragment.start + len(fragment.text)
            located += _locate(fragment.block, fragment.start, end, at=length)
        pieces.append(fragment.text)
        length += len(fragment.text)
    return "".join(pieces), located


# Pictures of figures


def _images_on(pages: Iterable[Page]) -> Iterator[str]:
    return (block.image for page in pages for block in page.blocks if block.image)


def written_images(images: Iterable[str], max_bytes: int = 4096) -> str:
    """Pictures as JSON; the first of them where all would be too long."""
    written, length = [], len("[")
    for image in images:
        text = json.dumps(image)
        length += len(text) + 1
        if length > max_bytes:
            break
        written.append(text)
    return f"[{','.join(written)}]"


# Regions in as many bytes as there are


def _written_regions(located: Sequence[_Located], max_bytes: int) -> tuple[str, RegionsPrecision]:
    """The finest JSON that is short enough, and what its boxes are."""
    if not located:
        return "[]", "none"
    placed = [_PRECISIONS.index(one.precision) for one in located if not is_whole_page(one.region.box)]
    weakest = max(placed, default=_PRECISIONS.index("page"))
    ways: tuple[Callable[[_Located], object] | None, ...] = (
        None,
        lambda one: (one.block_id, one.region.page_number),
        lambda one: one.region.page_number,
    )
    for way, key in enumerate(ways):
        regions = [one.region for one in located] if key is None else _joined(located, key)
        if len(regions) * len("[1,0,0,1,1,0,1]") > max_bytes:
            continue
        written = json.dumps([_row(region) for region in regions], separators=(",", ":"))
        if len(written) <= max_bytes:
            return written, _PRECISIONS[max(way, weakest)]
    return "[]", "none"


def _joined(located: Iterable[_Located], key: Callable[[_Located], object]) -> list[ChunkRegion]:
    """One region for all that share a key: the box around theirs, from their first character to their last."""
    joined: dict[object, ChunkRegion] = {}
    for one in located:
        name, new = key(one), one.region
        old = joined.get(name, new)
        joined[name] = ChunkRegion(
            page_number=old.page_number,
            box=old.box.union(new.box),
            start=min(old.start, new.start),
            end=max(old.end, new.end),
        )
    return list(joined.values())


def _row(region: ChunkRegion) -> list[int]:
    return [region.page_number, *region.box.to_ints(), region.start, region.end]
