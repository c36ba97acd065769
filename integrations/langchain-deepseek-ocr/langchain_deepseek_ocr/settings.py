"""What the loader and the parser have in common: how to read, and how a document of ours becomes LangChain's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, closing
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.callbacks import Callbacks
from langchain_core.documents import Document
from pydantic import SecretStr

from deepseek_ocr_rag import Document as ReadDocument
from deepseek_ocr_rag import (
    Engine,
    Failure,
    FigureOptions,
    FigureReading,
    Input,
    Limits,
    Mode,
    PageCache,
    Price,
    Progress,
    Quality,
    ReadOptions,
    Record,
    Renderer,
    Resolution,
    Task,
    aread,
    aread_records,
    check_pages,
    read,
    read_records,
    records,
)

from .callbacks import Report, atold, told
from .chunking import ChunkSettings


@dataclass(kw_only=True, eq=False)
class ReadSettings(ChunkSettings):
    """How to read; and in mode ``chunk``, by the settings of :class:`ChunkSettings`, how to cut.

    Args:
        mode: What one document is: a ``page``, a whole file (``document``), or a ``chunk``.
        engine: ``auto`` (DeepSeek-OCR where a server is set, else ``local``), ``local``, which is offline, or an
            engine object.
        provider: Who serves the model, such as ``novita`` or ``vllm``; also from ``DEEPSEEK_OCR_PROVIDER``.
        base_url: The server's address, where it is not the provider's usual one; also from ``DEEPSEEK_OCR_BASE_URL``.
        model: The model's name there; also from ``DEEPSEEK_OCR_MODEL``.
        api_key: Its key; also from the provider's own variable, or ``DEEPSEEK_OCR_API_KEY``. Never shown.
        task: Which of the model's prompts to send.
        prompt: Sent instead of the task's own prompt.
        reference: What the task ``locate`` looks for.
        resolution: The model's mode; ``auto`` goes by the page's smallest text.
        fallback: Who reads pages that the server could not read to their end: ``local``, which is offline, ``none``,
            or an engine object.
        figures: Folder, or fsspec address, for the pictures of figures; empty leaves them in the page.
        figures_read: Whether the model reads figures: ``parse`` for charts as tables, ``describe`` in words.
        lines: What places the lines of scans that a model read: the ink (``auto``, ``ink``), the offline OCR and then
            the ink (``ocr``), or nothing.
        suspect: What is done about pages whose own words do not bear out the model's answer: their status says so
            (``keep``), what is missing is put in from those words (``fill``), or the model is asked again (``reread``).
        pages: ``"1-3,7"``, a number or numbers, counted from 1; None is all.
        password: For encrypted PDFs. Never shown.
        workers: Worker processes; 0 is one for each core, four at most.
        quality: How the offline engine reads text layers: with the layout model (``best``), without it (``fast``), or
            with it where the page is not plain (``auto``).
        renderer: What draws the pages of PDFs: ``mupdf`` or ``pdfium``.
        limits: What a file, a page and a download may take.
        cache: Where answers are kept, so that a run that was stopped goes on for free: a file or folder, an open
            cache, or True for the usual place. It holds the documents' text.
        max_in_flight: Requests that may be under way at once, at most.
        requests_per_minute: Requests that may go out a minute; 0 is no limit.
        tokens_per_minute: Tokens that may be spent a minute; 0 is no limit.
        failed_pages: ``raise`` stops at a file of which a page failed, came back empty, or was not read to its end,
            before any of its documents is given: indexing with a clean-up would delete what an earlier run had of
            that page. So a file is held until it is read; with ``keep``, pages and chunks come while it is being read.
        keep_blank: Whether blank pages are documents, too; they have no text, which some embedding services refuse.
        progress: Called after each page.
        callbacks: LangChain's handlers, or a run's manager, that are told of each page that is done and of the run's
            end, with tokens and cost; see :mod:`.callbacks`. Each load, or each blob, is a run.
        price: What is paid, for the cost in those events.

    Raises:
        ValueError: If an option makes no sense, alone or together with others.
    """

    mode: Mode = "page"
    engine: Engine | Literal["auto", "local"] = "auto"
    provider: str = ""
    base_url: str = field(default="", repr=False)  # people write logins into addresses
    model: str = ""
    api_key: SecretStr | str | None = field(default=None, repr=False)
    task: Task = "markdown"
    prompt: str = ""
    reference: str = ""
    resolution: Resolution = "auto"
    fallback: Engine | Literal["local", "none"] = "local"
    figures: str = ""
    figures_read: FigureReading = "none"
    lines: Literal["auto", "ocr", "ink", "none"] = "auto"
    suspect: Literal["keep", "fill", "reread"] = "keep"
    pages: str | int | tuple[int, ...] | list[int] | None = None
    password: SecretStr | str | None = field(default=None, repr=False)
    workers: int = 0
    quality: Quality = "best"
    renderer: Renderer = "mupdf"
    limits: Limits = field(default_factory=Limits)
    cache: PageCache | str | os.PathLike[str] | bool = False
    max_in_flight: int = 64
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    failed_pages: Literal["keep", "raise"] = "keep"
    keep_blank: bool = True
    progress: Callable[[Progress], None] | None = field(default=None, repr=False)
    callbacks: Callbacks = field(default=None, repr=False)
    price: Price | None = None

    def __post_init__(self) -> None:
        """Check what can be checked before anything is read."""
        self.api_key, self.password = _secret(self.api_key), _secret(self.password)
        for name, known in (("mode", ("page", "document", "chunk")), ("failed_pages", ("keep", "raise"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: pass one of {', '.join(map(repr, known))}")
        self.chunk_options()
        self.read_options()

    def read_options(
        self,
        *,
        fs: Any = None,
        allow_urls: bool = False,
        on_error: Literal["raise", "skip"] | None = None,
        on_failure: Callable[[Failure], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> ReadOptions:
        """The options of the core, with what only a run has."""
        return ReadOptions(
            engine=self.engine,
            provider=self.provider,
            base_url=self.base_url,
            model=self.model,
            api_key=_revealed(self.api_key),
            task=self.task,
            prompt=self.prompt,
            reference=self.reference,
            resolution=self.resolution,
            fallback=self.fallback,
            figures=self._figure_options(),
            lines=self.lines,
            suspect=self.suspect,
            pages=tuple(self.pages) if isinstance(self.pages, list) else self.pages,
            password=_revealed(self.password),
            workers=self.workers,
            quality=self.quality,
            renderer=self.renderer,
            limits=self.limits,
            cache=self.cache,
            max_in_flight=self.max_in_flight,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            fs=fs,
            allow_urls=allow_urls,
            on_error=on_error,
            on_failure=on_failure,
            progress=progress,
        )

    def told(self) -> AbstractContextManager[Report]:
        """Tells :attr:`callbacks` and :attr:`progress` of a run; what it gives is the progress for the core."""
        return told(self.callbacks, price=self.price, progress=self.progress)

    def atold(self) -> AbstractAsyncContextManager[Report]:
        """Like :meth:`told`, in the event loop."""
        return atold(self.callbacks, price=self.price, progress=self.progress)

    def stream(self, given: Input | Iterable[Input], options: ReadOptions) -> Generator[Document]:
        """LangChain's documents of files, as they are read; closing the generator stops all work.

        Raises:
            SourceError: If a file cannot be read; ``options.on_error`` says whether.
            PageFailed: If a page failed and ``failed_pages`` says to raise.
            OutputError: If one was not read to its end, or came back empty, and ``failed_pages`` says to raise.
        """
        if self._streams:
            with closing(read_records(given, options, **self._wishes())) as found:
                yield from map(_document, found)
            return
        with closing(read(given, options)) as documents:
            for document in documents:
                yield from self._whole(document)

    async def astream(self, given: Input | Iterable[Input], options: ReadOptions) -> AsyncGenerator[Document]:
        """Like :meth:`stream`, without blocking the event loop."""
        if self._streams:
            async with aclosing(aread_records(given, options, **self._wishes())) as found:
                async for record in found:
                    yield _document(record)
            return
        async with aclosing(aread(given, options)) as documents:
            async for document in documents:
                for made in await asyncio.to_thread(list, self._whole(document)):
                    yield made

    @property
    def _streams(self) -> bool:
        return self.mode != "document" and self.failed_pages == "keep"

    def _wishes(self) -> Any:
        return {"mode": self.mode, "chunks": self.chunk_options(), "keep_blank": self.keep_blank}

    def _whole(self, document: ReadDocument) -> Iterator[Document]:
        if self.failed_pages == "raise":
            check_pages(document)
        return map(_document, records(document, self.mode, options=self.chunk_options(), keep_blank=self.keep_blank))

    def _figure_options(self) -> FigureOptions | None:
        if not self.figures and self.figures_read == "none":
            return None
        return FigureOptions(folder=self.figures, read=self.figures_read)


def _document(record: Record) -> Document:
    return Document(record.text, id=record.id, metadata=dict(record.metadata))


def _secret(value: SecretStr | str | None) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) else value


def _revealed(value: SecretStr | str | None) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""
