"""Folders, globs and lists become single inputs, lazily and always in the same order."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, TypeAlias, cast

from .errors import CorruptSource, SourceError
from .sniff import KNOWN_SUFFIXES

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Input: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes]
"""A path, an ``http(s)`` URL, the bytes of a file, or a binary file-like object, fsspec's included."""

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def expand(inputs: Input | Iterable[Input], *, fs: AbstractFileSystem | None = None) -> Iterator[Input]:
    """Yield the single inputs of a list, folder or glob, lazily and in a fixed order.

    Folders are searched to the bottom for files of known suffix, hidden ones left out; a glob such as
    ``docs/**/*.pdf`` yields the files that it matches. Everything else, a missing file included, passes through.

    Args:
        inputs: One input, or several, nested at will.
        fs: The fsspec filesystem that strings and paths belong to; None is the local disk.

    Raises:
        CorruptSource: A folder or glob in which nothing was found, or that cannot be listed.
    """
    if not is_single(inputs):
        for item in cast("Iterable[Input]", inputs):
            yield from expand(item, fs=fs)
        return
    single = cast("Input", inputs)
    if not is_collection(single, fs=fs):
        yield single
        return
    path = _listable(single)
    found = _local_files(path) if fs is None else _remote_files(fs, path)
    first = next(found, None)
    if first is None:
        raise CorruptSource(
            "nothing to read was found there.", source=path, hint="Check the path, or name the files that are meant."
        )
    yield first
    yield from found


def is_collection(inputs: Input | Iterable[Input], *, fs: AbstractFileSystem | None = None) -> bool:
    """Whether :func:`expand` may yield anything but one input: for a folder, a glob or a list."""
    if not is_single(inputs):
        return True
    path = _listable(inputs)
    if not path:
        return False
    if fs is None:
        # os.path answers False for names that no file can have, where Path would raise.
        # A file may well be called "a[1].pdf", so what exists is no glob.
        return os.path.isdir(path) or (glob.has_magic(path) and not os.path.lexists(path))  # noqa: PTH112
    with foreign_errors(path):
        return bool(fs.isdir(path) or (glob.has_magic(path) and not fs.exists(path)))


@contextmanager
def foreign_errors(name: str) -> Iterator[None]:
    """Make whatever somebody else's file object or filesystem raises a :class:`CorruptSource`."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        raise unreadable(error, name=name) from error


def unreadable(error: Exception, *, name: str) -> CorruptSource:
    """Say why a file or folder cannot be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return CorruptSource("does not exist.", source=name, hint="Check the path; relative ones start where you run.")
    if isinstance(error, PermissionError):
        return CorruptSource("may not be read.", source=name, hint="Check the permissions of the file and its folder.")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return CorruptSource(f"cannot be read ({reason}).", source=name, hint="Check the path and where it leads.")


def is_single(inputs: object) -> bool:
    """Whether this is one input and not several; a file-like object is iterable too, but by lines."""
    if isinstance(inputs, str | bytes | bytearray | memoryview | os.PathLike) or hasattr(inputs, "read"):
        return True
    return not isinstance(inputs, Iterable)


def _listable(item: object) -> str:
    """The path of an input that might be a folder or a glob, or empty."""
    path = os.fspath(item) if isinstance(item, str | os.PathLike) else ""
    return path if isinstance(path, str) and "\0" not in path and not URL.match(path) else ""


def _local_files(path: str) -> Iterator[Path | str]:
    if os.path.isdir(path):  # noqa: PTH112 - as in is_collection
        yield from _folder_files(Path(path))
        return
    yield from sorted(_matches(path), key=_parts)


def _folder_files(folder: Path) -> Iterator[Path]:
    """Files of known suffix, sorted; links to folders are not followed, since they may lead in circles.

    Of a folder only the names of its documents and folders are kept, since it may hold millions of files.
    """
    pending = [(folder, _known(folder))]
    while pending:
        path, names = pending[-1]
        try:
            name, is_dir = next(names, ("", False))
        except OSError as error:
            if path == folder:
                raise unreadable(error, name=str(path)) from error
            pending.pop()
            yield path  # whoever opens it is told why it cannot be read; the other folders go on
            continue
        if not name:
            pending.pop()
        elif is_dir:
            pending.append((path / name, _known(path / name)))
        elif (path / name).is_file():
            yield path / name


def _known(folder: Path) -> Iterator[tuple[str, bool]]:
    """Names of folders, and of what may be documents by their suffix, sorted; hidden ones left out."""
    with os.scandir(folder) as entries:
        named = ((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        found = sorted((name, is_dir) for name, is_dir in named if _belongs(name, is_dir=is_dir))
    yield from found


def _belongs(name: str, *, is_dir: bool) -> bool:
    return not name.startswith(".") and (is_dir or PurePath(name).suffix.lower() in KNOWN_SUFFIXES)


def _matches(pattern: str) -> set[str]:
    """What a glob matches that is no folder, each once; ``**`` does not go through links, which may lead in circles.

    Two links that lead upwards would make the standard library's own search take for ever.
    """
    parts = PurePath(pattern).parts
    start, parts = (parts[0], parts[1:]) if PurePath(pattern).is_absolute() else ("", parts)
    pending = [(start, (*parts, "*") if parts[-1:] == ("**",) else parts)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    found: set[str] = set()
    while pending:
        place = pending.pop()
        if place in seen:
            continue
        seen.add(place)
        folder, rest = place
        if not rest:
            found.add(folder)
        else:
            pending += _steps(folder, rest)
    return {path for path in found if not Path(path).is_dir()}


def _steps(folder: str, parts: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where the first part of a pattern leads from a folder, and the parts that are left there."""
    part, rest = parts[0], parts[1:]
    if part != "**" and not glob.has_magic(part):
        path = os.path.join(folder, part)  # noqa: PTH118 - the path as the user wrote it
        if os.path.lexists(path):
            yield path, rest
        return
    if part == "**":
        yield folder, rest
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)  # noqa: PTH118
                if part == "**" and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    yield path, parts
                elif part != "**" and _fits(entry.name, part):
                    yield path, rest
    except OSError:
        return  # a folder that cannot be listed matches nothing, as in the standard library


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatch(name, pattern) and (pattern.startswith(".") or not name.startswith("."))


def _remote_files(fs: AbstractFileSystem, path: str) -> Iterator[str]:
    with foreign_errors(path):
        is_folder = fs.isdir(path)
        names = fs.find(path) if is_folder else [name for name in fs.glob(path) if not fs.isdir(name)]
    asked_for = PurePath(path).parts
    for name in sorted(names, key=_parts):
        inside = [part for part in PurePath(name).parts if part not in asked_for]
        is_hidden = any(part.startswith(".") for part in inside)
        if not is_folder or (PurePath(name).suffix.lower() in KNOWN_SUFFIXES and not is_hidden):
            yield name


def _parts(path: str) -> tuple[str, ...]:
    """By what everything is sorted: a folder's files stand together."""
    return PurePath(path).parts
