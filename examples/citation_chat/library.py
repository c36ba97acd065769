"""The library: documents come in, are read in their order, and everyone is told how it goes.

What is known by its hash is not read again. A document can be searched by words as soon as it is read; vectors follow
in the background, and what a restart interrupts goes on where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import shutil
import tempfile
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio

from deepseek_ocr_rag import Chunk, ChunkOptions, DeepSeekOCRError, Document, Failure, Progress, aread, chunk_document
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.sniff import SUFFIXES
from deepseek_ocr_rag.source import SourceOptions, resolve

from .events import Hub
from .pictures import Pictures
from .search import Embedder, Found, Index
from .settings import Settings
from .store import Entry, Row, Store

logger = logging.getLogger("citation_chat")

CUTTING = ChunkOptions(max_tokens=240)
"""As much as the model of the vectors sees."""

_BATCH = 16
_REMEMBERED = 6
"""Documents that are kept in memory for citing from them."""

LONGEST_NAME = 200
UNREAD = "It could not be read; the server's log says why."


class RefusedError(Exception):
    """A document that is not taken; the message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A document with the chunks that it is cited by."""

    document: Document
    chunks: dict[str, Chunk]

    def chunk_of(self, row: Row) -> Chunk | None:
        """The chunk that a row is of; one that says the same where chunks are cut otherwise by now."""
        said = row.text
        alike = (one for one in self.chunks.values() if one.text[:80] in said or said[:80] in one.text)
        return self.chunks.get(row.id) or next(alike, None)


class Library:
    """The documents of a store, and the tasks that read them; :meth:`run` must be running."""

    def __init__(self, settings: Settings, store: Store, pictures: Pictures, *, embed: Embedder | None) -> None:
        self.hub = Hub()
        self._settings, self._store, self._pictures, self._embed = settings, store, pictures, embed
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._ready: deque[Entry] = deque()
        self._to_read, self._to_embed = asyncio.Event(), asyncio.Event()
        self._placing = asyncio.Lock()
        self._index: tuple[int, Index] | None = None
        self._version = 0
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._progress: dict[str, tuple[int, int]] = {}

    async def run(self) -> None:
        """Read what waits, for ever; what an earlier run left unread first."""
        for entry in self._store.entries():
            if entry.status in ("queued", "reading"):
                self._waiting.put_nowait(entry.id)
        self._to_embed.set()
        async with anyio.create_task_group() as tasks:
            for step in (self._check_next, self._read_waiting, self._embed_new):
                tasks.start_soon(_for_ever, step)

    # What the server asks

    def state(self) -> list[dict[str, Any]]:
        """All documents, as browsers are told of them."""
        return [self._described(entry) for entry in self._store.entries()]

    async def take(self, name: str, parts: AsyncIterator[bytes]) -> tuple[Entry, bool]:
        """Take a document in; True where it is new.

        Raises:
            RefusedError: If it is too large, of no known type, or one too many.
        """
        if len(self._store.entries()) >= self._settings.max_documents:
            raise RefusedError(f"The library is full: it holds {self._settings.max_documents} documents.")
        path = self._store.files / f"incoming-{secrets.token_hex(8)}"
        try:
            digest = await _written(path, parts, most=self._settings.max_bytes)
            async with self._placing:  # the same file may be sent twice at once
                known = self._store.entry(digest)
                if known is not None and known.status != "failed":
                    return known, False
                entry = await asyncio.to_thread(self._place, path, digest, name)
                self._store.add(entry)
        except DeepSeekOCRError as error:
            raise RefusedError(self.explained(error)) from error
        finally:
            path.unlink(missing_ok=True)
        self._waiting.put_nowait(entry.id)
        self._tell(entry.id)
        return entry, True

    async def take_file(self, path: Path) -> None:
        """Take a file of this machine in; one that is refused is logged."""

        async def parts() -> AsyncIterator[bytes]:
            with path.open("rb") as file:
                while part := await asyncio.to_thread(file.read, 1 << 20):
                    yield part

        try:
            await self.take(path.name, parts())
        except (RefusedError, OSError) as error:
            logger.warning("%s: %s", path.name, error)

    def remove(self, key: str) -> None:
        """Forget a document and its files."""
        self._store.remove(key)
        for file in self._store.files.glob(f"{key}.*"):
            file.unlink(missing_ok=True)
        self._pictures.forget(key)
        self._opened.pop(key, None)
        self._version += 1
        self.hub.tell("removed", {"id": key})

    async def search(self, question: str, *, limit: int, within: Iterable[str] = ()) -> list[Found]:
        """The best chunks for a question."""
        return await asyncio.to_thread(self._searched, question, limit, frozenset(within))

    async def open(self, key: str) -> Opened | None:
        """A document that was read, and its chunks."""
        if key not in self._opened:
            document = await asyncio.to_thread(self._store.document, key)
            if document is None:
                return None
            chunks = await asyncio.to_thread(_cut, document)
            self._opened[key] = Opened(document=document, chunks={chunk.id: chunk for chunk in chunks})
            while len(self._opened) > _REMEMBERED:
                self._opened.popitem(last=False)
        self._opened.move_to_end(key)
        return self._opened[key]

    def explained(self, error: DeepSeekOCRError, entry: Entry | None = None) -> str:
        """What went wrong and what to do, without the place on our disk."""
        text = f"{error.message[:1].upper()}{error.message[1:]} {error.hint}".strip().replace(
            f"{self._store.files}/", ""
        )
        for ours in (entry.file, entry.shown) if entry else ():
            text = text.replace(ours, entry.name if entry else "")
        return text

    # Reading

    async def _check_next(self) -> None:
        """See that a document may be read, before it costs anything."""
        entry = self._store.entry(await self._waiting.get())
        if entry is None:  # removed meanwhile
            return
        total, said = 0, ""
        try:
            total = await self._pictures.page_count(self._pictures.source(entry))
        except DeepSeekOCRError as error:
            said = self.explained(error, entry)
        except Exception:
            logger.exception("a document could not be opened")
            said = UNREAD
        if total > self._settings.max_pages:
            said = f"It has {total} pages; at most {self._settings.max_pages} are read."
        if said:
            self._fail(entry, said)
            return
        self._ready.append(entry)
        self._to_read.set()
        self._store.mark(entry.id, status="queued", pages=total)
        self._tell(entry.id)

    async def _read_waiting(self) -> None:
        """Read all that waits in one go: workers and models are loaded once, and short files share the workers."""
        await self._to_read.wait()
        self._to_read.clear()
        begun: dict[str, Entry] = {}
        said = UNREAD
        try:
            await self._read(begun)
        except DeepSeekOCRError as error:
            said = self.explained(error)
        except Exception:
            logger.exception("documents could not be read")
        if begun and self._ready:  # what waited behind a failure
            self._to_read.set()
        for entry in begun.values():
            self._fail(entry, said)

    async def _read(self, begun: dict[str, Entry]) -> None:
        """Read what waits; ``begun`` holds what has been begun and is not done, by its id."""

        def skip(failure: Failure) -> None:
            entry = begun.pop(_key(failure.source), None)
            if entry is not None:
                self._fail(entry, self.explained(failure.error, entry))

        options = replace(self._settings.read, on_error="skip", on_failure=skip, progress=self._advance)
        async with aclosing(aread(self._feed(begun), options)) as documents:
            async for document in documents:
                entry = begun.get(document.id.removeprefix("sha256:"))
                if entry is not None:
                    await self._keep(entry, replace(document, source=entry.name, file_name=entry.name))
                    del begun[entry.id]

    def _feed(self, begun: dict[str, Entry]) -> Iterator[Path]:
        """The files that wait, also those that come while others are read. It is asked in other threads."""
        while self._ready:
            entry = self._ready.popleft()
            begun[entry.id] = entry
            yield self._store.files / entry.file

    async def _keep(self, entry: Entry, document: Document) -> None:
        chunks = await asyncio.to_thread(_cut, document)
        if self._store.entry(entry.id) is None:  # removed meanwhile
            return
        await asyncio.to_thread(self._store.save, entry.id, document, chunks)
        self._version += 1
        self._to_embed.set()
        self._tell(entry.id)

    def _fail(self, entry: Entry, said: str) -> None:
        self._store.mark(entry.id, status="failed", error=said)
        self._tell(entry.id)

    def _advance(self, progress: Progress) -> None:
        key = _key(progress.source)
        done, _ = self._progress.get(key, (0, 0))
        self._progress[key] = done + 1, progress.total_pages
        if not done:
            self._store.mark(key, status="reading")
        self._tell(key)

    def _place(self, path: Path, digest: str, name: str) -> Entry:
        """Keep the file, and the PDF that an office document is shown as, under names made of the hash."""
        name = plain_name(name)
        with tempfile.TemporaryDirectory() as workspace:
            named = Path(workspace, f"input{Path(name).suffix[:8]}")  # a damaged file is told by its suffix
            shutil.copyfile(path, named)
            options = SourceOptions(limits=Limits(max_bytes=self._settings.max_bytes))
            found = resolve(named, workspace=Path(workspace, "made"), options=options)
            file = shown = f"{digest}{SUFFIXES[found.media_type]}"
            if found.path != named:
                file, shown = f"{digest}.original{named.suffix}", f"{digest}.shown.pdf"
                shutil.copyfile(found.path, self._store.files / shown)
        shutil.copyfile(path, self._store.files / file)
        return Entry(id=digest, name=name, file=file, shown=shown, media_type=found.media_type)

    # Vectors

    async def _embed_new(self) -> None:
        await self._to_embed.wait()
        self._to_embed.clear()
        while self._embed is not None and (batch := self._store.without_vector(limit=_BATCH)):
            keys, texts = zip(*batch, strict=True)
            self._store.set_vectors(keys, await asyncio.to_thread(self._embed, texts))
            done, total = self._store.progress()
            self.hub.tell("vectors", {"done": done, "total": total})
        self._version += 1

    def _searched(self, question: str, limit: int, within: frozenset[str]) -> list[Found]:
        version, known = self._version, self._index
        if known is None or known[0] != version:
            known = self._index = version, Index(self._store.rows(), embed=self._embed)
        return known[1].search(question, limit=limit, within=within)

    # Telling

    def _described(self, entry: Entry) -> dict[str, Any]:
        done, total = self._progress.get(entry.id, (0, entry.pages))
        return {**entry.to_dict(), "done": done, "total": total}

    def _tell(self, key: str) -> None:
        entry = self._store.entry(key)
        if entry is not None and entry.status in ("ready", "failed"):
            self._progress.pop(key, None)
        if entry is not None:
            self.hub.tell("document", self._described(entry))


async def _for_ever(step: Callable[[], Awaitable[None]]) -> None:
    """One step after the other: one that fails must not take the app along, nor the steps that come later."""
    while True:
        try:
            await step()
        except Exception:
            logger.exception("%s failed", step.__name__)


async def _written(path: Path, parts: AsyncIterator[bytes], *, most: int) -> str:
    """Write what comes, as far as it is allowed; the SHA-256 of it."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        async for part in parts:
            size += len(part)
            if size > most:
                raise RefusedError(f"It is larger than {most >> 20} MB.")
            digest.update(part)
            await asyncio.to_thread(file.write, part)
    if not size:
        raise RefusedError("It is empty.")
    return digest.hexdigest()


def _key(source: str) -> str:
    """The id of the document that a file of ours is of."""
    return Path(source).name.partition(".")[0]


def _cut(document: Document) -> list[Chunk]:
    return list(chunk_document(document, CUTTING))


def plain_name(name: str) -> str:
    """The last part of a path of any system, printable and not too long: text to show, never a path."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(letter for letter in last if letter.isprintable()).strip()
    return printable[-LONGEST_NAME:] or "document"
