"""How to read: the options that every way in shares, what is told on the way, and the engine that they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .engines import Engine
from .engines.local import LocalEngine
from .errors import DeepSeekOCRError
from .prompts import Task

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

OnError = Literal["raise", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One page is done; handed to the ``progress`` callback in page order."""

    source: str
    page_number: int
    total_pages: int
    """Pages of this file that are to be read."""
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A file that could not be read at all."""

    source: str
    error: DeepSeekOCRError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read.

    Args:
        engine: ``auto`` (a server if one is set, else ``local``), ``local``, or any object with the members of
            :class:`deepseek_ocr_rag.engines.Engine`. Such an object may be shared by several calls; asynchronous
            callers close it themselves.
        base_url: An OpenAI-style server of DeepSeek-OCR; also from ``DEEPSEEK_OCR_BASE_URL``.
        model: The model's name there; also from ``DEEPSEEK_OCR_MODEL``.
        api_key: Its key; also from ``DEEPSEEK_OCR_API_KEY``. Never shown.
        task: Which of the model's prompts to use.
        pages: ``"1-3,7"``, a number or numbers, counted from 1; None is all.
        password: For encrypted PDFs. Never shown.
        allow_urls: Whether http and https inputs are fetched.
        fs: An fsspec file system that paths are read from.
        workers: Worker processes for opening, rendering and offline reading; 0 is one for each core, four at most.
        page_seconds: Time limit of one page in a worker.
        on_error: ``raise`` stops at the first file that cannot be read, ``skip`` goes on and logs it. None raises for
            a single file and skips in folders, globs and lists.
        on_failure: Called with each file that was skipped.
        progress: Called after each page.
    """

    engine: Engine | Literal["auto", "local"] = "auto"
    base_url: str = field(default="", repr=False)  # people write logins into addresses
    model: str = ""
    api_key: str = field(default="", repr=False)
    task: Task = "markdown"
    pages: str | int | tuple[int, ...] | None = None
    password: str = field(default="", repr=False)
    allow_urls: bool = False
    fs: AbstractFileSystem | None = None
    workers: int = 0
    page_seconds: float = 120.0
    on_error: OnError | None = None
    on_failure: Callable[[Failure], None] | None = field(default=None, repr=False)
    progress: Callable[[Progress], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what would otherwise be noticed after pages have been paid for, or not at all."""
        if isinstance(self.engine, str) and self.engine not in ("auto", "local"):
            raise ValueError(f"engine={self.engine!r}: pass 'auto', 'local' or an engine object")
        if self.on_error not in (None, "raise", "skip"):
            raise ValueError(f"on_error={self.on_error!r}: pass 'raise', 'skip' or None")
        if self.workers < 0 or self.page_seconds <= 0:
            raise ValueError("workers must not be negative, and page_seconds must be positive")


def make_engine(options: ReadOptions) -> Engine:
    """The engine that ``options`` name: an object as it is, a server where one is set, else the embedded one."""
    if not isinstance(options.engine, str):
        return options.engine
    base_url = options.base_url or os.environ.get("DEEPSEEK_OCR_BASE_URL", "")
    if options.engine == "auto" and base_url:
        from .engines.chat import ChatEngine

        model = options.model or os.environ.get("DEEPSEEK_OCR_MODEL", "") or "deepseek-ocr"
        return ChatEngine(base_url, model=model, api_key=options.api_key or None)
    return LocalEngine()
