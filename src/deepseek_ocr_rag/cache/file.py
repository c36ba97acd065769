"""Rows of bytes in an SQLite file, shared by threads and processes that may be killed at any moment.

A row that was put is on the disk's side of the process when ``put`` returns, so that killing it loses nothing. Reading
and writing never raise: a file that is damaged is set aside and a new one begun, and where the disk is full, locked or
not to be written to, that is said once and the cache does without.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from .database import UnfitError, evict, give_back, open_database, remove, shrink, transaction
from .place import Identity, alone, identity, make_private, may_be_ours, set_aside

T = TypeVar("T")

logger = logging.getLogger("deepseek_ocr_rag")

_PAUSE_SECONDS = 60.0
"""What failed is left alone for so long: pages must not wait for a disk that is full, or a file that is locked."""

_MOST_TOUCHED = 256
_MOST_HEALED = 3
_BATCH = 500

_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_PASSING = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row to keep."""

    digest: bytes
    kind: str
    document: str
    page_number: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The rows of one kind."""

    kind: str
    rows: int
    size: int
    documents: int


class CacheFile:
    """Rows by digest; those that were not used for the longest time go first when there is no more room.

    Args:
        path: The file; made when it is first used.
        max_bytes: The most that it takes on the disk, but for SQLite's log beside it.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.trouble = ""
        """What was last warned of."""
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: Identity | None = None
        self._touched: dict[int, int] = {}
        self._warned: set[str] = set()
        self._last = 0
        self._healed = 0
        self._was_sound = False
        self._is_off = False
        self._reads_from = self._writes_from = 0.0
        _FILES.add(self)

    def get(self, digest: bytes) -> bytes | None:
        """The row's bytes, whole and sound; None where there is no such row."""
        found = self._with(lambda connection: self._get(connection, digest), None)
        if len(self._touched) >= _MOST_TOUCHED:
            self.flush()
        return found

    def put(self, row: Row) -> bool:
        """Keep a row, in place of an older one of that digest. False where that was not possible."""
        return self._with(lambda connection: self._put(connection, row), False, writes=True)

    def delete(self, digest: bytes) -> None:
        """Let go of a row."""
        self._with(partial(_removed, ids=[_rowid(digest)]), 0, writes=True)

    def flush(self) -> None:
        """Write down which rows were used."""
        if self._touched:
            self._with(self._flush, None, writes=True)

    def tallies(self) -> list[Tally]:
        """What there is of each kind."""
        query = "SELECT kind, COUNT(*), SUM(size), COUNT(DISTINCT document) FROM entries GROUP BY kind ORDER BY kind"
        nothing: list[tuple[str, int, int, int]] = []
        found = self._with(lambda connection: connection.execute(query).fetchall(), nothing)
        return [Tally(kind=kind, rows=rows, size=size, documents=documents) for kind, rows, size, documents in found]

    def bodies(self, kind: str) -> Iterator[bytes]:
        """All sound rows of a kind, by document and page; this does not count as using them."""
        query = "SELECT id FROM entries WHERE kind = ? ORDER BY document, page, id"
        for at in self._ids(query, (kind,)):
            data = self._with(partial(self._body, at=at), None)
            if data is not None:
                yield data

    def clear(self, *, before: int | None = None, document: str | None = None) -> int:
        """Remove rows and give their room back to the disk, without a trace of what they said.

        Args:
            before: Only those that were last used before this time, in nanoseconds since 1970.
            document: Only those of this one.

        Returns:
            How many there were.
        """
        self.flush()
        query = "SELECT id FROM entries WHERE (? IS NULL OR used < ?) AND (? IS NULL OR document = ?)"
        wanted = (before, before, document, document)
        ids = self._ids(query, wanted)
        removed = 0
        for first in range(0, len(ids), _BATCH):  # others are to get their turn in between
            removed += self._with(partial(_removed, ids=ids[first : first + _BATCH]), 0, writes=True)
        self._with(shrink, None, writes=True)
        return removed

    def size(self) -> int:
        """Bytes on the disk, with the log."""
        total = 0
        for path in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def close(self) -> None:
        """Let go of the file for good. What is asked for later is not there."""
        self.flush()
        with self._lock:
            self._is_off = True
            self._drop()

    def hold(self) -> None:
        """Let no other thread use the file, nor have it open, until :meth:`let_go`."""
        self._lock.acquire()
        self._drop()

    def let_go(self) -> None:
        """Go on after :meth:`hold`."""
        self._lock.release()

    def _with(self, work: Callable[[sqlite3.Connection], T], otherwise: T, *, writes: bool = False) -> T:
        """Do the work; once more with a new file where this one is broken; else without."""
        with self._lock:
            for _ in range(2):
                if self._is_off or time.monotonic() < (self._writes_from if writes else self._reads_from):
                    return otherwise
                try:
                    return work(self._connected())
                except (sqlite3.Error, OSError, UnfitError) as error:
                    self._drop()
                    if not self._is_mended(error, writes=writes):
                        return otherwise
        return otherwise

    def _get(self, connection: sqlite3.Connection, digest: bytes) -> bytes | None:
        at = _rowid(digest)
        data = self._body(connection, at=at, digest=digest)
        if data is not None:
            self._touched[at] = self._now()
        return data

    def _body(self, connection: sqlite3.Connection, *, at: int, digest: bytes | None = None) -> bytes | None:
        query = "SELECT digest, checksum, data FROM entries JOIN bodies USING (id) WHERE entries.id = ?"
        found = connection.execute(query, (at,)).fetchone()
        if found is None:
            return None
        own, checksum, data = found
        if isinstance(data, bytes) and checksum == zlib.crc32(data) and digest in (None, own):
            return data
        _removed(connection, ids=[at])
        return None

    def _ids(self, query: str, values: Sequence[object]) -> list[int]:
        return self._with(lambda connection: [at for (at,) in connection.execute(query, tuple(values))], [])

    def _put(self, connection: sqlite3.Connection, row: Row) -> bool:
        at, now = _rowid(row.digest), self._now()
        size = len(row.data)
        entry = (at, now, row.digest, row.kind, row.document, row.page_number, size, zlib.crc32(row.data))
        with transaction(connection):
            self._write_touched(connection)
            connection.execute("INSERT OR REPLACE INTO bodies VALUES (?, ?)", (at, row.data))
            connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entry)
            over = evict(connection, self.max_bytes)
        give_back(connection, over)
        self._touched.clear()
        return True

    def _flush(self, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            self._write_touched(connection)
        self._touched.clear()

    def _write_touched(self, connection: sqlite3.Connection) -> None:
        times = [(now, at) for at, now in sorted(self._touched.items())]
        connection.executemany("UPDATE entries SET used = ? WHERE id = ?", times)

    def _now(self) -> int:
        """Nanoseconds since 1970, later with every call."""
        self._last = max(time.time_ns(), self._last + 1)
        return self._last

    def _connected(self) -> sqlite3.Connection:
        """The connection, to the file that stands at the path now: others may have set the former one aside."""
        if self._connection is not None and identity(self.path) != self._identity:
            self._drop()
        if self._connection is None:
            make_private(self.path)
            with alone(self.path.parent):
                self._identity = identity(self.path)
                self._connection = open_database(self.path)
                self._was_sound = True
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _is_mended(self, error: Exception, *, writes: bool) -> bool:
        """Whether it is worth another try; if not, how to go on is settled here."""
        code = getattr(error, "sqlite_errorcode", -1) & 0xFF
        is_broken = code in _BROKEN and (self._was_sound or may_be_ours(self.path))
        if is_broken or (isinstance(error, UnfitError) and error.is_ours):
            return self._is_renewed(error)
        if code == sqlite3.SQLITE_ERROR and self._was_sound:
            self._was_sound = False  # of the connection, most likely; if of the tables, opening it again will tell
            return True
        if code in _PASSING:
            self._writes_from = time.monotonic() + _PAUSE_SECONDS
            self._reads_from = self._reads_from if writes else self._writes_from
            self._warn("passing", f"{error}. Pages are not kept for now; make room there, or pass another path.")
            return False
        self._is_off = True
        self._warn("off", f"it cannot be used ({error}), and pages are not kept. Pass another path.")
        return False

    def _is_renewed(self, error: Exception) -> bool:
        self._was_sound = False
        self._healed += 1
        self._touched.clear()
        self._is_off = self._healed > _MOST_HEALED
        try:
            with alone(self.path.parent):
                aside = set_aside(self.path) if identity(self.path) == self._identity else None
        except OSError as refusal:
            self._is_off = True
            self._warn("off", f"it is broken ({error}) and cannot be set aside ({refusal}). Delete it.")
            return False
        if aside is not None:  # else somebody was quicker
            self._warn("broken", f"it is broken ({error}). A new one is begun; what was there is now {aside}.")
        return True

    def _warn(self, about: str, text: str) -> None:
        self.trouble = f"{self.path}: {text}"
        if about not in self._warned:
            self._warned.add(about)
            logger.warning("the cache %s", self.trouble)


def _removed(connection: sqlite3.Connection, *, ids: Sequence[int]) -> int:
    with transaction(connection):
        return remove(connection, ids)


def _rowid(digest: bytes) -> int:
    """63 bits of the digest; the whole of it stands in the row."""
    return int.from_bytes(digest[:8], "big") >> 1


_FILES: weakref.WeakSet[CacheFile] = weakref.WeakSet()
_HELD: list[CacheFile] = []


def _hold() -> None:
    """Before a fork: SQLite's connections must not be carried over, and no lock may be in another thread's hands."""
    for file in sorted(_FILES, key=id):
        file.hold()
        _HELD.append(file)


def _let_go() -> None:
    while _HELD:
        _HELD.pop().let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_let_go)
