"""Recorded answers: run a document again without a model, offline, and to the letter as it was read before.

:class:`RecordingEngine` sits in front of any engine and writes what it answers, one JSON file per page, task and
reference; :class:`ReplayEngine` answers from such a folder. A page is known by its picture's hash, so that a renamed or
reordered document still finds its recordings; a page without a picture is known by its file's name and its number.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from ..errors import EngineRejected, EngineUnavailable
from ..prompts import PROMPTS, Task
from ..recognition import PageImage, PageRequest, Recognition
from ..serial import from_dict, to_dict
from ..usage import Usage
from . import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a recording's file holds. All but ``request`` and ``recognition`` is for people who look into it."""

    format: Literal[1]
    source: str
    task: Task
    fingerprint: str
    request: PageRequest
    recognition: Recognition
    reference: str = ""


class RecordingEngine:
    """Passes pages on to another engine and keeps each answer in a folder.

    Args:
        engine: The engine that does the work; closing this one closes it.
        folder: Where recordings go; made if it is not there. A page that is read again overwrites its recording.
    """

    def __init__(self, engine: Engine, folder: str | os.PathLike[str]) -> None:
        self.engine = engine
        self.folder = Path(folder)

    @property
    def name(self) -> str:
        """The other engine's name."""
        return self.engine.name

    @property
    def fingerprint(self) -> str:
        """The other engine's fingerprint: recording does not change answers."""
        return self.engine.fingerprint

    @property
    def request(self) -> PageRequest:
        """What the other engine needs."""
        return self.engine.request

    async def recognize(self, page: PageImage, *, task: Task = "markdown", reference: str = "") -> Recognition:
        """Read one page with the other engine, and record the answer; errors are passed on and not recorded.

        Args:
            page: The page.
            task: What to ask for.
            reference: What the task ``locate`` looks for; only engines that know it can be given one.
        """
        if reference:
            locator = cast("Any", self.engine)
            recognition: Recognition = await locator.recognize(page, task=task, reference=reference)
        else:
            recognition = await self.engine.recognize(page, task=task)
        recording = Recording(
            format=1,
            source=_base_name(page.source),
            task=task,
            fingerprint=self.engine.fingerprint,
            request=self.engine.request,
            recognition=recognition,
            reference=reference,
        )
        await asyncio.to_thread(_write, self.folder / _file_name(page, task, reference), recording)
        return recognition

    async def aclose(self) -> None:
        """Close the other engine."""
        await self.engine.aclose()


class ReplayEngine:
    """Answers from recordings, and asks nobody.

    Args:
        folder: A folder that a :class:`RecordingEngine` wrote.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    @staticmethod
    def from_texts(texts: Mapping[int, str]) -> TextEngine:
        """An engine that answers with raw model text by page number, for tests and examples."""
        return TextEngine(texts)

    @property
    def name(self) -> str:
        """``replay``."""
        return "replay"

    @property
    def fingerprint(self) -> str:
        """A hash of all recordings: one more, one less or an edited one is another engine."""
        return _digest((path.name, path.read_bytes()) for path in _recordings(self.folder))

    @property
    def request(self) -> PageRequest:
        """What the recorded engine asked for, so that the page's picture is the one that was recorded.

        Raises:
            EngineRejected: If the first recording cannot be read.
        """
        first = next(iter(_recordings(self.folder)), None)
        return PageRequest(words=True) if first is None else _read(first, None).request

    async def recognize(self, page: PageImage, *, task: Task = "markdown", reference: str = "") -> Recognition:
        """Give the recorded answer for this page, task and reference; its usage says that it cost nothing.

        Raises:
            EngineUnavailable: If there is no recording of it.
            EngineRejected: If the recording cannot be read.
        """
        path = self.folder / _file_name(page, task, reference)
        if not path.is_file():
            looked_for = f" and {reference!r}" if reference else ""
            raise EngineUnavailable(
                f"there is no recording of this page for the task {task!r}{looked_for} in {self.folder}.",
                source=page.source,
                page_number=page.page_number,
                hint=f"Record it: read the document once with RecordingEngine(engine, {str(self.folder)!r}).",
            )
        recording = await asyncio.to_thread(_read, path, page)
        return replace(recording.recognition, page_number=page.page_number, usage=Usage(cache_hits=1))

    async def aclose(self) -> None:
        """Nothing is open."""


class TextEngine:
    """Answers with raw model text by page number; the pages need no picture.

    An empty text is an answer like any other: status ``empty`` on a blank page, else ``suspect``.
    """

    def __init__(self, texts: Mapping[int, str]) -> None:
        self._texts = dict(texts)

    @property
    def name(self) -> str:
        """``replay``."""
        return "replay"

    @property
    def fingerprint(self) -> str:
        """A hash of all texts."""
        return _digest((str(number), text.encode()) for number, text in sorted(self._texts.items()))

    @property
    def request(self) -> PageRequest:
        """The text layer's words, to find lines with."""
        return PageRequest(words=True)

    async def recognize(self, page: PageImage, *, task: Task = "markdown") -> Recognition:
        """Give the page's text.

        Raises:
            EngineUnavailable: If there is none.
        """
        text = self._texts.get(page.page_number)
        if text is None:
            raise EngineUnavailable(
                "there is no text for this page.",
                source=page.source,
                page_number=page.page_number,
                hint="Add it to the mapping that ReplayEngine.from_texts was given.",
            )
        return Recognition(
            page_number=page.page_number,
            engine=self.name,
            text=text,
            prompt=PROMPTS[task],
            finish_reason="stop",
            status="ok" if text.strip() else "empty" if page.is_blank else "suspect",
            usage=Usage(cache_hits=1),
        )

    async def aclose(self) -> None:
        """Nothing is open."""


def _file_name(page: PageImage, task: Task, reference: str) -> str:
    known_by = page.data or f"{_base_name(page.source)}\0{page.page_number}".encode("utf-8", errors="surrogatepass")
    looked_for = f"-{hashlib.sha256(reference.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}" if reference else ""
    return f"{hashlib.sha256(known_by).hexdigest()[:32]}-{task}{looked_for}.json"


def _base_name(source: str) -> str:
    """The last part of a path or URL: where a file lies says nothing about what is in it."""
    return source.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _recordings(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def _digest(contents: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in contents:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return f"replay {digest.hexdigest()[:16]}"


def _write(path: Path, recording: Recording) -> None:
    """Write all or nothing: a run that is stopped half-way must not leave half a recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(to_dict(recording), ensure_ascii=False, indent=1)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=False) as file:
        file.write(text.encode("utf-8", errors="surrogatepass"))
    Path(file.name).replace(path)


def _read(path: Path, page: PageImage | None) -> Recording:
    try:
        return from_dict(Recording, json.loads(path.read_bytes()))
    except (ValueError, LookupError, RecursionError, OSError) as error:
        raise EngineRejected(
            f"the recording {path} cannot be read: {error}.",
            source=page.source if page else "",
            page_number=page.page_number if page else None,
            hint="Delete that file and record the page again.",
        ) from error
