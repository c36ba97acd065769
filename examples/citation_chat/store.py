"""Everything that the app remembers, in one SQLite file: documents, chunks with their vectors, and conversations.

Statements are short and run under one lock, so that any thread may use the store. Files lie beside the database under
names made of their hash; a name that came from outside is text and never a path.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_ocr_rag import Chunk, Document

Vector = NDArray[np.float32]

_PATIENCE = 30.0
"""Seconds for which another program may hold the database, such as one that makes a backup."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, file TEXT NOT NULL, shown TEXT NOT NULL, media_type TEXT NOT NULL,
  title TEXT NOT NULL DEFAULT '', pages INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL DEFAULT 'queued',
  error TEXT NOT NULL DEFAULT '', engine TEXT NOT NULL DEFAULT '', body BLOB,
  added TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE IF NOT EXISTS chunks (
  id TEXT PRIMARY KEY, document TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE, position INTEGER NOT NULL,
  page INTEGER NOT NULL, section TEXT NOT NULL, text TEXT NOT NULL, vector BLOB
);
CREATE INDEX IF NOT EXISTS chunks_of ON chunks(document, position);
CREATE TABLE IF NOT EXISTS conversations (
  id TEXT PRIMARY KEY, title TEXT NOT NULL, changed TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE IF NOT EXISTS messages (
  id TEXT PRIMARY KEY, conversation TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  role TEXT NOT NULL, text TEXT NOT NULL, citations TEXT NOT NULL DEFAULT '[]',
  at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX IF NOT EXISTS messages_of ON messages(conversation, at);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A document of the library. ``id`` is the hex SHA-256 of its bytes; ``file`` and ``shown`` are names of files.

    ``shown`` is what pages are drawn from: the file itself, or the PDF that was made of an office document.
    """

    id: str
    name: str
    file: str
    shown: str
    media_type: str
    title: str = ""
    pages: int = 0
    status: str = "queued"
    error: str = ""
    engine: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What browsers are told: no names of files."""
        return {name: value for name, value in asdict(self).items() if name not in ("file", "shown")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A chunk as search wants it."""

    id: str
    document: str
    page: int
    section: str
    text: str
    vector: Vector | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    id: str
    role: str
    text: str
    citations: list[dict[str, Any]]


class Store:
    """The database in ``folder``, made where there is none."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(folder / "chat.sqlite3", timeout=_PATIENCE, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA foreign_keys = ON")
        with self._changing() as database:
            database.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    # Documents

    def entries(self) -> list[Entry]:
        """All documents, the newest last."""
        rows = self._all(f"{_ENTRIES} ORDER BY added, id")
        return [_entry(row) for row in rows]

    def entry(self, document: str) -> Entry | None:
        """One document."""
        rows = self._all(f"{_ENTRIES} WHERE id = ?", document)
        return _entry(rows[0]) if rows else None

    def add(self, entry: Entry) -> None:
        """Note a document that is to be read; one that was there is replaced."""
        with self._changing() as database:
            database.execute("DELETE FROM documents WHERE id = ?", (entry.id,))
            database.execute(
                "INSERT INTO documents (id, name, file, shown, media_type) VALUES (?, ?, ?, ?, ?)",
                (entry.id, entry.name, entry.file, entry.shown, entry.media_type),
            )

    def mark(self, document: str, *, status: str, error: str = "", pages: int = 0) -> None:
        """Note how reading it goes."""
        with self._changing() as database:
            database.execute(
                "UPDATE documents SET status = ?, error = ?, pages = max(pages, ?) WHERE id = ?",
                (status, error, pages, document),
            )

    def save(self, key: str, document: Document, chunks: Iterable[Chunk]) -> None:
        """Keep what was read; vectors follow."""
        body = zlib.compress(json.dumps(document.to_dict()).encode("utf-8", "surrogatepass"))
        engine = next((page.engine for page in document.pages if page.engine), "")
        rows = [
            (
                chunk.id,
                key,
                place,
                next((region.page_number for region in chunk.regions), 0),
                plain(chunk.section_path),
                plain(chunk.text),
            )
            for place, chunk in enumerate(chunks)
        ]
        with self._changing() as database:
            database.execute(
                "UPDATE documents SET status = 'ready', error = '', title = ?, pages = ?, engine = ?, body = ?"
                " WHERE id = ?",
                (plain(document.title), len(document.pages), engine, body, key),
            )
            database.execute("DELETE FROM chunks WHERE document = ?", (key,))
            database.executemany(
                "INSERT OR REPLACE INTO chunks (id, document, position, page, section, text) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )

    def document(self, key: str) -> Document | None:
        """What was read of a document."""
        rows = self._all("SELECT body FROM documents WHERE id = ?", key)
        if not rows or rows[0][0] is None:
            return None
        return Document.from_dict(json.loads(zlib.decompress(rows[0][0]).decode("utf-8", "surrogatepass")))

    def remove(self, key: str) -> None:
        """Forget a document; conversations about it stay."""
        with self._changing() as database:
            database.execute("DELETE FROM documents WHERE id = ?", (key,))

    # Chunks

    def rows(self) -> list[Row]:
        """All chunks, document by document."""
        found = self._all("SELECT id, document, page, section, text, vector FROM chunks ORDER BY document, position")
        return [
            Row(
                id=row[0],
                document=row[1],
                page=row[2],
                section=row[3],
                text=row[4],
                vector=None if row[5] is None else np.frombuffer(row[5], np.float32),
            )
            for row in found
        ]

    def without_vector(self, *, limit: int) -> list[tuple[str, str]]:
        """Ids of chunks that have none yet, and what is to be embedded."""
        rows = self._all("SELECT id, section, text FROM chunks WHERE vector IS NULL LIMIT ?", limit)
        return [(row[0], f"{row[1]}\n{row[2]}".strip()) for row in rows]

    def set_vectors(self, keys: Sequence[str], vectors: Vector) -> None:
        """Keep the vectors of some chunks."""
        pairs = [(vector.astype(np.float32).tobytes(), key) for key, vector in zip(keys, vectors, strict=True)]
        with self._changing() as database:
            database.executemany("UPDATE chunks SET vector = ? WHERE id = ?", pairs)

    def progress(self) -> tuple[int, int]:
        """How many chunks have a vector, and how many there are."""
        done, total = self._all("SELECT count(vector), count(*) FROM chunks")[0]
        return int(done), int(total)

    # Conversations

    def conversations(self) -> list[dict[str, str]]:
        """All of them, the one that changed last first."""
        rows = self._all("SELECT id, title, changed FROM conversations ORDER BY changed DESC, id LIMIT 200")
        return [{"id": row[0], "title": row[1], "changed": row[2]} for row in rows]

    def messages(self, conversation: str) -> list[Message]:
        """What was said, in order."""
        rows = self._all(
            "SELECT id, role, text, citations FROM messages WHERE conversation = ? ORDER BY at, rowid", conversation
        )
        return [Message(id=row[0], role=row[1], text=row[2], citations=json.loads(row[3])) for row in rows]

    def message(self, key: str) -> Message | None:
        """One turn."""
        rows = self._all("SELECT id, role, text, citations FROM messages WHERE id = ?", key)
        return Message(id=key, role=rows[0][1], text=rows[0][2], citations=json.loads(rows[0][3])) if rows else None

    def say(self, conversation: str, message: Message) -> None:
        """Add a turn; a question may begin a conversation, an answer to one that is deleted by now is dropped."""
        text = plain(message.text)
        with self._changing() as database:
            if message.role == "user":
                title = " ".join(text.split())[:80]
                database.execute("INSERT OR IGNORE INTO conversations (id, title) VALUES (?, ?)", (conversation, title))
            is_there = database.execute(
                "UPDATE conversations SET changed = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = ?", (conversation,)
            ).rowcount
            if is_there:
                database.execute(
                    "INSERT INTO messages (id, conversation, role, text, citations) VALUES (?, ?, ?, ?, ?)",
                    (message.id, conversation, message.role, text, json.dumps(message.citations)),
                )

    def forget(self, conversation: str) -> None:
        """Delete a conversation."""
        with self._changing() as database:
            database.execute("DELETE FROM conversations WHERE id = ?", (conversation,))

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database:
            yield self._database

    def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()


_FIELDS = ("id", "name", "file", "shown", "media_type", "title", "pages", "status", "error", "engine")
_ENTRIES = "SELECT " + ", ".join(_FIELDS) + " FROM documents"  # noqa: S608 - our own names


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(**dict(zip(_FIELDS, row, strict=True)))


def plain(text: str) -> str:
    """Text that SQLite and servers take: OCR, models and browsers may give half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
