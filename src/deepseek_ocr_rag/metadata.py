"""Chunks, pages and documents as the flat metadata that vector stores take.

Stores differ in what they refuse, lose or freeze: None, lists, nested values, a key that appears later, a type that
changes. So the keys, their order and their types are always the same; what does not apply is "" or -1. The boxes
travel as one JSON string, ``[[page_number, x0, y0, x1, y1, start, end], ...]``, in 1/10000 of the page as displayed,
with the characters of the text that goes along; it is kept short, because some frameworks store it four times over.
``images`` is a JSON string, too: the paths or addresses of the pictures of the figures that the text shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .anchors import Chunk, ChunkRegion, content_id
from .assemble import DocumentInfo
from .beside import Pictures
from .captions import page_index
from .document import Block, Document, Page, PageStatus
from .errors import UnknownChunk
from .geometry import METADATA_GRID, PAGE_BOX, Box, bounding_box
from .placing import (
    PRECISIONS,
    Placed,
    RegionsPrecision,
    chunk_blocks,
    chunk_places,
    markdown_places,
    page_of,
    shown_spans,
    written_regions,
)

MetadataValue = str | int
Metadata = dict[str, MetadataValue]
Precision = Literal["word", "line", "cell", "row", "block", "page", "none"]
"""What boxes are, from known words over parts of lines, cells and rows to nothing; see :func:`.cite.locate`."""

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
_MARKS = "#-|`\\"
"""What markdown writes that stands nowhere on the page."""
_ENOUGH_LINES = 8
"""In prose, most places that are picked by chance are within a word; none of so many, once in hundreds of texts."""


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
    pages = [page_of(chunk, document, number) for number in own_pages(chunk)]
    blocks = chunk_blocks(chunk, document)
    return cut_metadata(document, chunk, pages=pages, blocks=blocks, max_region_bytes=max_region_bytes)


def own_pages(chunk: Chunk) -> list[int]:
    """The numbers of the pages that a chunk is for, in order."""
    return sorted(
        {anchor.page_number for anchor in chunk.anchors if anchor.is_own}
        or {anchor.page_number for anchor in chunk.anchors}
    )


def cut_metadata(
    document: Document | DocumentInfo,
    chunk: Chunk,
    *,
    pages: Sequence[Page],
    blocks: Sequence[Block],
    max_region_bytes: int = 4096,
) -> Metadata:
    """As :func:`chunk_metadata`, of a document that need not be there.

    Args:
        document: What is known of the document.
        chunk: The chunk.
        pages: Its :func:`own_pages`.
        blocks: The block of each of its anchors.
        max_region_bytes: The longest ``regions`` string.
    """
    shown = shown_spans(chunk)
    images = (image for page in pages for image in page_index(page.blocks).images_shown(shown))
    return _metadata(document, pages, list(chunk_places(chunk, blocks)), images, max_region_bytes) | {
        "element_type": chunk.kind.value,
        "section_path": chunk.section_path,
        "section_level": chunk.section_level,
        "chunk_index": chunk.index,
        "chunk_id": chunk.id,
        "token_count": chunk.token_count,
        "parent_id": chunk.parent_id,
        "chunk_role": chunk.role,
    }


def page_metadata(document: Document | DocumentInfo, page: Page, *, max_region_bytes: int = 4096) -> Metadata:
    """The metadata of a whole page; ``regions`` index into ``page.markdown``."""
    located = list(markdown_places(page.blocks))
    return _metadata(document, [page], located, _images_on([page]), max_region_bytes) | {
        "element_type": "page",
        "chunk_id": content_id(document.id, "page", page.number),
    }


def document_metadata(document: Document, *, max_region_bytes: int = 4096) -> Metadata:
    """The metadata of a whole document; ``regions`` index into ``document.markdown``."""
    located = list(markdown_places(document.blocks()))
    return _metadata(document, document.pages, located, _images_on(document.pages), max_region_bytes) | {
        "element_type": "document",
        "chunk_id": content_id(document.id, "document"),
    }


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
    if not (1 <= page_number < 2**31 and 0 <= start < end < 2**31):
        raise ValueError("a page number or a range of characters is impossible")
    return ChunkRegion(page_number=page_number, box=Box.from_ints((x0, y0, x1, y1)), start=start, end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Where a text stands, as far as the metadata that came back with it can be believed."""

    regions: tuple[ChunkRegion, ...]
    """In the order of the text."""
    precision: RegionsPrecision | None
    """None where nobody says what the boxes are."""
    first_page: int
    """0 where nobody knows."""
    last_page: int

    @classmethod
    def of(cls, text: str, metadata: Mapping[str, Any]) -> Known:
        """What is known of a text.

        Splitters copy a text's metadata to each piece, and pipelines write titles above it. The regions of another
        text would lead to the wrong lines, so they are not used; the page is still known, if it is but one. The
        metadata itself may stand above the text, as embedders see it.

        Raises:
            UnknownChunk: If the regions are not ours.
        """
        parsed = parse_regions(str(metadata.get("regions") or "[]"))
        regions = tuple(sorted(parsed, key=lambda region: region.start))
        named = str(metadata.get("regions_precision"))
        precision = next((one for one in PRECISIONS[:-1] if one == named), None)
        first, last = (whole_number(metadata.get(key)) for key in ("page_number", "page_end_number"))
        shown, _ = Pictures(metadata.get("images")).taken_out(text)
        lead = _lead(text, metadata)
        regions = _standing(shown, regions) or tuple(
            replace(one, start=one.start + lead, end=one.end + lead) for one in _standing(shown[lead:], regions)
        )
        if not regions and 0 < first == max(first, last):
            regions, precision = (ChunkRegion(page_number=first, box=PAGE_BOX, start=0, end=len(text)),), "page"
        return cls(regions=regions, precision=precision, first_page=first, last_page=max(first, last))


