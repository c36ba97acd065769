"""What the user passed becomes a local file that a worker process can open.

Local files are used where they are. Bytes, file-like objects, files of an fsspec filesystem and downloads are written
to the run's workspace, under names that we make: a name that came from outside is text for messages and never a path.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import stat
import tempfile
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

from .errors import PageOutOfRange, SourceTooLarge, UnsupportedSource
from .limits import Limits
from .listing import URL, Input, expand, foreign_errors, is_collection, unreadable
from .office import convert_to_pdf
from .sniff import OFFICE_SUFFIXES, SUFFIXES, sniff

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Input", "Source", "SourceOptions", "expand", "is_collection", "parse_pages", "resolve"]

_CHUNK = 1 << 20
_PAGE_RANGE = re.compile(r"\s*(?:([0-9]{1,9})|([0-9]{1,9})?\s*-\s*([0-9]{1,9})?)\s*")
_PAGES_SYNTAX = 'Write pages as "1-3,7", "5-" or "-3", or pass a list of numbers that start at 1.'


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A local file that can be opened, and what to call it."""

    name: str
    """What the user passed, for messages and metadata; a URL without its credentials."""
    file_name: str
    """The last component of the name, without separators; made up from the type for nameless bytes."""
    path: Path
    """Absolute; for an office document, the PDF that was made of it."""
    media_type: str
    """By content, not by suffix; what ``path`` is."""
    sha256: str
    """Hex digest of the original bytes, before any conversion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What may be read, and how much of it."""

    allow_urls: bool = False
    limits: Limits = field(default_factory=Limits)
    """Bytes of a file, seconds of a download or conversion, and what an archive may unpack to."""
    fs: AbstractFileSystem | None = None
    """The fsspec filesystem that strings and paths belong to; None is the local disk."""
    allow_private_addresses: bool = False
    """Whether URLs may lead into private networks: for an intranet, never for addresses that strangers pass."""


_DEFAULTS = SourceOptions()


class _OpenFile(Protocol):
    """What ``fsspec.open()`` returns: a file that is still to be opened."""

    fs: AbstractFileSystem
    path: str


