"""From what the user passed to documents: the one module that joins the stations and knows tasks and time.

One asynchronous core. Pages of all files go through one ordered window, so that several short files keep the workers
as busy as one long file; a page that fails is a page with a status, a file that fails does not stop the others. The
synchronous surface runs the same generator on an event loop in another thread, so that it also works in a notebook.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .assemble import DocumentInfo, assemble
from .document import Document, Page
from .engines import Engine
from .errors import DeepSeekOCRError, EngineMisconfigured, EngineUnavailable
from .flow import in_order, iterate
from .listing import expand, is_collection, is_single
from .options import Failure, Progress, ReadOptions, evidence_ocr, make_engine, make_fallback
from .pages import DOUBTFUL, better_page, blank_page, evidence_request, failed_page, read_page, with_evidence
from .prompts import PAGE_TASKS
from .recognition import DocumentFacts, PageImage, PageRequest, Recognition, Word
from .source import Input, Source, SourceOptions, parse_pages, resolve
from .suspects import hidden_request, in_parts, judged_page, page_trust, seen_words, surer_page

if TYPE_CHECKING:
    from .render import WorkerPool

logger = logging.getLogger("deepseek_ocr_rag")

_END: Any = object()
"""Marks the end of an iterator, as nothing that a user passes can."""

DEFAULTS = ReadOptions()


def read(inputs: Input | Iterable[Input], options: ReadOptions = DEFAULTS) -> Generator[Document]:
    """Read files one after the other; see :func:`aread`. Closing the generator stops all work."""
    return iterate(lambda: _aread_and_close(inputs, options))


async def aread(inputs: Input | Iterable[Input], options: ReadOptions = DEFAULTS) -> AsyncGenerator[Document]:
    """Read files into documents, each as soon as its last page is done.

    Args:
        inputs: A path, URL, bytes, binary file, folder, glob, or an iterable of those.
        options: How to read.

    Raises:
        SourceError: If a file cannot be read and ``on_error`` says to raise.
    """
    on_error = options.on_error or ("skip" if is_collection(inputs, fs=options.fs) else "raise")
    async with aclosing(results(inputs, options)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Document):
                yield outcome
            elif on_error == "raise":
                raise outcome.error
            else:
                logger.warning("skipped: %s", outcome.error)
                if options.on_failure is not None:
                    options.on_failure(outcome)


async def _aread_and_close(inputs: Input | Iterable[Input], options: ReadOptions) -> AsyncGenerator[Document]:
    """For an event loop of our own: an engine's connections must not outlive it."""
    try:
        async with aclosing(aread(inputs, options)) as documents:
            async for document in documents:
                yield document
    finally:
        for engine in (options.engine, options.fallback):
            if not isinstance(engine, str):
                await engine.aclose()


