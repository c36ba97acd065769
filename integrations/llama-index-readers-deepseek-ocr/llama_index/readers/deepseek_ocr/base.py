"""The reader: files in, one LlamaIndex document per page, file or chunk out.

LlamaIndex keys updates by ``Document.id_`` and a hash over text and metadata, keys in order. So ids depend on content
alone, the metadata's keys never change their order, and nothing in it changes from one run to the next. Documents
have no SOURCE relationship: the docstore would look for the file's id, and ingest everything again.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, closing, contextmanager
from typing import Any, ClassVar, Literal
from weakref import WeakKeyDictionary

from llama_index.core.bridge.pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document

from deepseek_ocr_rag import (
    EXCLUDED_FROM_EMBEDDING,
    EXCLUDED_FROM_LLM,
    Engine,
    FigureOptions,
    FigureReading,
    Input,
    Limits,
    Mode,
    Price,
    Progress,
    Quality,
    ReadOptions,
    Record,
    Renderer,
    Resolution,
    Task,
    aread,
    check_pages,
    read,
    read_records,
    records,
)
from deepseek_ocr_rag import Document as ReadDocument

from .chunking import ChunkFields
from .events import announced, in_span
from .relations import link_families

SHOWN = ("source", "file_name", "page_label", "section_path")
"""Our keys that somebody is shown."""

READS_AT_ONCE = 4
"""Calls of ``aload_data`` that read at the same time in one event loop; SimpleDirectoryReader starts all at once."""

_SCHEME = re.compile(r"\A\s*(?:[a-z][a-z0-9+.-]*:)?[/\\]*", re.IGNORECASE)
"""An address up to its host; people forget slashes, and turn them around."""

_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class DeepSeekOCRReader(ChunkFields, BasePydanticReader):
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

    model_config = ConfigDict(hide_input_in_errors=True)  # a wrong option must not show the key beside it

    KEPT: ClassVar[tuple[str, ...]] = ("engine", "fallback", "tokenizer")

    mode: Mode = Field(default="page", description="What one document is: a page, a whole file, or a chunk.")
    engine: Literal["auto", "local"] | Engine = Field(
        default="auto",
        description="'auto' is DeepSeek-OCR where a server is set, else 'local', which is offline; or an object.",
    )
    provider: str = Field(
        default="", description="Who serves the model, such as 'novita' or 'vllm'; also from DEEPSEEK_OCR_PROVIDER."
    )
    base_url: str = Field(
        default="",
        repr=False,
        description="The server's address, without a login, where it is not the provider's usual one; also from "
        "DEEPSEEK_OCR_BASE_URL.",
    )
    model: str = Field(default="", description="The model's name on that server; also from DEEPSEEK_OCR_MODEL.")
    api_key: SecretStr | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Its key; also from the provider's own variable, or DEEPSEEK_OCR_API_KEY.",
    )
    task: Task = Field(default="markdown", description="Which of the model's prompts to send.")
    prompt: str = Field(default="", description="Sent instead of the task's own prompt.")
    reference: str = Field(default="", description="What the task 'locate' looks for.")
    resolution: Resolution = Field(default="auto", description="The model's mode; 'auto' goes by the smallest text.")
    fallback: Literal["local", "none"] | Engine = Field(
        default="local",
        description="Who reads pages that the server could not read to their end: 'local' is offline, 'none' nobody.",
    )
    figures: str = Field(default="", description="Folder, or fsspec address, for the pictures of figures.")
    figures_read: FigureReading = Field(
        default="none",
        description="Whether the model reads figures: 'parse' for charts as tables, 'describe' in words.",
    )
    lines: Literal["auto", "ocr", "ink", "none"] = Field(
        default="auto",
        description="What places the lines of scans that a model read: the ink ('auto', 'ink'), the offline OCR and "
        "then the ink ('ocr'), or nothing.",
    )
    suspect: Literal["keep", "fill", "reread"] = Field(
        default="keep",
        description="What is done about pages whose own words do not bear out the model's answer: their status says so "
        "('keep'), what is missing is put in from those words ('fill'), or the model is asked again ('reread').",
    )
    price: Price | None = Field(default=None, description="What is paid, for the cost in events.")
    pages: str | int | list[int] | None = Field(default=None, description="Such as '1-3,7', from 1; None is all.")
    password: SecretStr | None = Field(default=None, exclude=True, repr=False, description="For encrypted PDFs.")
    allow_urls: bool = Field(default=False, description="Whether http and https inputs are fetched.")
    workers: int = Field(default=0, ge=0, description="Worker processes; 0 is one for each core, four at most.")
    quality: Quality = Field(
        default="best",
        description="How the offline engine reads text layers: with the layout model ('best'), without it ('fast'), or "
        "with it where the page is not plain ('auto').",
    )
    renderer: Renderer = Field(default="mupdf", description="What draws the pages of PDFs: 'mupdf' or 'pdfium'.")
    limits: Limits = Field(default_factory=Limits, description="What a file, a page and a download may take.")
    cache: str | bool = Field(
        default=False,
        description="Where answers are kept, so that a run that was stopped goes on for free: a file or folder, or "
        "True for the usual place. It holds the documents' text.",
    )
    max_in_flight: int = Field(default=64, ge=1, description="Requests that may be under way at once, at most.")
    requests_per_minute: float = Field(default=0.0, ge=0, description="Requests a minute; 0 is no limit.")
    tokens_per_minute: float = Field(default=0.0, ge=0, description="Tokens spent a minute; 0 is no limit.")
    on_error: Literal["raise", "skip"] | None = Field(
        default=None,
        description="What to do about a file that cannot be read. None skips it in folders, globs and lists.",
    )
    failed_pages: Literal["keep", "raise"] = Field(
        default="keep",
        description="'raise' stops at a file of which a page failed, came back empty, or was not read to its end, "
        "before any of its documents is given.",
    )
    ids: Literal["content", "source"] = Field(
        default="content",
        description="What ids are made of: 'source' is the file's name and the place in it, so that a docstore "
        "replaces what a file said before it was changed.",
    )
    keep_blank: bool = Field(default=True, description="Whether blank pages are documents, too; they have no text.")
    show_progress: bool = Field(default=False, description="Whether to show a bar that counts pages.")

    @classmethod
    def class_name(cls) -> str:
        """The type's tag in serialized readers."""
        return "DeepSeekOCRReader"

    @field_validator("engine", "fallback", mode="before")
    @classmethod
    def _check_engine(cls, value: object, info: ValidationInfo) -> object:
        names = ("auto", "local") if info.field_name == "engine" else ("local", "none")
        if isinstance(value, str) and value not in names:
            raise ValueError(
                f"{value!r} is none. Pass {names[0]!r}, {names[1]!r} or an engine object. The object itself is not in "
                f"to_dict(): pass it again, DeepSeekOCRReader.from_dict(data, {info.field_name}=...)"
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        if "@" in _SCHEME.sub("", value, count=1).partition("/")[0]:
            raise ValueError("base_url must not hold a login, since readers are serialized. Pass api_key instead.")
        return value

    @field_serializer("engine", "fallback")
    def _name_engine(self, value: str | Engine) -> str:
        return value if isinstance(value, str) else value.fingerprint

    @model_validator(mode="after")
    def _check_options(self) -> DeepSeekOCRReader:
        self._options(None, None)
        return self

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
            options = self._options(fs, progress)
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
        documents: list[Document] = []
        with self._told() as progress:
            async with _place(), aclosing(aread(file, self._options(fs, progress))) as found:
                async for document in found:
                    # Counting tokens takes its time.
                    documents += await asyncio.to_thread(list, self._documents(document, extra_info or {}))
        return documents

    async def alazy_load_data(
        self, file: Input | Iterable[Input], extra_info: Mapping[str, Any] | None = None, fs: Any = None
    ) -> Iterable[Document]:
        """The documents in the shape that the base class has: awaited, an iterable that does not block any more."""
        return await self.aload_data(file, extra_info, fs)

    @property
    def _streams(self) -> bool:
        is_linked = self.mode == "chunk" and self.strategy == "parent_child"
        return self.mode != "document" and self.failed_pages == "keep" and not is_linked

    def _wishes(self) -> Any:
        return {"mode": self.mode, "chunks": self.chunk_options(), "keep_blank": self.keep_blank}

    def _options(self, fs: Any, progress: Callable[[Progress], None] | None) -> ReadOptions:
        return ReadOptions(
            engine=self.engine,
            provider=self.provider,
            base_url=self.base_url,
            model=self.model,
            api_key=self.api_key.get_secret_value() if self.api_key else "",
            task=self.task,
            prompt=self.prompt,
            reference=self.reference,
            resolution=self.resolution,
            fallback=self.fallback,
            figures=self._figures(),
            lines=self.lines,
            suspect=self.suspect,
            pages=tuple(self.pages) if isinstance(self.pages, list) else self.pages,
            password=self.password.get_secret_value() if self.password else "",
            allow_urls=self.allow_urls,
            fs=fs,
            workers=self.workers,
            quality=self.quality,
            renderer=self.renderer,
            limits=self.limits,
            cache=self.cache,
            max_in_flight=self.max_in_flight,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            on_error=self.on_error,
            progress=progress,
        )

    @contextmanager
    def _told(self) -> Iterator[Callable[[Progress], None]]:
        """Whatever is to be told of each page: the events, and the bar where it is wanted."""
        with announced(price=self.price) as announce, _progress(show=self.show_progress) as advance:

            def report(progress: Progress) -> None:
                announce(progress)
                if advance is not None:
                    advance(progress)

            yield report

    def _figures(self) -> FigureOptions | None:
        if not self.figures and self.figures_read == "none":
            return None
        return FigureOptions(folder=self.figures, read=self.figures_read)

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
