"""Pages that were read before: a stopped run goes on for free, and a second one costs nothing.

Three things are kept in one SQLite file. What engines answered, raw, so that a better parser needs no new OCR; what
visits to a page brought back, so that a hit needs no rendering; and the finished records of whole files, so that an
unchanged folder is not even opened. Nothing here raises for what the disk or the file does: what is not there, or
damaged, or cannot be written, is a miss.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar

from ..recognition import DocumentFacts, PageImage, Recognition
from ..serial import to_dict
from .file import CacheFile, Row
from .filing import Filed, Filing, filed_records
from .keys import AnswerKey, FactsKey, FileKey, Key, VisitKey, shape_of
from .place import cache_file, default_cache
from .rows import (
    KEPT,
    REFUSALS,
    Answer,
    answer_of,
    answer_row,
    facts_of,
    head_of,
    image_of,
    image_value,
    packed,
    unpacked,
)

__all__ = [
    "Answer",
    "AnswerKey",
    "CacheStats",
    "FactsKey",
    "FileKey",
    "Filed",
    "Filing",
    "PageCache",
    "VisitKey",
    "default_cache",
    "shape_of",
]

T = TypeVar("T")

MAX_BYTES = 10 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """What a cache holds. ``hits`` and ``misses`` are those of one :class:`PageCache`."""

    path: str
    size: int
    """Bytes on the disk."""
    max_bytes: int
    answers: int
    visits: int
    facts: int
    files: int
    documents: int
    """Documents of which there are answers."""
    hits: int
    misses: int


class PageCache:
    """What was read before, by what was read and how. Threads and processes may share one file.

    Args:
        path: A file, by its ending ``.sqlite``, ``.sqlite3`` or ``.db``, or a folder for it; :func:`default_cache`
            where it is None. It is made when it is first used, readable for its owner alone.
        max_bytes: The most that the file takes; what was not used for the longest time goes first.

    Raises:
        ValueError: If ``max_bytes`` is not positive.
        RuntimeError: If no path is given and the user has no home folder.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes={max_bytes!r}: give the cache some room")
        self.path = default_cache() if path is None else cache_file(path)
        self.max_bytes = max_bytes
        self.hits = 0
        self.misses = 0
        self._file = CacheFile(self.path, max_bytes=max_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def trouble(self) -> str:
        """What keeps the cache from its work, or did; empty if nothing."""
        return self._file.trouble

    def answer(self, key: AnswerKey) -> Answer | None:
        """What an engine answered, as it was kept.

        The page has no ``data`` and no ``source``, and its words stand to a millionth of the page.
        """
        return self._found(key.digest, lambda value: answer_of(value, key))

    def keep_answer(self, key: AnswerKey, image: PageImage, recognition: Recognition | None) -> None:
        """Keep what an engine answered, unless another attempt may bring a better answer.

        Args:
            key: The question.
            image: The page that the engine was shown.
            recognition: Its answer; None for a blank page that it was not asked about.
        """
        if image.is_blank if recognition is None else recognition.status in KEPT:
            self._keep(key, lambda: answer_row(key, image, recognition))

    def visit(self, key: VisitKey) -> PageImage | None:
        """What a visit brought back, without ``data`` and ``source``."""
        return self._found(key.digest, lambda value: image_of(value, key.page_number))

    def keep_visit(self, key: VisitKey, image: PageImage) -> None:
        """Keep what a visit brought back, but for its picture."""
        self._keep(key, lambda: packed(image_value(image)))

    def facts(self, key: FactsKey) -> DocumentFacts | None:
        """What opening a document told."""
        return self._found(key.digest, facts_of)

    def keep_facts(self, key: FactsKey, facts: DocumentFacts) -> None:
        """Keep what opening a document told."""
        self._keep(key, lambda: packed(to_dict(facts)))

    def file(self, key: FileKey) -> Filed | None:
        """The records of a file. That all of them are there and sound is known when this returns."""
        head = self._found(key.digest, head_of)
        if head is None:
            return None
        records = filed_records(self._file, key, head)
        if records is None:
            self._file.delete(key.digest)
            self.hits, self.misses = self.hits - 1, self.misses + 1
            return None
        return Filed(records=records, pages=head.pages)

    def filing(self, key: FileKey) -> Filing:
        """Where a file's records go as they are made."""
        return Filing(self._file, key)

    def stats(self) -> CacheStats:
        """What the cache holds. A file that is not there is not made for this."""
        tallies = {tally.kind: tally for tally in self._file.tallies()} if self.path.exists() else {}
        rows = {kind: tally.rows for kind, tally in tallies.items()}
        return CacheStats(
            path=str(self.path),
            size=self._file.size(),
            max_bytes=self.max_bytes,
            answers=rows.get(AnswerKey.kind, 0),
            visits=rows.get(VisitKey.kind, 0),
            facts=rows.get(FactsKey.kind, 0),
            files=rows.get(FileKey.kind, 0),
            documents=tallies[AnswerKey.kind].documents if AnswerKey.kind in tallies else 0,
            hits=self.hits,
            misses=self.misses,
        )

    def clear(self, *, older_than: timedelta | None = None, document: str | None = None) -> int:
        """Remove everything, or only what was not used for so long, or only what is of one document (SHA-256).

        Returns:
            How many rows there were.
        """
        if not self.path.exists():
            return 0
        before = None if older_than is None else time.time_ns() - int(older_than.total_seconds() * 1e9)
        return self._file.clear(before=before, document=document)

    def export(self) -> Iterator[dict[str, Any]]:
        """The answers with their questions as JSON-ready values, by document and page, for people and programs."""
        if not self.path.exists():
            return
        for data in self._file.bodies(AnswerKey.kind):
            try:
                value = unpacked(data)
                yield {**value["question"], "recognition": value["recognition"]}
            except REFUSALS:
                continue  # nor would it be found

    def close(self) -> None:
        """Let go of the file. After this everything is a miss, and nothing is kept."""
        self._file.close()

    def _found(self, digest: bytes, read: Callable[[Any], T]) -> T | None:
        data = self._file.get(digest)
        if data is not None:
            try:
                found = read(unpacked(data))
            except REFUSALS:
                self._file.delete(digest)
            else:
                self.hits += 1
                return found
        self.misses += 1
        return None

    def _keep(self, key: Key, row: Callable[[], bytes]) -> None:
        try:
            data = row()
        except REFUSALS:  # too long, or an engine of the user's answered with what is no text
            return
        self._file.put(
            Row(digest=key.digest, kind=key.kind, document=key.document, page_number=key.page_number, data=data)
        )
