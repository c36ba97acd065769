"""Records while their documents are still being read: what indexes need, without a document ever being whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import aclosing, closing
from dataclasses import dataclass

from .assemble import DocumentInfo
from .cache import Filed, FileKey, Filing, PageCache, shape_of
from .chunk import ChunkOptions
from .document import PageStatus
from .flow import iterate
from .opening import Found
from .options import Failure, ReadOptions, make_engine, make_fallback
from .pipeline import PageResult, at_hand, closing_engines, page_results, results, without_failures
from .records import Mode, Record, RecordStream, records
from .source import Input, Source

READING = ReadOptions()
CUTTING = ChunkOptions()


def read_records(
    inputs: Input | Iterable[Input],
    options: ReadOptions = READING,
    *,
    mode: Mode = "chunk",
    chunks: ChunkOptions = CUTTING,
    keep_blank: bool = True,
) -> Generator[Record]:
    """Read files into records; see :func:`aread_records`. Closing the generator stops all work."""
    # A page's records come over from the event loop's thread together: one by one would cost more than making them.
    cut = _Cut(mode, chunks, keep_blank)
    found = iterate(lambda: closing_engines(without_failures(_batches(inputs, options, cut), inputs, options), options))
    with closing(found) as batches:
        for batch in batches:
            yield from batch


async def aread_records(
    inputs: Input | Iterable[Input],
    options: ReadOptions = READING,
    *,
    mode: Mode = "chunk",
    chunks: ChunkOptions = CUTTING,
    keep_blank: bool = True,
) -> AsyncGenerator[Record]:
    """Read files into records, each as soon as nothing that follows can change it: some 33 pages later.

    They are those that :func:`deepseek_ocr_rag.records` makes of the whole documents, in the same order, and no more
    pages are held than these.

    Args:
        inputs: A path, URL, bytes, binary file, folder, glob, or an iterable of those.
        options: How to read.
        mode: What one record is. A ``document`` comes with its last page.
        chunks: How chunks are made.
        keep_blank: Whether blank pages and files are records, too; they have no text.

    Raises:
        SourceError: If a file cannot be read and ``on_error`` says to raise.
        ValueError: If the mode is none of the three.
    """
    outcomes = _batches(inputs, options, _Cut(mode, chunks, keep_blank))
    async with aclosing(without_failures(outcomes, inputs, options)) as batches:
        async for batch in batches:
            for record in batch:
                yield record


async def record_results(
    inputs: Input | Iterable[Input],
    options: ReadOptions = READING,
    *,
    mode: Mode = "chunk",
    chunks: ChunkOptions = CUTTING,
    keep_blank: bool = True,
) -> AsyncGenerator[Record | Failure]:
    """Like :func:`aread_records`, but a file that cannot be read comes out as a :class:`Failure`, in its place."""
    async with aclosing(_batches(inputs, options, _Cut(mode, chunks, keep_blank))) as batches:
        async for batch in batches:
            if isinstance(batch, Failure):
                yield batch
            else:
                for record in batch:
                    yield record


@dataclass(frozen=True, slots=True)
class _Cut:
    """How records are made of pages."""

    mode: Mode
    chunks: ChunkOptions
    keep_blank: bool


def _batches(
    inputs: Input | Iterable[Input], options: ReadOptions, cut: _Cut
) -> AsyncGenerator[Iterable[Record] | Failure]:
    """The records that are settled with each page, or of a whole file."""
    return (_whole if cut.mode == "document" else _streamed)(inputs, options, cut)


async def _whole(
    inputs: Input | Iterable[Input], options: ReadOptions, cut: _Cut
) -> AsyncGenerator[Iterable[Record] | Failure]:
    async with aclosing(results(inputs, options)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Failure):
                yield outcome
            else:
                yield records(outcome, cut.mode, options=cut.chunks, keep_blank=cut.keep_blank)


async def _streamed(
    inputs: Input | Iterable[Input], options: ReadOptions, cut: _Cut
) -> AsyncGenerator[Iterable[Record] | Failure]:
    writer: _Writer | None = None
    async with at_hand(options) as ready:
        shelf = _Shelf.of(ready, cut)
        async with aclosing(page_results(inputs, ready, look_up=shelf.look_up if shelf else None)) as outcomes:
            async for outcome in outcomes:
                if isinstance(outcome, Failure):
                    yield outcome
                    continue
                if isinstance(outcome, Found):
                    yield outcome.filed.records
                    continue
                if writer is None:
                    stream = RecordStream(outcome.info, cut.mode, options=cut.chunks, keep_blank=cut.keep_blank)
                    writer = _Writer(stream, shelf.filing(outcome.info) if shelf else None)
                # Counting tokens takes its time, in which pages go on being read.
                yield await asyncio.to_thread(writer.push, outcome)
                writer = None if outcome.is_last else writer


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The cache's records of whole files, read and cut in one way."""

    cache: PageCache
    shape: str

    @classmethod
    def of(cls, options: ReadOptions, cut: _Cut) -> _Shelf | None:
        """None where nothing is cached, or nobody can tell what the records depend on."""
        engine = make_engine(options)
        fallback = make_fallback(options, engine)
        if not isinstance(options.cache, PageCache):
            return None
        shape = shape_of(
            options,
            engine=engine.fingerprint,
            fallback=fallback.fingerprint if fallback else "",
            mode=cut.mode,
            chunking=cut.chunks,
            keep_blank=cut.keep_blank,
        )
        return cls(options.cache, shape) if shape else None

    def look_up(self, source: Source) -> Filed | None:
        return self.cache.file(FileKey(document=source.sha256, source=source.name, shape=self.shape))

    def filing(self, info: DocumentInfo) -> Filing:
        digest = info.id.removeprefix("sha256:")
        return self.cache.filing(FileKey(document=digest, source=info.source, shape=self.shape))


class _Writer:
    """Makes the records of a document, and files them."""

    def __init__(self, stream: RecordStream, filing: Filing | None) -> None:
        self._stream = stream
        self._filing = filing
        self._pages: dict[int, PageStatus] = {}

    def push(self, result: PageResult) -> list[Record]:
        """The records that are settled with the next page."""
        made = self._stream.push(result.page)
        if result.is_last:
            made += self._stream.end()
        if self._filing is not None:
            self._pages[result.page.number] = result.page.status
            for record in made:
                self._filing.add(record)
            if result.is_last:
                self._filing.finish(self._pages)
        return made
