"""Documents as the records that frameworks and vector stores take: an id, a text and flat metadata.

Both integrations and the command line hand out exactly these, so that the same file gives the same ids, texts and
metadata everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .chunk import ChunkOptions, chunk_document
from .document import Document
from .errors import DeepSeekOCRError, EmptyOutput, PageFailed, RepeatedOutput, TruncatedOutput
from .metadata import Metadata, chunk_metadata, document_metadata, page_metadata

Mode = Literal["page", "document", "chunk"]
"""What one record is: a page, a whole file, or a chunk."""

DEFAULTS = ChunkOptions()

_FAULTS: Mapping[str, tuple[type[DeepSeekOCRError], str]] = MappingProxyType(
    {
        "failed": (PageFailed, "could not be read:"),
        "truncated": (TruncatedOutput, "the model's answer stops before the page does."),
        "looped": (RepeatedOutput, "the model's answer repeats itself without end."),
        "suspect": (EmptyOutput, "the model's answer is empty, but the page is not."),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One text to index; ``id`` is a UUID that depends on content alone."""

    id: str
    text: str
    metadata: Metadata


def records(
    document: Document, mode: Mode = "page", *, options: ChunkOptions = DEFAULTS, keep_blank: bool = True
) -> Iterator[Record]:
    """Cut a document into records.

    Args:
        document: What was read.
        mode: ``page`` gives a record for every page, blank and failed ones too, in order; ``document`` one for the
            file; ``chunk`` one for each chunk, by ``parent_child`` also for each parent, before its children; their
            metadata has ``chunk_role`` and the parent's ``id`` as ``parent_id``.
        options: How chunks are made.
        keep_blank: Whether blank pages and files are records, too; they have no text.

    Raises:
        ValueError: If the mode is none of the three.
    """
    for record in _all(document, mode, options):
        if record.text or keep_blank or record.metadata["page_status"] != "empty":
            yield record


def check_pages(document: Document) -> None:
    """Refuse a document of which a page was not read, or not to its end.

    Pages that another engine read in the server's place (``fallback``) are whole, and so are doubtful ones with text.

    Raises:
        PageFailed: If the first such page could not be read.
        TruncatedOutput: If the model's answer for it stops before the page does.
        RepeatedOutput: If it says the same without end.
        EmptyOutput: If it is empty, and the page is not.
    """
    for page in document.pages:
        if page.status not in _FAULTS or (page.status == "suspect" and any(block.text for block in page.blocks)):
            continue
        kind, what = _FAULTS[page.status]
        raise kind(
            " ".join((what, *page.warnings)),
            source=document.source,
            page_number=page.number,
            hint='Leave it out with pages=..., or pass failed_pages="keep" to have what there is of it.',
        )


def _all(document: Document, mode: Mode, options: ChunkOptions) -> Iterator[Record]:
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
