"""Where a page is read: visited, recognized, given its lines, weighed against its own words, and reported.

Whatever goes wrong with a page becomes its status; only a server that can read no page at all ends the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

import anyio.to_thread

from .document import Page
from .engines import Engine
from .errors import DeepSeekOCRError, EngineMisconfigured, EngineUnavailable
from .headway import Headway
from .lookup import Lookup
from .opening import Found, Job
from .options import Failure, Progress, ReadOptions, evidence_ocr, make_fallback
from .pages import DOUBTFUL, better_page, blank_page, evidence_request, failed_page, read_page, with_evidence
from .prompts import PAGE_TASKS
from .recognition import PageImage, PageRequest, Recognition, Word
from .source import Source
from .suspects import hidden_request, in_parts, judged_page, page_trust, seen_words, surer_page
from .usage import Usage

logger = logging.getLogger("deepseek_ocr_rag")

T = TypeVar("T")


class Station:
    """What reading a page needs."""

    def __init__(self, lookup: Lookup, engine: Engine, options: ReadOptions, headway: Headway) -> None:
        self._lookup = lookup
        self._engine = engine
        self._fallback = make_fallback(options, engine)
        self._options = options
        self._has_answered = False
        self._headway = headway
        # One page at a time: threads share the interpreter, and the event loop, which keeps server and workers busy,
        # would have to wait for each of them in turn.
        self._desk = anyio.CapacityLimiter(1)

    def report(self, job: Job, page: Page) -> None:
        """Tell the user of a page that is done."""
        self._report(
            job.source,
            page_number=page.number,
            total_pages=job.wanted,
            status=page.status,
            usage=page.usage,
            warnings=page.warnings,
            pages_done=job.place,
        )

    def report_found(self, found: Found) -> None:
        """Tell the user of the pages of a file that was read before."""
        pages = found.filed.pages
        for place, (number, status) in enumerate(pages.items(), start=1):
            self._report(
                found.source,
                page_number=number,
                total_pages=len(pages),
                status=status,
                usage=Usage(cache_hits=1),
                pages_done=place,
            )

    def _report(self, source: Source, **page: Any) -> None:
        headway = self._headway
        headway.page(time.monotonic())
        if self._options.progress is not None:
            self._options.progress(
                Progress(
                    source=source.name,
                    file_name=source.file_name,
                    run_pages=headway.done,
                    run_total=headway.known,
                    seconds=headway.seconds,
                    pages_per_second=headway.rate,
                    eta_seconds=headway.left(headway.known - headway.done),
                    **page,
                )
            )

    async def read(self, job: Job | Found | Failure) -> Page | None:
        """Read one page; whatever goes wrong with it becomes its status.

        Raises:
            EngineMisconfigured: If no page has been read so far, since then none will be.
        """
        if not isinstance(job, Job):
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

    async def _read_and_judge(self, job: Job, request: PageRequest) -> Page:
        """A page with its lines and its trust, by the engine or whoever stands in for it."""
        page, words = await self._read_by(self._engine, job, request)
        if page.status in DOUBTFUL and self._fallback is not None:
            page = better_page(page, (await self._read_by(self._fallback, job, self._fallback.request))[0])
        if page.status in ("fallback", "empty", "failed"):
            words = None
        page, read = await self._with_lines(page, job, lacks_words=words == ())
        return page if words is None else await self._with_trust(page, job, words=words, read=read)

    async def _read_by(self, engine: Engine, job: Job, request: PageRequest) -> tuple[Page, Sequence[Word] | None]:
        """A page, and the words of its text layer where a model was to say all of them; else they prove nothing."""
        image = PageImage(page_number=job.page_number, page_width=0, page_height=0, source=job.source.name)
        try:
            known = await self._lookup.answer(engine, image, request, document=job.source.sha256)
            image = known.image if known else await self._visit(job, request)
            recognition = known.reused if known else None
            if not known:
                recognition = None if image.is_blank else await self._recognize(engine, image)
                self._has_answered = self._has_answered or (engine is self._engine and recognition is not None)
                await self._lookup.keep(engine, image, request, recognition, document=job.source.sha256)
            if recognition is None:
                return blank_page(image, job.facts, task=self._options.task), None
            tells_all = recognition.regions is None and self._options.task in PAGE_TASKS
            words = image.words if tells_all else None
            return await self._worked(read_page, image, recognition, task=self._options.task), words
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

    async def _worked(self, work: Callable[..., T], *args: Any, **more: Any) -> T:
        """Do one thing that takes its time, off the event loop."""
        return await anyio.to_thread.run_sync(partial(work, *args, **more), limiter=self._desk)

    async def _visit(self, job: Job, request: PageRequest) -> PageImage:
        return await self._lookup.visit(job.source, job.page_number, request)

    async def _recognize(self, engine: Engine, image: PageImage) -> Recognition:
        if self._options.task != "locate":
            return await engine.recognize(image, task=self._options.task)
        locator = cast("Any", engine)  # engines that can locate take what they are to look for; others raise
        found: Recognition = await locator.recognize(image, task="locate", reference=self._options.reference)
        return found

    async def _with_lines(self, page: Page, job: Job, *, lacks_words: bool) -> tuple[Page, Sequence[Word]]:
        """Place lines that neither engine nor text layer places; and the words that OCR read for that."""
        wanted = evidence_request(page, ocr=evidence_ocr(self._options), lacks_words=lacks_words)
        if wanted is None or self._options.lines == "none":
            return page, ()
        try:
            found = await self._visit(job, PageRequest(evidence=wanted))
            return await self._worked(with_evidence, page, found), found.read
        except Exception as error:  # noqa: BLE001 - a page is not lost for its lines
            return self._without(page, job, "Its lines could not be placed", error), ()

    async def _with_trust(self, page: Page, job: Job, *, words: Sequence[Word], read: Sequence[Word]) -> Page:
        """Weigh what a model read against the page's own words that are to be seen, else those that OCR read."""
        try:
            trust = await self._worked(page_trust, page, words)
            wanted = hidden_request(page, trust) if trust is not None else None
            if wanted is not None:
                found = await self._visit(job, PageRequest(evidence=wanted))
                trust = await self._worked(page_trust, page, seen_words(page, words, found, wanted))
            elif trust is None and read:
                trust = await self._worked(page_trust, page, read, source="ocr")
            return page if trust is None else judged_page(page, trust, fills=self._options.suspect == "fill")
        except Exception as error:  # noqa: BLE001 - nor for doubts
            return self._without(page, job, "It could not be compared with its own words", error)

    def _without(self, page: Page, job: Job, problem: str, error: Exception) -> Page:
        """The page as it is, with a warning."""
        reason = str(error)
        if not isinstance(error, DeepSeekOCRError):
            logger.error("%s, page %d: %s", job.source.name, page.number, problem, exc_info=error)
            reason = f"{type(error).__name__}: {reason[:200]}"
        return replace(page, warnings=(*page.warnings, f"{problem}: {reason}"))

    async def _with_figures(self, page: Page, job: Job) -> Page:
        if self._options.figures is None:
            return page
        from .figures import with_figures

        return await with_figures(
            page,
            document_id=job.source.sha256,
            visit=lambda request: self._visit(job, request),
            recognize=partial(self._lookup.figure, self._engine, document=job.source.sha256),
            options=self._options.figures,
        )
