"""How to read: the options that every way in shares, what is told on the way, and the engine that they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from .engines import Engine
from .engines.local import LocalEngine
from .engines.retry import RetryPolicy
from .errors import DeepSeekOCRError
from .limits import Limits
from .modes import Resolution
from .prompts import PAGE_TASKS, Task, prompt_for
from .recognition import ImageRequest, LineEvidence, LocalRequest, Quality, Renderer, SuspectPages
from .usage import Usage

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from .cache import PageCache
    from .figures import FigureOptions

OnError = Literal["raise", "skip"]

MAX_IN_FLIGHT = 64

_OF_SERVERS = (
    *("provider", "base_url", "model", "api_key", "prompt", "resolution", "retry"),
    *("max_in_flight", "requests_per_minute", "tokens_per_minute"),
)
"""Options that mean nothing to an engine that was passed in, or that is no server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One page is done; handed to the ``progress`` callback in page order."""

    source: str
    page_number: int
    total_pages: int
    """Pages of this file that are to be read."""
    status: str
    usage: Usage = field(default_factory=Usage)
    """What this page cost."""
    warnings: tuple[str, ...] = ()
    file_name: str = ""
    pages_done: int = 0
    """Pages of this file that are done, this one included."""
    run_pages: int = 0
    """Pages of the whole run that are done."""
    run_total: int = 0
    """Pages of the files that were opened so far."""
    seconds: float = 0.0
    """Since the run began."""
    pages_per_second: float = 0.0
    """Over the last while."""
    eta_seconds: float | None = None
    """Until all pages of the files that were opened so far are done; None where that is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A file that could not be read at all."""

    source: str
    error: DeepSeekOCRError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read.

    Which server is asked, where ``engine`` is ``auto``, is the first of these that is set:

    1. ``provider``, at its own address or at ``base_url``;
    2. ``base_url``: any OpenAI-style server of DeepSeek-OCR, as the provider ``custom``;
    3. ``DEEPSEEK_OCR_PROVIDER`` or ``DEEPSEEK_OCR_BASE_URL`` of the environment, or both of them as in 1.

    In 1 and 2 the environment's provider, address and model have no say: they are another server's. A provider's own
    key goes to no other provider; ``DEEPSEEK_OCR_API_KEY`` goes to whatever server is asked.

    Args:
        engine: ``auto`` (a server if a provider or address is set, else ``local``), ``local``, or any object with the
            members of :class:`deepseek_ocr_rag.engines.Engine`. Such an object may be shared by several calls;
            asynchronous callers close it themselves.
        provider: Who serves the model, such as ``novita`` or ``vllm``; also from ``DEEPSEEK_OCR_PROVIDER``. Its row in
            :mod:`deepseek_ocr_rag.engines.providers` knows the address, the model's name and what the server wants.
        base_url: The server's address, where it is not the provider's usual one; also from ``DEEPSEEK_OCR_BASE_URL``.
            A login may stand in it, a key in its query may not.
        model: The model's name there; also from ``DEEPSEEK_OCR_MODEL``, for the environment's server.
        api_key: Its key; also from the provider's own variable, or ``DEEPSEEK_OCR_API_KEY``. Never shown.
        task: Which of the model's prompts to use.
        prompt: Sent instead of the task's own prompt; the answer is read as the task's.
        reference: What the task ``locate`` looks for.
        resolution: The model's mode; ``auto`` chooses by the page's smallest text.
        retry: What a page may cost before its best answer so far is taken.
        max_in_flight: Requests that may be under way at once, at most; how many there are is found out by what the
            server does.
        requests_per_minute: Requests that may go out a minute; 0 is no limit. Calls that are to share one limit share
            an engine object that has it.
        tokens_per_minute: Tokens of pictures, prompts and answers that may be spent a minute; 0 is no limit.
        quality: How the embedded engine reads text layers: with the layout model on all pages (``best``), on none
            (``fast``, many times as fast), or on those that are not plain (``auto``).
        fallback: Who reads a page that the server could not read, or not to its end: ``local`` (the text layer, else
            offline OCR), ``none``, or another engine. Such pages have the status ``fallback``.
        figures: Where to save the pictures of figures, and whether to have them read; None leaves them in the page.
        lines: What tells where the lines of blocks stand that the model gave boxes alone, and that the text layer does
            not show: the page's ink (``auto``, ``ink``), the offline OCR and where that fails the ink (``ocr``), or
            nothing (``none``). Scans get their lines by this.
        suspect: What is done about a page that has what the model's answer lacks, or other numbers, by the words of
            its text layer, or of OCR with ``lines="ocr"``: its status is ``suspect`` and its warnings say why
            (``keep``); besides, what is missing is put in from those words (``fill``), or the model reads the page's
            halves and the better reading counts (``reread``). Only for tasks that read the whole page.
        pages: ``"1-3,7"``, a number or numbers, counted from 1; None is all.
        password: For encrypted PDFs. Never shown.
        allow_urls: Whether http and https inputs are fetched.
        fs: An fsspec file system that paths are read from.
        workers: Worker processes for opening, rendering and offline reading; 0 is one for each core, four at most.
        renderer: What draws the pages of PDFs: ``mupdf``, or ``pdfium``, whose licence asks nothing of users.
        limits: What a file, a page and a download may take; what is more is an error of that file or page.
        cache: Where what was read is kept, so that a run that was stopped goes on for free: a file or folder, an open
            :class:`.PageCache`, or True for the usual place (:func:`.default_cache`). It holds the documents' text.
        on_error: ``raise`` stops at the first file that cannot be read, ``skip`` goes on and logs it. None raises for
            a single file and skips in folders, globs and lists.
        on_failure: Called with each file that was skipped.
        progress: Called after each page.

    Raises:
        ValueError: If an option is none of these, or would be ignored: those of a server (``provider``, ``base_url``,
            ``model``, ``api_key``, ``prompt``, ``resolution``, ``retry``, ``max_in_flight`` and what is spent a minute)
            beside an engine object, which has its own, or beside ``local``.
    """

    engine: Engine | Literal["auto", "local"] = "auto"
    provider: str = ""
    base_url: str = field(default="", repr=False)  # people write logins into addresses
    model: str = ""
    api_key: str = field(default="", repr=False)
    task: Task = "markdown"
    prompt: str = ""
    reference: str = ""
    resolution: Resolution = "auto"
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_in_flight: int = MAX_IN_FLIGHT
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    quality: Quality = "best"
    fallback: Engine | Literal["local", "none"] = "local"
    figures: FigureOptions | None = None
    lines: LineEvidence = "auto"
    suspect: SuspectPages = "keep"
    pages: str | int | tuple[int, ...] | None = None
    password: str = field(default="", repr=False)
    allow_urls: bool = False
    fs: AbstractFileSystem | None = None
    workers: int = 0
    renderer: Renderer = "mupdf"
    limits: Limits = field(default_factory=Limits)
    cache: PageCache | str | os.PathLike[str] | bool = False
    on_error: OnError | None = None
    on_failure: Callable[[Failure], None] | None = field(default=None, repr=False)
    progress: Callable[[Progress], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what would otherwise be noticed after pages have been paid for, or not at all."""
        if isinstance(self.engine, str) and self.engine not in ("auto", "local"):
            raise ValueError(f"engine={self.engine!r}: pass 'auto', 'local' or an engine object")
        if isinstance(self.fallback, str) and self.fallback not in ("local", "none"):
            raise ValueError(f"fallback={self.fallback!r}: pass 'local', 'none' or an engine object")
        if self.on_error not in (None, "raise", "skip"):
            raise ValueError(f"on_error={self.on_error!r}: pass 'raise', 'skip' or None")
        for name, known in (
            ("lines", LineEvidence),
            ("suspect", SuspectPages),
            ("resolution", Resolution),
            ("quality", Quality),
            ("renderer", Renderer),
        ):
            if getattr(self, name) not in get_args(known):
                raise ValueError(f"{name}={getattr(self, name)!r}: pass one of {', '.join(get_args(known))}")
        if min(self.workers, self.requests_per_minute, self.tokens_per_minute) < 0 or self.max_in_flight < 1:
            raise ValueError("workers and what is allowed a minute must not be negative, max_in_flight at least 1")
        if self.engine != "auto" and (ignored := _set_for_servers(self)):
            whose = "engine='local' asks no server" if self.engine == "local" else "set them on the engine object"
            raise ValueError(f"{', '.join(ignored)}: would be ignored; {whose}")
        prompt_for(self.task, reference=self.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server that options and environment name. What is empty is as the provider's row says."""

    provider: str
    base_url: str = field(repr=False)
    model: str


def server_of(options: ReadOptions) -> Target | None:
    """The server that is to be asked, as :class:`ReadOptions` has it; None where none is set or wanted."""
    if options.engine != "auto":
        return None
    if options.provider or options.base_url:
        return Target(provider=options.provider or "custom", base_url=options.base_url, model=options.model)
    provider, base_url, model = (
        os.environ.get(f"DEEPSEEK_OCR_{name}", "").strip() for name in ("PROVIDER", "BASE_URL", "MODEL")
    )
    if not (provider or base_url):
        return None
    return Target(provider=provider or "custom", base_url=base_url, model=options.model or model)


def make_engine(options: ReadOptions) -> Engine:
    """The engine that ``options`` name: an object as it is, a server where one is set, else the embedded one.

    Raises:
        ValueError: If there is no such provider, the address is none, the engine's model cannot do the task (nor read
            figures, where that is wanted), or options of a server are set and no server is.
        EngineMisconfigured: If the provider needs a key or address that is not set.
    """
    server = server_of(options)
    if not isinstance(options.engine, str):
        engine = options.engine
    elif server is None:
        if ignored := _set_for_servers(options):
            raise ValueError(
                f"{', '.join(ignored)}: would be ignored: there is no server; name its provider or base_url"
            )
        engine = LocalEngine(quality=options.quality)
    else:
        engine = _server_engine(server, options)
    _check_tasks(engine, options)
    return engine


def with_engine(options: ReadOptions, engine: Engine) -> ReadOptions:
    """The same options for an engine that was made from them, without those that it has in itself."""
    plain = ReadOptions()
    return replace(options, engine=engine, **{name: getattr(plain, name) for name in _OF_SERVERS})


def _server_engine(server: Target, options: ReadOptions) -> Engine:
    from .engines.remote import ChatOptions, remote_engine

    return remote_engine(
        server.provider,
        base_url=server.base_url,
        model=server.model,
        api_key=options.api_key or None,
        options=ChatOptions(
            prompt=options.prompt or None,
            prompt_task=options.task,
            image=ImageRequest(resolution=options.resolution),
            retry=options.retry,
            max_in_flight=options.max_in_flight,
            requests_per_minute=options.requests_per_minute,
            tokens_per_minute=options.tokens_per_minute,
        ),
    )


def _check_tasks(engine: Engine, options: ReadOptions) -> None:
    """Refuse a task before a page is rendered for it. What engines of others can do is not known."""
    if isinstance(engine, LocalEngine):
        if options.task not in PAGE_TASKS:
            raise ValueError(f"task={options.task!r} needs a model: name its provider or base_url")
        return
    from .engines.remote import RemoteEngine

    if not isinstance(engine, RemoteEngine):
        return
    figures = options.figures.task if options.figures is not None else None
    for task in (options.task, figures):
        if task is not None and task not in engine.tasks:
            what = f"task={task!r}" if task == options.task else f"reading figures (task {task!r})"
            who = f"{engine.model} ({engine.provider.title})"
            raise ValueError(f"{what}: {who} can be asked for {', '.join(engine.tasks)}; choose one of them")


def _set_for_servers(options: ReadOptions) -> list[str]:
    plain = {"resolution": "auto", "retry": RetryPolicy(), "max_in_flight": MAX_IN_FLIGHT}
    return [name for name in _OF_SERVERS if (value := getattr(options, name)) and value != plain.get(name, "")]


def evidence_ocr(options: ReadOptions) -> LocalRequest | None:
    """What places lines by OCR, where that is wanted: as the offline engine that reads what the server cannot."""
    if options.lines != "ocr":
        return None
    local = options.fallback.request.local if isinstance(options.fallback, LocalEngine) else None
    return replace(local or LocalRequest(), force_ocr=True)


def make_fallback(options: ReadOptions, engine: Engine) -> Engine | None:
    """Who reads what ``engine`` cannot; nobody for the embedded engine, and where the task is not to read a page."""
    if isinstance(engine, LocalEngine) or options.task not in PAGE_TASKS:
        return None
    if isinstance(options.fallback, str):
        return LocalEngine(quality=options.quality) if options.fallback == "local" else None
    return options.fallback
