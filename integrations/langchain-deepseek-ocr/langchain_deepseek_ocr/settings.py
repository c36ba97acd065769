"""What the loader and the parser have in common: how to read, and how a document of ours becomes LangChain's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
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
    Mode,
    Price,
    Progress,
    ReadOptions,
    Resolution,
    Task,
    check_pages,
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
        page_seconds: Time limit of one page in a worker.
        failed_pages: ``raise`` stops at a file of which a page failed, came back empty, or was not read to its end,
            before any of its documents is given: indexing with a clean-up would delete what an earlier run had of
            that page.
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
    page_seconds: float = 120.0
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
            page_seconds=self.page_seconds,
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

    def documents(self, document: ReadDocument) -> Iterator[Document]:
        """LangChain's documents of one of ours.

        Raises:
            PageFailed: If a page failed and ``failed_pages`` says to raise.
            OutputError: If one was not read to its end, or came back empty, and ``failed_pages`` says to raise.
        """
        if self.failed_pages == "raise":
            check_pages(document)
        for record in records(document, self.mode, options=self.chunk_options(), keep_blank=self.keep_blank):
            yield Document(record.text, id=record.id, metadata=dict(record.metadata))

    def _figure_options(self) -> FigureOptions | None:
        if not self.figures and self.figures_read == "none":
            return None
        return FigureOptions(folder=self.figures, read=self.figures_read)


def _secret(value: SecretStr | str | None) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) else value


def _revealed(value: SecretStr | str | None) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""