def whole_number(value: object) -> int:
    """A positive number, or 0; stores may give it back as a float, a string or a type of their own."""
    try:
        number = int(float(str(value)))
    except (ValueError, OverflowError, RecursionError):
        return 0
    return number if 0 < number < 2**31 else 0


def _lead(text: str, metadata: Mapping[str, Any]) -> int:
    """How many characters of metadata stand above a text, in the words of LlamaIndex's templates."""
    lines, gap, _ = text.partition("\n\n")
    said = {f"{key}: {value}" for key, value in metadata.items() if isinstance(value, str | int | float)}
    return len(lines + gap) if all(line in said for line in lines.split("\n")) else 0


def _standing(text: str, regions: Sequence[ChunkRegion]) -> tuple[ChunkRegion, ...]:
    """The regions that are in a text, if it is the one that they were written for; else none.

    It is where they begin and end as it does, but for marks of markdown. It may say more there, such as words of a
    model that the page does not have, or end earlier, where there are so many lines, and no edge is within a word.
    """
    inside = tuple(one for one in regions if one.end <= len(text))
    start, end = min((one.start for one in inside), default=0), max((one.end for one in inside), default=0)
    is_all = len(inside) == len(regions) and all(char.isspace() or char in _MARKS for char in text[:start] + text[end:])
    edges = {edge for one in inside for edge in (one.start, one.end) if 0 < edge < len(text)}
    is_own = len(inside) >= _ENOUGH_LINES and not any(text[at - 1 : at + 1].isalnum() for at in edges)
    return inside if is_all or is_own else ()


def _metadata(
    document: Document | DocumentInfo,
    pages: Sequence[Page],
    located: Sequence[Placed],
    images: Iterable[str],
    max_region_bytes: int,
) -> Metadata:
    """All keys in their order, with those of a chunk empty."""
    first = pages[0] if pages else None
    regions, precision = written_regions(located, max_region_bytes)
    box = bounding_box(one.box for one in located if first and one.page_number == first.number)
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
