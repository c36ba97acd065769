"""How to read: the options of the reader, checked as soon as they are given, and what they are to the core.

Readers are serialized. So keys and passwords are never written down, and an engine that is an object is named by its
fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from llama_index.core.bridge.pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from deepseek_ocr_rag import (
    Engine,
    FigureOptions,
    FigureReading,
    Limits,
    Mode,
    Price,
    Progress,
    Quality,
    ReadOptions,
    Renderer,
    Resolution,
    Task,
)

from .chunking import ChunkFields

_SCHEME = re.compile(r"\A\s*(?:[a-z][a-z0-9+.-]*:)?[/\\]*", re.IGNORECASE)
"""An address up to its host; people forget slashes, and turn them around."""


class ReadFields(ChunkFields):
    """How to read; and in mode ``chunk``, by the options of :class:`ChunkFields`, how to cut."""

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
    def _check_options(self) -> ReadFields:
        self.read_options()
        return self

    def read_options(self, *, fs: Any = None, progress: Callable[[Progress], None] | None = None) -> ReadOptions:
        """The options of the core, with what only a run has.

        Raises:
            ValueError: If they do not fit together.
        """
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

    def _figures(self) -> FigureOptions | None:
        if not self.figures and self.figures_read == "none":
            return None
        return FigureOptions(folder=self.figures, read=self.figures_read)
