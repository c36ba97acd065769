"""Text of which every character knows its place, to look for quotes in.

It is made of a chunk, of what a vector store gave back of one, or of a whole document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .anchors import Chunk, ChunkRegion, lines_showing
from .anchors import locate as place_block
from .captions import page_index
from .document import Block, Document
from .errors import UnknownChunk
from .geometry import PAGE_BOX
from .metadata import RegionsPrecision, parse_regions, shown_spans
from .narrow import shown_box
from .sequence import in_sequence

BLOCK_BREAK = "\n\n"
"""What stands between the blocks of a document's passage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Text of which characters ``[start, end)`` of each region stand in its box.

    ``precision`` says what the regions are at least: of "page" no boxes are shown, of "line" each is a line's, and else
    they are judged by their size. A region over the whole page says no more than the page. The context of a citation is
    the whole passage if ``is_chunk``, else the blocks around the quote. ``is_placed`` says that the document was at
    hand, so that no place is known better.
    """

    text: str
    regions: tuple[ChunkRegion, ...]
    document_id: str = ""
    source: str = ""
    chunk_id: str = ""
    precision: RegionsPrecision | None = None
    is_chunk: bool = True
    is_placed: bool = False

    @classmethod
    def from_chunk(cls, chunk: Chunk, *, source: str = "", document: Document | None = None) -> Passage:
        """The passage of a chunk; with its document, the places are those that the document knows.

        Raises:
            UnknownChunk: If the chunk is not of this document.
        """
        own = cls(
            text=chunk.text, regions=chunk.regions, document_id=chunk.document_id, source=source, chunk_id=chunk.id
        )
        if document is None:
            return own
        regions = tuple(_placed_anchors(chunk, document))
        return replace(own, regions=regions, is_placed=True, source=source or document.source)

    @classmethod
    def from_metadata(cls, text: str, metadata: Mapping[str, object]) -> Passage:
        """The passage of what a vector store gave back: a chunk's text and its metadata.

        Splitters of the frameworks copy a text's metadata to each piece. Regions that reach beyond the text are of
        such a longer one and would lead to the wrong lines, so they are not used; the page is still known.

        Raises:
            UnknownChunk: If the metadata's regions are not ours.
        """
        regions = parse_regions(str(metadata.get("regions") or "[]"))
        if any(region.end > len(text) for region in regions):
            regions = ()
        first, last = metadata.get("page_number"), metadata.get("page_end_number")
        if not regions and first == last and isinstance(first, int | float) and 1 <= first < 2**31:
            regions = (ChunkRegion(page_number=int(first), box=PAGE_BOX, start=0, end=len(text)),)
        precisions: dict[object, RegionsPrecision] = {"line": "line", "block": "block", "page": "page"}
        return cls(
            text=text,
            regions=regions,
            document_id=str(metadata.get("doc_hash") or ""),
            source=str(metadata.get("source") or ""),
            chunk_id=str(metadata.get("chunk_id") or ""),
            precision=precisions.get(metadata.get("regions_precision")) if regions else None,
            is_chunk=metadata.get("element_type") not in ("page", "document"),
        )

    @classmethod
    def from_document(cls, document: Document) -> Passage:
        """A passage over the whole document: its blocks as they are read, two newlines between them.

        Running heads and feet come after all others.
        """
        texts: list[str] = []
        regions: list[ChunkRegion] = []
        position = 0
        for block in sorted(in_sequence(document.blocks()), key=lambda block: block.kind.is_furniture):
            if not block.text:
                continue
            regions.extend(place_block(block, 0, len(block.text), at=position))
            texts.append(block.text)
            position += len(block.text) + len(BLOCK_BREAK)
        return cls(
            text=BLOCK_BREAK.join(texts),
            regions=tuple(regions),
            is_placed=True,
            document_id=document.id,
            source=document.source,
            is_chunk=False,
        )


def as_passage(where: Passage | Chunk | Document, document: Document | None = None) -> Passage:
    """What can be cited from, as a passage; a chunk's places are those of its document, where that is given.

    Raises:
        UnknownChunk: If it is not of this document.
    """
    if isinstance(where, Document):
        return Passage.from_document(where)
    if isinstance(where, Chunk):
        return Passage.from_chunk(where, document=document)
    if document and where.document_id and where.document_id != document.id:
        raise UnknownChunk(
            "the passage is not of this document.",
            source=document.source,
            hint="Pass the document that the passage was made of.",
        )
    return where


def _placed_anchors(chunk: Chunk, document: Document) -> Iterator[ChunkRegion]:
    pages = {page.number: page for page in document.pages}
    shown = shown_spans(chunk)
    for anchor in chunk.anchors:
        page = pages.get(anchor.page_number)
        block = page_index(page.blocks).blocks.get(anchor.block_id) if page else None
        if block is None or chunk.document_id != document.id:
            raise UnknownChunk(
                f"chunk {chunk.id} is not of this document.",
                source=document.source,
                hint="Pass the document that the chunk was cut from.",
            )
        yield from _placed(block, anchor.start, anchor.end, at=anchor.chunk_start, shown=shown[block.id])


def _placed(block: Block, start: int, end: int, *, at: int, shown: tuple[int, int]) -> Iterator[ChunkRegion]:
    """The regions of a block's characters; of lines, what is shown of the block."""
    lines = lines_showing(block, start, end)
    for index, region in enumerate(place_block(block, start, end, at=at)):
        box = shown_box(block, lines, index, start=shown[0], end=shown[1]) if lines else region.box
        yield replace(region, box=box)
