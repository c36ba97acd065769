"""Text of which every character knows its place, to look for quotes in.

It is made of a chunk, of what a vector store gave back of one, or of a whole document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .anchors import Chunk, ChunkRegion
from .anchors import locate as place_block
from .document import Document
from .errors import UnknownChunk
from .metadata import Known
from .placing import RegionsPrecision, chunk_blocks, chunk_regions
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
        regions = tuple(chunk_regions(chunk, chunk_blocks(chunk, document)))
        return replace(own, regions=regions, is_placed=True, source=source or document.source)

    @classmethod
    def from_metadata(cls, text: str, metadata: Mapping[str, object]) -> Passage:
        """The passage of what a vector store gave back: a chunk's text and its metadata.

        A text that is not the one which was stored has no boxes, as far as that can be told; the page is still known.

        Raises:
            UnknownChunk: If the metadata's regions are not ours.
        """
        known = Known.of(text, metadata)
        return cls(
            text=text,
            regions=known.regions,
            document_id=str(metadata.get("doc_hash") or ""),
            source=str(metadata.get("source") or ""),
            chunk_id=str(metadata.get("chunk_id") or ""),
            precision=known.precision,
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