def resolve(item: Input, *, workspace: Path, options: SourceOptions = _DEFAULTS) -> Source:
    """Make one input a local file of known type.

    Args:
        item: A path, URL, bytes, binary file-like object (read from where it stands) or ``fsspec.open()`` result.
        workspace: A folder that belongs to this run, made if need be; everything that is written goes into it.
        options: What is allowed.

    Raises:
        CorruptSource: Missing, unreadable, empty, damaged, or not downloaded or converted.
        EncryptedSource: An encrypted office document.
        SourceTooLarge: Over a limit of size.
        UnsupportedSource: A type without a reader, or a URL that is not allowed.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    if isinstance(item, bytes | bytearray | memoryview):
        whole = (bytes(part) for part in (item,))
        return _stored(whole, name="bytes", file_name="", workspace=workspace, options=options)
    if hasattr(item, "read") and not isinstance(item, os.PathLike):
        return _from_stream(cast("IO[bytes]", item), workspace=workspace, options=options)
    if hasattr(item, "fs") and hasattr(item, "path"):
        opened = cast("_OpenFile", item)
        return _from_filesystem(opened.fs, str(opened.path), workspace=workspace, options=options)
    if not isinstance(item, str | os.PathLike):
        raise UnsupportedSource(
            f"{type(item).__name__} is not an input.", hint="Pass a path, a URL, bytes or a binary file-like object."
        )
    name = os.fspath(item)
    if options.fs is not None:
        return _from_filesystem(options.fs, name, workspace=workspace, options=options)
    if isinstance(item, str) and URL.match(item):
        return _from_url(item, workspace=workspace, options=options)
    return _from_path(name, workspace=workspace, options=options)


def parse_pages(pages: str | Iterable[int] | int | None, *, total: int, source: str) -> tuple[int, ...]:
    """The pages that were asked for, ascending and each once, counted from 1; None asks for all.

    Args:
        pages: ``"1-3,7"``, ``"5-"``, ``"-3"``, a number, or numbers in any order.
        total: Pages that the document has.
        source: What to call the document in messages.

    Raises:
        PageOutOfRange: A page that the document does not have, or something that names no pages.
    """
    if pages is None:
        return tuple(range(1, total + 1))
    wanted: set[int] = set()
    for first, last in _page_ranges(pages, total=total, source=source):
        for number in (first, last):
            if not 1 <= number <= total:
                raise PageOutOfRange(
                    f"page {number} was asked for.", source=source, hint=f"The document has pages 1 to {total}."
                )
        wanted.update(range(first, last + 1))
    return tuple(sorted(wanted))


def _page_ranges(pages: str | Iterable[int] | int, *, total: int, source: str) -> Iterable[tuple[int, int]]:
    """First and last page of each part, not yet compared with the document."""
    if isinstance(pages, str):
        return [_page_range(part, total=total, source=source) for part in pages.split(",")]
    numbers = list(pages) if isinstance(pages, Iterable) else [pages]
    if not numbers or not all(type(number) is int for number in numbers):  # True is an int, but no page
        raise PageOutOfRange(f"{pages!r} names no pages.", source=source, hint=_PAGES_SYNTAX)
    return [(number, number) for number in numbers]


def _page_range(text: str, *, total: int, source: str) -> tuple[int, int]:
    match = _PAGE_RANGE.fullmatch(text)
    single, first, last = match.groups() if match else (None, None, None)
    if single:
        return int(single), int(single)
    start = int(first or 1)
    end = int(last) if last else max(start, total)
    if not (first or last) or end < start:
        raise PageOutOfRange(f'"{text.strip()}" names no pages.', source=source, hint=_PAGES_SYNTAX)
    return start, end


def _from_path(name: str, *, workspace: Path, options: SourceOptions) -> Source:
    path = Path(name).absolute()
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnsupportedSource(
                "is a folder.", source=name, hint="Pass a file of it, or the folder where many documents are accepted."
            )
        if not stat.S_ISREG(status.st_mode):
            raise UnsupportedSource("is not a regular file.", source=name, hint="Pass its content as bytes.")
        if status.st_size > options.limits.max_bytes:
            raise _too_large(name, options)
        with path.open("rb") as file:
            if not _is_utf8(path):
                chunks = _chunks(file, name=name)
                return _stored(chunks, name=name, file_name=_plain(name), workspace=workspace, options=options)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        media_type = sniff(path, file_name=path.name, source=name, limits=options.limits)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise unreadable(error, name=name) from error
    found = Source(name=name, file_name=_plain(name), path=path, media_type=media_type, sha256=digest)
    return _readable(found, workspace=workspace, options=options)


def _is_utf8(path: Path) -> bool:
    """Whether MuPDF, which takes names in UTF-8, can open it; names of old archives are in other encodings."""
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeError:
        return False
    return True


def _from_stream(stream: IO[bytes], *, workspace: Path, options: SourceOptions) -> Source:
    given = getattr(stream, "name", None) or getattr(stream, "path", None)
    name = str(given) if isinstance(given, str | os.PathLike) else "bytes"  # the name of a pipe is a number
    file_name = _plain(name) if given is not None and name != "bytes" else ""
    chunks = _chunks(stream, name=name)
    return _stored(chunks, name=name, file_name=file_name, workspace=workspace, options=options)


def _from_filesystem(fs: AbstractFileSystem, name: str, *, workspace: Path, options: SourceOptions) -> Source:
    def chunks() -> Generator[bytes]:
        with foreign_errors(name), fs.open(name, "rb") as stream:
            yield from _chunks(stream, name=name)

    return _stored(chunks(), name=name, file_name=_plain(name), workspace=workspace, options=options)


def _from_url(url: str, *, workspace: Path, options: SourceOptions) -> Source:
    from .download import display_name, fetch, url_path  # here, since the HTTP library takes its time to load

    name = display_name(url)
    if not url.lower().startswith(("http://", "https://")):
        raise UnsupportedSource(
            "is not an http or https address.",
            source=name,
            hint='Pass a path, or the filesystem it is on, such as fs=fsspec.filesystem("s3").',
        )
    if not options.allow_urls:
        raise UnsupportedSource(
            "is a URL, and downloads are not allowed.", source=name, hint="Pass allow_urls=True to allow them."
        )
    body = fetch(url, limits=options.limits, allow_private_addresses=options.allow_private_addresses)
    return _stored(body, name=name, file_name=_plain(url_path(url)), workspace=workspace, options=options)


def _chunks(stream: IO[bytes], *, name: str) -> Generator[bytes]:
    while True:
        with foreign_errors(name):
            chunk = stream.read(_CHUNK)
        if not chunk:
            return
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise UnsupportedSource(
                f"gives {type(chunk).__name__} instead of bytes.",
                source=name,
                hint='Open it with mode "rb"; of an asynchronous upload, pass the bytes that it gives.',
            )
        yield chunk


def _stored(chunks: Generator[bytes], *, name: str, file_name: str, workspace: Path, options: SourceOptions) -> Source:
    """Write an input that is no local file to the workspace; what is refused is not left there."""
    handle, temporary = tempfile.mkstemp(prefix="input-", dir=workspace)
    path = Path(temporary).absolute()
    try:
        with os.fdopen(handle, "wb") as file, closing(chunks):
            digest = _copy(chunks, file, name=name, options=options)
        media_type = sniff(path, file_name=file_name, source=name, limits=options.limits)
    except BaseException:
        path.unlink()
        raise
    suffix = SUFFIXES[media_type]
    path = path.rename(path.with_suffix(suffix))
    found = Source(
        name=name, file_name=file_name or f"document{suffix}", path=path, media_type=media_type, sha256=digest
    )
    return _readable(found, workspace=workspace, options=options)


def _copy(chunks: Iterable[bytes], file: IO[bytes], *, name: str, options: SourceOptions) -> str:
    """Copy within the size limit; the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > options.limits.max_bytes:
            raise _too_large(name, options)
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest()


def _readable(found: Source, *, workspace: Path, options: SourceOptions) -> Source:
    """The source itself, or its conversion, or an error that names what has to be installed."""
    if found.media_type == "image/heic" and importlib.util.find_spec("pillow_heif") is None:
        raise UnsupportedSource(
            "is a HEIC image.", source=found.name, hint='Run pip install "deepseek-ocr-rag[heic]" to read it.'
        )
    if found.media_type not in OFFICE_SUFFIXES:
        return found
    pdf = convert_to_pdf(
        found.path,
        suffix=OFFICE_SUFFIXES[found.media_type],
        workspace=workspace,
        limits=options.limits,
        source=found.name,
    )
    return replace(found, path=pdf, media_type="application/pdf")


def _plain(name: str) -> str:
    """The last component of a path of any system, as printable text; empty where there is none."""
    last = "".join(letter for letter in re.split(r"[\\/]", name)[-1] if letter.isprintable())
    return "" if last in {".", ".."} else last


def _too_large(name: str, options: SourceOptions) -> SourceTooLarge:
    return SourceTooLarge(
        f"is larger than {options.limits.max_bytes:,} bytes.",
        source=name,
        hint="Raise the limit max_bytes to accept it.",
    )
