"""Documents as the records that frameworks and vector stores take: an id, a text and flat metadata.

Both integrations and the command line hand out exactly these, so that the same file gives the same ids, texts and
metadata everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

from .anchors import Cut
from .assemble import Assembly, DocumentInfo
from .chunk import ChunkOptions, PageCuts
from .document import Document, Page
from .errors import DeepSeekOCRError, EmptyOutput, PageFailed, RepeatedOutput, TruncatedOutput
from .metadata import Metadata, cut_metadata, document_metadata, own_pages, page_metadata

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
        if _is_kept(record, keep_blank=keep_blank):
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
    if mode == "document":
        metadata = document_metadata(document)
        yield Record(id=str(metadata["chunk_id"]), text=document.markdown, metadata=metadata)
        return
    cuts = _cuts(document, mode, options)
    for page in document.pages:
        yield from cuts.push(page)
    yield from cuts.end()


class RecordStream:
    """Records of pages that come one by one: those of :func:`records` for the assembled document, and no others.

    A record comes as soon as nothing that follows can change it: some 33 pages later. No more pages are held than those
    and what the text in hand stands on.

    Args:
        info: What is known of the document.
        mode: ``page`` or ``chunk``; for a whole document there is :func:`records`.
        options: How chunks are made.
        keep_blank: Whether blank pages are records, too; they have no text.

    Raises:
        ValueError: If the mode is neither.
    """

    def __init__(
        self, info: DocumentInfo, mode: Mode = "page", *, options: ChunkOptions = DEFAULTS, keep_blank: bool = True
    ) -> None:
        self._assembly = Assembly(info.outline)
        self._cuts = _cuts(info, mode, options)
        self._keep_blank = keep_blank

    def push(self, page: Page) -> list[Record]:
        """The records that are known with the next page, which is as it was read."""
        return self._records(self._assembly.push(page))

    def end(self) -> list[Record]:
        """The other records: no more pages will come."""
        return [*self._records(self._assembly.end()), *self._kept(self._cuts.end())]

    def _records(self, settled: Iterable[Page]) -> list[Record]:
        return [record for page in settled for record in self._kept(self._cuts.push(page))]

    def _kept(self, found: Iterable[Record]) -> Iterator[Record]:
        return (record for record in found if _is_kept(record, keep_blank=self._keep_blank))


class _Cuts(Protocol):
    """Makes records of settled pages."""

    def push(self, page: Page) -> Iterator[Record]: ...

    def end(self) -> Iterator[Record]: ...


def _cuts(document: Document | DocumentInfo, mode: Mode, options: ChunkOptions) -> _Cuts:
    if mode == "chunk":
        return _ChunkCuts(document, options)
    if mode == "page":
        return _PageCuts(document)
    raise ValueError(f"mode={mode!r}: pass 'page', 'document' or 'chunk'")


class _PageCuts:
    def __init__(self, document: Document | DocumentInfo) -> None:
        self._document = document

    def push(self, page: Page) -> Iterator[Record]:
        metadata = page_metadata(self._document, page)
        yield Record(id=str(metadata["chunk_id"]), text=page.markdown, metadata=metadata)

    def end(self) -> Iterator[Record]:
        return iter(())


class _ChunkCuts:
    def __init__(self, document: Document | DocumentInfo, options: ChunkOptions) -> None:
        self._document = document
        self._cuts = PageCuts(document.id, options)
        self._pages: dict[int, Page] = {}
        """Those of which something is in no chunk yet."""

    def push(self, page: Page) -> Iterator[Record]:
        self._pages[page.number] = page
        yield from map(self._record, self._cuts.push(page))
        still_open = self._cuts.open_pages()
        self._pages = {number: page for number, page in self._pages.items() if number in still_open}

    def end(self) -> Iterator[Record]:
        return map(self._record, self._cuts.end())

    def _record(self, cut: Cut) -> Record:
        pages = [self._pages[number] for number in own_pages(cut.chunk) if number in self._pages]
        blocks = [block for block in cut.blocks if block is not None]
        metadata = cut_metadata(self._document, cut.chunk, pages=pages, blocks=blocks)
        return Record(id=cut.chunk.id, text=cut.chunk.text, metadata=metadata)


def _is_kept(record: Record, *, keep_blank: bool) -> bool:
    return bool(record.text) or keep_blank or record.metadata["page_status"] != "empty"
