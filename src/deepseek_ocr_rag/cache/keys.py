"""What each row of the cache is known by: everything that its content depends on, made one digest. Pure.

What a model answered is paid for, so only its own question counts, and a newer version of this package still takes it.
What this package works out by itself costs little, so it counts by which version and with which OCR that was done.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from ..chunk import ChunkOptions
from ..prompts import Task
from ..recognition import PageRequest
from ..records import Mode
from ..serial import to_dict

if TYPE_CHECKING:
    from ..options import ReadOptions

PARSER = 2
"""To be raised with every change that makes other blocks, chunks or metadata of the same answers, or that finds other
words, regions or ink on the same pages, so that what an older parser made is not taken for this one's."""

_FORMAT = 1
"""How rows are written; rows of another format are not found."""

_NOT_SHAPING = frozenset(
    {
        *("engine", "fallback", "provider", "base_url", "model", "api_key"),  # the fingerprints tell
        *("password", "fs", "allow_urls", "workers", "page_seconds"),  # how a page is got at, and how fast
        *("max_in_flight", "requests_per_minute", "tokens_per_minute"),
        *("on_error", "on_failure", "progress", "cache"),
    }
)
"""Options of reading that change nothing about the records of a file that could be read. All others count, those too
that are added one day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerKey:
    """What an engine answered about a page.

    Args:
        document: The SHA-256 of the file's bytes, in hex.
        page_number: The page, from 1.
        request: The visit that the engine's picture or regions came from.
        engine: Its fingerprint.
        task: What it was asked for.
        reference: What the task ``locate`` looked for.
        renderer: Who drew the page.
    """

    kind: ClassVar = "answer"
    document: str
    page_number: int
    request: PageRequest
    engine: str
    task: Task
    reference: str = ""
    renderer: str = "mupdf"

    @property
    def digest(self) -> bytes:
        """What the row is known by."""
        whose = by_whom() if self.request.image is None else ""
        about = (self.document, self.page_number, self.engine, self.task, self.reference, self.renderer)
        return _digest(self.kind, _written(self.request), whose, *about)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitKey:
    """What a visit brought back that no engine follows; attributes as in :class:`AnswerKey`."""

    kind: ClassVar = "visit"
    document: str
    page_number: int
    request: PageRequest
    renderer: str = "mupdf"

    @property
    def digest(self) -> bytes:
        """What the row is known by."""
        return _digest(self.kind, _written(self.request), by_whom(), self.document, self.page_number, self.renderer)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsKey:
    """What opening a document tells; attributes as in :class:`AnswerKey`."""

    kind: ClassVar = "facts"
    page_number: ClassVar = 0
    document: str
    renderer: str = "mupdf"

    @property
    def digest(self) -> bytes:
        """What the row is known by."""
        return _digest(self.kind, by_whom(), self.document, self.renderer)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKey:
    """The finished records of a whole file.

    Args:
        document: The SHA-256 of the file's bytes, in hex.
        source: What the user calls it, which stands in the metadata.
        shape: What else makes the records as they are: :func:`shape_of`.
    """

    kind: ClassVar = "file"
    page_number: ClassVar = 0
    document: str
    source: str
    shape: str

    @property
    def digest(self) -> bytes:
        """What the row is known by."""
        return _digest(self.kind, self.document, self.source, self.shape)


Key = AnswerKey | VisitKey | FactsKey | FileKey


def shape_of(
    options: ReadOptions, *, engine: str, fallback: str, mode: Mode, chunking: ChunkOptions, keep_blank: bool = True
) -> str | None:
    """Everything that makes a file's records as they are, as one string; None where that cannot be told.

    It cannot where figures are saved, whose pictures have to be written, and where the user's own function counts
    tokens.

    Args:
        options: How files are read.
        engine: The engine's fingerprint.
        fallback: That of who stands in for it; empty for nobody.
        mode: What a record is.
        chunking: How chunks are cut.
        keep_blank: As :func:`.records.records` takes it.
    """
    if options.figures is not None:
        return None
    reading = {item.name: getattr(options, item.name) for item in fields(options) if item.name not in _NOT_SHAPING}
    parts = (by_whom(), engine, fallback, mode, to_dict(reading), to_dict(chunking), keep_blank)
    try:
        return hashlib.sha256(_json(parts)).hexdigest()
    except (TypeError, ValueError):
        return None


@lru_cache(maxsize=1)
def by_whom() -> str:
    """Which version of this package works here, and with which OCR at hand."""
    try:
        version = importlib.metadata.version("deepseek-ocr-rag")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    at_hand = (importlib.util.find_spec("rapidocr") is not None, shutil.which("tesseract") is not None)
    return f"{version}/{PARSER}/{at_hand}"


@lru_cache(maxsize=64)
def _written(request: PageRequest) -> str:
    if request.local is not None:  # how many threads read a page makes no difference to what they read
        request = replace(request, local=replace(request.local, threads=1))
    return _json(to_dict(request)).decode()


def _digest(*parts: object) -> bytes:
    return hashlib.sha256(_json((_FORMAT, *parts))).digest()


def _json(value: object) -> bytes:
    # ASCII, in which every string can be written, halves of surrogate pairs included.
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value
