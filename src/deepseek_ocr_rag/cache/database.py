"""The tables of the cache: begun, checked before anything in them is believed, and cut to their size."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

APPLICATION = 0x44535243
SCHEMA = 1

_TABLES = (
    "CREATE TABLE bodies (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, used INTEGER NOT NULL, digest BLOB NOT NULL, kind TEXT NOT NULL, "
    "document TEXT NOT NULL, page INTEGER NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE INDEX entries_used ON entries (used)",
)
"""Bodies stand apart, so that what is asked of all entries does not read through them."""

_BUSY_SECONDS = 5.0
_LONGEST_LOG = 16 << 20
_MOST_EVICTED = 1000


class UnfitError(Exception):
    """The file is a database, and not one that this version works with; ``is_ours`` if another version would."""

    def __init__(self, what: str, *, is_ours: bool) -> None:
        super().__init__(what)
        self.is_ours = is_ours


def open_database(path: Path) -> sqlite3.Connection:
    """Open a cache, or begin one in an empty file. One connection may be used by all threads, one at a time.

    Raises:
        UnfitError: If it is another program's database, or another version's; it is as it was then.
        sqlite3.Error: If it is none, or broken, or cannot be opened.
    """
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        if not _statements(connection):
            _begin(connection)
        _check(connection)
        connection.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing, a power cut the last pages
        connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG}")
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # which means nothing once there are tables
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        if not _statements(connection):
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _check(connection: sqlite3.Connection) -> None:
    """Refuse what is no file of ours, of this version, and with nothing in it that would run."""
    if number(connection, "application_id") != APPLICATION:
        raise UnfitError("it is another program's database", is_ours=False)
    version = number(connection, "user_version")
    if version != SCHEMA:
        raise UnfitError(f"its schema is number {version}, and this version's is {SCHEMA}", is_ours=True)
    if sorted(_statements(connection)) != sorted(_TABLES):
        raise UnfitError("its tables are others", is_ours=True)


def _statements(connection: sqlite3.Connection) -> list[str]:
    return [str(sql) for (sql,) in connection.execute("SELECT sql FROM sqlite_master")]


def number(connection: sqlite3.Connection, pragma: str) -> int:
    """What a pragma says."""
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, on the system's side when it is left."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def remove(connection: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Delete rows within a transaction; how many there were."""
    wanted = [(at,) for at in ids]
    connection.executemany("DELETE FROM bodies WHERE id = ?", wanted)
    return connection.executemany("DELETE FROM entries WHERE id = ?", wanted).rowcount


def evict(connection: sqlite3.Connection, max_bytes: int) -> int:
    """Within a transaction, delete what was not used for the longest time until the file can be as small as it has to.

    Of a file that is far too large, only a part is deleted at once, since others wait meanwhile.

    Returns:
        The pages that are then to be given back to the disk.
    """
    over = number(connection, "page_count") - max_bytes // number(connection, "page_size")
    for _ in range(_MOST_EVICTED if over > 0 else 0):
        oldest = connection.execute("SELECT id FROM entries ORDER BY used LIMIT 1").fetchone()
        if oldest is None or number(connection, "freelist_count") >= over:
            break
        remove(connection, oldest)
    return max(0, over)


def give_back(connection: sqlite3.Connection, pages: int) -> None:
    """Give so many free pages back to the disk; 0 is none."""
    if pages:  # by execute(), Python takes one step of this, which is one page
        connection.executescript(f"PRAGMA incremental_vacuum({pages})")


def shrink(connection: sqlite3.Connection) -> None:
    """Give all that is free back to the disk, and empty the log."""
    give_back(connection, number(connection, "freelist_count"))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