async def results(
    inputs: Input | Iterable[Input], options: ReadOptions = DEFAULTS
) -> AsyncGenerator[Document | Failure]:
    """Like :func:`aread`, but a file that cannot be read comes out as a :class:`Failure`, in its place."""
    from .render import WorkerPool

    workers = options.workers or min(4, os.cpu_count() or 1)
    engine = make_engine(options)
    with tempfile.TemporaryDirectory(prefix="deepseek-ocr-rag-") as folder:
        async with WorkerPool(size=workers, page_seconds=options.page_seconds) as pool:
            station = _Station(pool, engine, options, Path(folder))
            # An engine may say how many pages it takes at once; the workers get as many again to prepare.
            window = 2 * workers + int(getattr(engine, "max_in_flight", 0))
            collected: list[Page] = []
            try:
                async with aclosing(in_order(station.jobs(inputs), station.read, window=window)) as done:
                    async for job, page in done:
                        if isinstance(job, Failure) or page is None:
                            assert isinstance(job, Failure)  # noqa: S101 - a page is missing only where a file failed
                            yield job
                            continue
                        collected.append(page)
                        _report(options, job, page)
                        if job.is_last:
                            shutil.rmtree(job.folder, ignore_errors=True)
                            yield assemble(collected, info=_info(job))
                            collected = []
            finally:
                if engine is not options.engine:  # others may be using an engine that was passed in
                    await engine.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One page to read."""

    source: Source
    folder: Path
    facts: DocumentFacts
    page_number: int
    wanted: int
    is_first: bool
    is_last: bool


class _Station:
    """What reading a page needs."""

    def __init__(self, pool: WorkerPool, engine: Engine, options: ReadOptions, workspace: Path) -> None:
        self._pool = pool
        self._engine = engine
        self._fallback = make_fallback(options, engine)
        self._options = options
        self._workspace = workspace
        self._has_answered = False

    async def jobs(self, inputs: Input | Iterable[Input]) -> AsyncGenerator[_Job | Failure]:
        """The pages of all files in order, opening each file when its turn comes."""
        entries: Iterator[Any] = iter([inputs] if is_single(inputs) else cast("Iterable[Input]", inputs))
        while (entry := await asyncio.to_thread(next, entries, _END)) is not _END:
            items = expand(entry, fs=self._options.fs)
            while True:
                try:
                    item = await asyncio.to_thread(next, items, _END)
                except DeepSeekOCRError as error:
                    yield Failure(source=error.source or str(entry), error=error)
                    break  # this folder cannot be listed; the next entry may be
                if item is _END:
                    break
                for job in await self._jobs_of(item):
                    yield job

    async def _jobs_of(self, item: Input) -> Sequence[_Job | Failure]:
        # A folder for each file, to be deleted with its last page: a run over a bucket must not fill the disk.
        folder = Path(tempfile.mkdtemp(dir=self._workspace))
        try:
            return await self._open(item, folder)
        except DeepSeekOCRError as error:
            shutil.rmtree(folder, ignore_errors=True)
            return [Failure(source=error.source or str(item), error=error)]

    async def _open(self, item: Input, folder: Path) -> list[_Job]:
        wishes = SourceOptions(allow_urls=self._options.allow_urls, fs=self._options.fs)
        source = await asyncio.to_thread(resolve, item, workspace=folder, options=wishes)
        facts = await self._pool.open(source, password=self._options.password)
        for warning in facts.warnings:
            logger.warning("%s: %s", source.name, warning)
        numbers = parse_pages(self._options.pages, total=facts.page_count, source=source.name)
        return [
            _Job(
                source=source,
                folder=folder,
                facts=facts,
                page_number=number,
                wanted=len(numbers),
                is_first=number == numbers[0],
                is_last=number == numbers[-1],
            )
            for number in numbers
        ]

    async def read(self, job: _Job | Failure) -> Page | None:
        """Read one page; whatever goes wrong with it becomes its status.

        Raises:
            EngineMisconfigured: If no page has been read so far, since then none will be.
        """
        if isinstance(job, Failure):
            return None
        page = await self._read_and_judge(job, self._engine.request)
        wanted = in_parts(self._engine.request) if self._options.suspect == "reread" else None
        if page.status == "suspect" and wanted is not None:
            page = surer_page(page, await self._read_and_judge(job, wanted))
        page = await self._with_figures(page, job)
        if page.status not in ("ok", "empty"):
            logger.warning("%s, page %d: %s. %s", job.source.name, page.number, page.status, " ".join(page.warnings))
        # What opening the file told (frames of a GIF that are not read) is said on the first page.
        return replace(page, warnings=(*job.facts.warnings, *page.warnings)) if job.is_first else page

    async def _read_and_judge(self, job: _Job, request: PageRequest) -> Page:
        """A page with its lines and its trust, by the engine or whoever stands in for it."""
        page, words = await self._read_by(self._engine, job, request)
        if page.status in DOUBTFUL and self._fallback is not None:
            page = better_page(page, (await self._read_by(self._fallback, job, self._fallback.request))[0])
        if page.status in ("fallback", "empty", "failed"):
            words = None
        page, read = await self._with_lines(page, job, lacks_words=words == ())
        return page if words is None else await self._with_trust(page, job, words=words, read=read)

    async def _read_by(self, engine: Engine, job: _Job, request: PageRequest) -> tuple[Page, Sequence[Word] | None]:
        """A page, and the words of its text layer where a model was to say all of them; else they prove nothing."""
        image = PageImage(page_number=job.page_number, page_width=0, page_height=0, source=job.source.name)
        try:
            image = await self._visit(job, request)
            if image.is_blank:
                return blank_page(image, job.facts, task=self._options.task), None
            recognition = await self._recognize(engine, image)
            self._has_answered = self._has_answered or engine is self._engine
            tells_all = recognition.regions is None and self._options.task in PAGE_TASKS
            words = image.words if tells_all else None
            return await asyncio.to_thread(read_page, image, recognition, task=self._options.task), words
        except EngineMisconfigured as error:
            if not self._has_answered:
                raise
            return failed_page(image, engine.name, error), None
        except DeepSeekOCRError as error:
            return failed_page(image, engine.name, error), None
        except Exception as error:  # an engine of the user's may raise anything; it costs its page
            logger.exception("%s, page %d: engine %s failed", job.source.name, job.page_number, engine.name)
            failed = EngineUnavailable(
                f"engine {engine.name} failed ({type(error).__name__}: {str(error)[:200]}).",
                source=job.source.name,
                page_number=job.page_number,
                hint="See the log for where; the other pages are not affected.",
            )
            return failed_page(image, engine.name, failed), None

    async def _visit(self, job: _Job, request: PageRequest) -> PageImage:
        return await self._pool.visit(job.source, job.page_number, request, password=self._options.password)

    async def _recognize(self, engine: Engine, image: PageImage) -> Recognition:
        if self._options.task != "locate":
            return await engine.recognize(image, task=self._options.task)
        locator = cast("Any", engine)  # engines that can locate take what they are to look for; others raise
        found: Recognition = await locator.recognize(image, task="locate", reference=self._options.reference)
        return found

    async def _with_lines(self, page: Page, job: _Job, *, lacks_words: bool) -> tuple[Page, Sequence[Word]]:
        """Place lines that neither engine nor text layer places; and the words that OCR read for that."""
        wanted = evidence_request(page, ocr=evidence_ocr(self._options), lacks_words=lacks_words)
        if wanted is None or self._options.lines == "none":
            return page, ()
        try:
            found = await self._visit(job, PageRequest(evidence=wanted))
            return await asyncio.to_thread(with_evidence, page, found), found.read
        except Exception as error:  # noqa: BLE001 - a page is not lost for its lines
            return self._without(page, job, "Its lines could not be placed", error), ()

    async def _with_trust(self, page: Page, job: _Job, *, words: Sequence[Word], read: Sequence[Word]) -> Page:
        """Weigh what a model read against the page's own words that are to be seen, else those that OCR read."""
        try:
            trust = await asyncio.to_thread(page_trust, page, words)
            wanted = hidden_request(page, trust) if trust is not None else None
            if wanted is not None:
                found = await self._visit(job, PageRequest(evidence=wanted))
                trust = await asyncio.to_thread(page_trust, page, seen_words(page, words, found, wanted))
            elif trust is None and read:
                trust = await asyncio.to_thread(page_trust, page, read, source="ocr")
            return page if trust is None else judged_page(page, trust, fills=self._options.suspect == "fill")
        except Exception as error:  # noqa: BLE001 - nor for doubts
            return self._without(page, job, "It could not be compared with its own words", error)

    def _without(self, page: Page, job: _Job, problem: str, error: Exception) -> Page:
        """The page as it is, with a warning."""
        reason = str(error)
        if not isinstance(error, DeepSeekOCRError):
            logger.error("%s, page %d: %s", job.source.name, page.number, problem, exc_info=error)
            reason = f"{type(error).__name__}: {reason[:200]}"
        return replace(page, warnings=(*page.warnings, f"{problem}: {reason}"))

    async def _with_figures(self, page: Page, job: _Job) -> Page:
        if self._options.figures is None:
            return page
        from .figures import with_figures

        return await with_figures(
            page,
            document_id=job.source.sha256,
            visit=lambda request: self._visit(job, request),
            recognize=self._engine.recognize,
            options=self._options.figures,
        )


def _info(job: _Job) -> DocumentInfo:
    metadata = {"media_type": job.source.media_type}
    if job.facts.title:
        metadata["title"] = job.facts.title
    return DocumentInfo(
        id=f"sha256:{job.source.sha256}",
        source=job.source.name,
        file_name=job.source.file_name,
        total_pages=job.facts.page_count,
        outline=job.facts.outline,
        metadata=metadata,
    )


def _report(options: ReadOptions, job: _Job, page: Page) -> None:
    if options.progress is not None:
        options.progress(
            Progress(
                source=job.source.name,
                page_number=page.number,
                total_pages=job.wanted,
                status=page.status,
                usage=page.usage,
                warnings=page.warnings,
            )
        )
