"""The records of a whole file in the cache: written as they are made, and read again without holding all of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from ..document import PageStatus
from ..records import Record
from .file import CacheFile, Row
from .keys import FileKey
from .rows import KEPT, REFUSALS, Head, head_row, part_row, records_of, unpacked

_PART = 256
"""Records of a row."""

_READY = 16
"""Files of so many parts are short enough to be held whole."""

_PART_KIND = "part"


class Filing:
    """Where a file's records go as they are made; they are found when :meth:`finish` has been called."""

    def __init__(self, file: CacheFile, key: FileKey) -> None:
        self._file = file
        self._key = key
        self._run = secrets.token_hex(8)  # parts of two runs must never be mixed
        self._parts = 0
        self._last: list[Record] = []
        self._is_whole = True

    def add(self, record: Record) -> None:
        """Take the next record."""
        self._last.append(record)
        if len(self._last) == _PART:
            part, self._last = self._last, []
            if self._is_whole:
                self._put_part(part)

    def finish(self, pages: Mapping[int, PageStatus]) -> None:
        """Make the records one file, unless a page of it may be read better another time.

        Args:
            pages: How reading each of the file's pages went, by its number.
        """
        if not self._is_whole or not set(pages.values()).issubset(KEPT):
            return
        with suppress(*REFUSALS):
            head = Head(run=self._run, parts=self._parts, last=tuple(self._last), pages=dict(pages))
            self._put(self._key.digest, self._key.kind, head_row(head))

    def _put_part(self, part: Sequence[Record]) -> None:
        try:
            data = part_row(part)
        except REFUSALS:  # too long
            self._is_whole = False
            return
        self._put(_part_digest(self._key, self._run, self._parts), _PART_KIND, data)
        self._parts += 1

    def _put(self, digest: bytes, kind: str, data: bytes) -> None:
        row = Row(digest=digest, kind=kind, document=self._key.document, page_number=0, data=data)
        self._is_whole = self._file.put(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What was made of a whole file before."""

    records: Iterator[Record]
    """In order; all of them are there and sound."""
    pages: Mapping[int, PageStatus]
    """How reading each page went, by its number, in order."""


def filed_records(file: CacheFile, key: FileKey, head: Head) -> Iterator[Record] | None:
    """All records of a file, in order; None where one of its parts is not there or not sound.

    Parts of a long file are held as they are kept, which is short, and made records when their turn comes. They are
    looked through before the first is handed out: what was handed out could not be taken back.
    """
    parts: list[bytes] = []
    ready: list[Record] = []
    for number in range(head.parts):
        data = file.get(_part_digest(key, head.run, number))
        records = None if data is None else _sound(data)
        if data is None or records is None:
            return None
        parts.append(data)
        ready.extend(records if head.parts <= _READY else ())
    made = ready if head.parts <= _READY else chain.from_iterable(records_of(unpacked(part)) for part in parts)
    return chain(made, head.last)


def _sound(part: bytes) -> list[Record] | None:
    try:
        return list(records_of(unpacked(part)))
    except REFUSALS:
        return None


def _part_digest(key: FileKey, run: str, number: int) -> bytes:
    return hashlib.sha256(f"{run}/{number}/".encode("utf-8", "surrogatepass") + key.digest).digest()
