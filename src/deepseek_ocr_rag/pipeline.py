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
import time
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from .assemble import DocumentInfo, assemble
from .confine import return_memory
from .document import Document, Page
from .flow import in_order, iterate
from .headway import Headway
from .listing import is_collection
from .lookup import Lookup, make_cache
from .opening import Found, Job, LookUp, Opening
from .options import Failure, ReadOptions, make_engine, with_engine
from .source import Input
from .station import Station

logger = logging.getLogger("deepseek_ocr_rag")

T = TypeVar("T")

DEFAULTS = ReadOptions()


def read(inputs: Input | Iterable[Input], options: ReadOptions = DEFAULTS) -> Generator[Document]:
    """Read files one after the other; see :func:`aread`. Closing the generator stops all work."""
    return iterate(lambda: closing_engines(aread(inputs, options), options))


async def aread(inputs: Input | Iterable[Input], options: ReadOptions = DEFAULTS) -> AsyncGenerator[Document]:
    """Read files into documents, each as soon as its last page is done.

    Args:
        inputs: A path, URL, bytes, binary file, folder, glob, or an iterable of those.
        options: How to read.

    Raises:
        SourceError: If a file cannot be read and ``on_error`` says to raise.
    """
    async with aclosing(without_failures(results(inputs, options), inputs, options)) as documents:
        async for document in documents:
            yield document


async def without_failures(
    outcomes: AsyncGenerator[T | Failure], inputs: Input | Iterable[Input], options: ReadOptions
) -> AsyncGenerator[T]:
    """What was read; files that could not be are raised or told of, as ``options`` say.

    Raises:
        SourceError: If a file cannot be read and ``on_error`` says to raise.
    """
    on_error = options.on_error or ("skip" if is_collection(inputs, fs=options.fs) else "raise")
    async with aclosing(outcomes):
        async for outcome in outcomes:
            if not isinstance(outcome, Failure):
                yield outcome
            elif on_error == "raise":
                raise outcome.error
            else:
                logger.warning("skipped: %s", outcome.error)
                if options.on_failure is not None:
                    options.on_failure(outcome)


async def closing_engines(found: AsyncGenerator[T], options: ReadOptions) -> AsyncGenerator[T]:
    """For an event loop of our own: an engine's connections must not outlive it."""
    try:
        async with aclosing(found):
            async for one in found:
                yield one
    finally:
        for engine in (options.engine, options.fallback):
            if not isinstance(engine, str):
                await engine.aclose()


async def results(
    inputs: Input | Iterable[Input], options: ReadOptions = DEFAULTS
) -> AsyncGenerator[Document | Failure]:
    """Like :func:`aread`, but a file that cannot be read comes out as a :class:`Failure`, in its place."""
    collected: list[Page] = []
    async with at_hand(options) as ready, aclosing(page_results(inputs, ready)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Failure):
                yield outcome
                continue
            assert isinstance(outcome, PageResult)  # noqa: S101 - nothing is looked up
            collected.append(outcome.page)
            if outcome.is_last:
                yield assemble(collected, info=outcome.info)
                collected = []


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """A page as it was read, before the pages around it are known."""

    info: DocumentInfo
    page: Page
    is_last: bool
    """Whether it is the last one of its file."""


@asynccontextmanager
async def at_hand(options: ReadOptions) -> AsyncGenerator[ReadOptions]:
    """The same options with the engine and the cache that they name; what had to be made is closed at the end."""
    engine, cache = make_engine(options), make_cache(options)
    try:
        ready = options if engine is options.engine else with_engine(options, engine)
        yield replace(ready, cache=cache or False)
    finally:
        if cache is not None and cache is not options.cache:
            await asyncio.to_thread(cache.close)
        if engine is not options.engine:  # others may be using an engine that was passed in
            await engine.aclose()
        # Each run has threads of its own, for which the C library keeps what they once needed, up to 100 MB in all.
        return_memory()


async def page_results(
    inputs: Input | Iterable[Input], options: ReadOptions = DEFAULTS, *, look_up: LookUp | None = None
) -> AsyncGenerator[PageResult | Found | Failure]:
    """The pages of all files in order, each as soon as it and those before it are done.

    Args:
        inputs: As :func:`aread` takes them.
        options: How to read, :func:`at_hand`.
        look_up: Says of each file whether it need not be opened; such files come out as they were found.
    """
    from .render import WorkerPool

    workers = options.workers or min(4, os.cpu_count() or 1)
    engine = make_engine(options)

    def window() -> int:
        # As many as the engine has use for, as it says; and the workers get twice their number to prepare.
        return 2 * workers + int(getattr(engine, "places", getattr(engine, "max_in_flight", 0)))

    with tempfile.TemporaryDirectory(prefix="deepseek-ocr-rag-") as folder:
        async with WorkerPool(size=workers, limits=options.limits, renderer=options.renderer) as pool:
            headway = Headway(time.monotonic())
            lookup = Lookup(pool, options)
            station = Station(lookup, engine, options, headway)
            opening = Opening(lookup, options, workspace=Path(folder), headway=headway, look_up=look_up)
            async with aclosing(in_order(opening.jobs(inputs), station.read, window=window)) as done:
                async for job, page in done:
                    if isinstance(job, Found):
                        station.report_found(job)
                    if not isinstance(job, Job) or page is None:
                        assert not isinstance(job, Job)  # noqa: S101 - only what is no page comes without one
                        yield job
                        continue
                    station.report(job, page)
                    if job.is_last:
                        shutil.rmtree(job.folder, ignore_errors=True)
                    yield PageResult(info=job.info, page=page, is_last=job.is_last)
