"""Documents as the records that frameworks and vector stores take: an id, a text and flat metadata.

Both integrations and the command line hand out exactly these, so that the same file gives the same ids, texts and
metadata everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .chunk import ChunkOptions, chunk_document
from .document import Document
from .metadata import Metadata, chunk_metadata, document_metadata, page_metadata

Mode = Literal["page", "document", "chunk"]
"""What one record is: a page, a whole file, or a chunk."""

DEFAULTS = ChunkOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One text to index; ``id`` is a UUID that depends on content alone."""

    id: str
    text: str
    metadata: Metadata


def records(document: Document, mode: Mode = "page", *, options: ChunkOptions = DEFAULTS) -> Iterator[Record]:
    """Cut a document into records.

    Args:
        document: What was read.
        mode: ``page`` gives a record for every page, blank and failed ones too, in order; ``document`` one for the
            file; ``chunk`` one for each chunk.
        options: How chunks are made.

    Raises:
        ValueError: If the mode is none of the three.
    """
    if mode == "chunk":
        for chunk in chunk_document(document, options):
            yield Record(id=chunk.id, text=chunk.text, metadata=chunk_metadata(document, chunk))
    elif mode == "page":
        for page in document.pages:
            metadata = page_metadata(document, page)
            yield Record(id=str(metadata["chunk_id"]), text=page.markdown, metadata=metadata)
    elif mode == "document":
        metadata = document_metadata(document)
        yield Record(id=str(metadata["chunk_id"]), text=document.markdown, metadata=metadata)
    else:
        raise ValueError(f"mode={mode!r}: pass 'page', 'document' or 'chunk'")
