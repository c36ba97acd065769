"""The reader: files in, one LlamaIndex document per page, file or chunk out.

LlamaIndex keys updates by ``Document.id_`` and a hash over text and metadata, keys in order. So ids depend on content
alone, the metadata's keys never change their order, and nothing in it changes from one run to the next. Documents
have no SOURCE relationship: the docstore would look for the file's id, and ingest everything again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, closing, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document

from deepseek_ocr_rag import (
    EXCLUDED_FROM_EMBEDDING,
    EXCLUDED_FROM_LLM,
    Input,
    Progress,
    ReadOptions,
    Record,
    aread,
    aread_records,
    check_pages,
    read,
    read_records,
    records,
)
from deepseek_ocr_rag import Document as ReadDocument

from .events import announced, in_span
from .relations import link_families
from .settings import ReadFields

SHOWN = ("source", "file_name", "page_label", "section_path")
"""Our keys that somebody is shown."""

READS_AT_ONCE = 4
"""Calls of ``aload_data`` that read at the same time in one event loop; SimpleDirectoryReader starts all at once."""

_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class DeepSeekOCRReader(ReadFields, BasePydanticReader):
    """Reads PDFs, pictures and office files with DeepSeek-OCR, or offline.

    The metadata of each document says where its text stands: ``source``, ``page_number``, ``page_label`` and
    ``regions``, the boxes of its lines, for ``deepseek_ocr_rag.locate`` and ``highlight_page``. An embedder is shown
    the text and its ``section_path`` only.

    In mode ``chunk``, the options of :class:`ChunkFields` say how chunks are cut. With ``strategy="parent_child"``
    parents come before their children, with relations: index ``get_leaf_nodes(documents)`` alone.

    What each page and the whole load cost is told by LlamaIndex's instrumentation, see :mod:`.events`.

    Examples:
        ``DeepSeekOCRReader(mode="chunk").load_data("report.pdf")``
        ``DeepSeekOCRReader(provider="novita").load_data("scan.pdf")``
    """

    @classmethod
    def class_name(cls) -> str:
        """The type's tag in serialized readers."""
        return "DeepSeekOCRReader"

    @in_span
    def load_data(
        self, file: Input | Iterable[Input], extra_info: Mapping[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        """Read files.

        Args:
            file: A path, URL, bytes, binary file, folder, glob, or a list of those.
            extra_info: Metadata to add; it is not embedded, and does not overwrite the reader's own.
            fs: An fsspec file system that paths are read from.

        Raises:
            SourceError: If a file cannot be read; ``on_error`` says whether.
            PageFailed: If a page cannot be read and ``failed_pages`` is ``raise``.
            OutputError: If a page was not read to its end, or came back empty, and ``failed_pages`` is ``raise``.
            EngineMisconfigured: If address, key or model of the server are wrong, so that it can read no page.
        """
        return list(self.lazy_load_data(file, extra_info, fs))

    def lazy_load_data(
        self, file: Input | Iterable[Input], extra_info: Mapping[str, Any] | None = None, fs: Any = None
    ) -> Iterator[Document]:
        """Like :meth:`load_data`, without a span, and while files are being read; closing the iterator stops all work.

        Files are held until they are read in mode ``document``, with the strategy ``parent_child``, whose parents name
        their children, and where ``failed_pages`` is ``raise``.
        """
        with self._told() as progress:
            options = self.read_options(fs=fs, progress=progress)
            if self._streams:
                with closing(read_records(file, options, **self._wishes())) as records_:
                    for record in records_:
                        yield _document(record, self._id(record), extra_info or {})
                return
            with closing(read(file, options)) as found:
                for document in found:
                    yield from self._documents(document, extra_info or {})

    @in_span
    async def aload_data(
        self, file: Input | Iterable[Input], extra_info: Mapping[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        """Like :meth:`load_data`, without blocking the event loop; of many calls, a few read at the same time."""
        with self._told() as progress:
            options = self.read_options(fs=fs, progress=progress)
            async with _place():
                return await self._collected(file, options, extra_info or {})

    async def alazy_load_data(
        self, file: Input | Iterable[Input], extra_info: Mapping[str, Any] | None = None, fs: Any = None
    ) -> Iterable[Document]:
        """The documents in the shape that the base class has: awaited, an iterable that does not block any more."""
        return await self.aload_data(file, extra_info, fs)

    async def _collected(
        self, file: Input | Iterable[Input], options: ReadOptions, extra_info: Mapping[str, Any]
    ) -> list[Document]:
        if self._streams:
            async with aclosing(aread_records(file, options, **self._wishes())) as found:
                return [_document(record, self._id(record), extra_info) async for record in found]
        documents: list[Document] = []
        async with aclosing(aread(file, options)) as wholes:
            async for whole in wholes:
                # Counting tokens takes its time.
                documents += await asyncio.to_thread(list, self._documents(whole, extra_info))
        return documents

    @property
    def _streams(self) -> bool:
        is_linked = self.mode == "chunk" and self.strategy == "parent_child"
        return self.mode != "document" and self.failed_pages == "keep" and not is_linked

    def _wishes(self) -> Any:
        return {"mode": self.mode, "chunks": self.chunk_options(), "keep_blank": self.keep_blank}

    @contextmanager
    def _told(self) -> Iterator[Callable[[Progress], None]]:
        """Whatever is to be told of each page: the events, and the bar where it is wanted."""
        with announced(price=self.price) as announce, _progress(show=self.show_progress) as advance:

            def report(progress: Progress) -> None:
                announce(progress)
                if advance is not None:
                    advance(progress)

            yield report

    def _documents(self, document: ReadDocument, extra_info: Mapping[str, Any]) -> Iterator[Document]:
        if self.failed_pages == "raise":
            check_pages(document)
        found = records(document, self.mode, options=self.chunk_options(), keep_blank=self.keep_blank)
        made = (_document(record, self._id(record), extra_info) for record in found)
        if self.mode == "chunk" and self.strategy == "parent_child":
            families = list(made)
            link_families(families)
            yield from families
        else:
            yield from made

    def _id(self, record: Record) -> str:
        source = record.metadata["source"]
        if self.ids == "content" or source == "bytes":  # which have no name
            return record.id
        at = {"page": record.metadata["page_number"], "document": "", "chunk": record.metadata["chunk_index"]}
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{source}\n{self.mode} {at[self.mode]}"))


def exclusions(metadata: Mapping[str, Any], *, has_text: bool) -> tuple[list[str], list[str]]:
    """Which keys an embedder, and which a model that answers, is not to see: (embedding, LLM).

    What is empty is hidden as well, since "section_path: " would be embedded. Of a page without text the status is
    shown: embedders refuse empty texts, and a model should know.
    """
    shown = set() if has_text else {"page_status"}
    hidden = []
    for excluded in (EXCLUDED_FROM_EMBEDDING, EXCLUDED_FROM_LLM):
        empty = [key for key in SHOWN if key not in excluded and not metadata.get(key)]
        hidden.append([*(key for key in excluded if key not in shown), *empty])
    return hidden[0], hidden[1]


def _document(record: Record, id_: str, extra_info: Mapping[str, Any]) -> Document:
    added = {key: value for key, value in extra_info.items() if key not in record.metadata}
    embedding, llm = exclusions(record.metadata, has_text=bool(record.text))
    return Document(
        id_=id_,
        text=record.text,
        metadata={**record.metadata, **added},
        excluded_embed_metadata_keys=[*embedding, *added],
        excluded_llm_metadata_keys=llm,
    )


def _place() -> asyncio.Semaphore:
    """One of the places for those who read, in this event loop."""
    loop = asyncio.get_running_loop()
    return _places.setdefault(loop, asyncio.Semaphore(READS_AT_ONCE))


@contextmanager
def _progress(*, show: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A bar that counts the pages of all files as they become known."""
    if not show:
        yield None
        return
    from tqdm.auto import tqdm  # type: ignore[import-untyped]  # it has none; what LlamaIndex shows bars with

    left = 0
    with tqdm(total=0, desc="Reading pages", unit="page") as bar:

        def report(progress: Progress) -> None:
            nonlocal left
            if left == 0:
                left = progress.total_pages
                bar.total += left
            left -= 1
            bar.update()

        yield report
