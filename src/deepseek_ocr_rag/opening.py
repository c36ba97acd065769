"""The pages that are to be read: files are opened one after the other, each when its turn comes."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .assemble import DocumentInfo
from .cache import Filed
from .errors import DeepSeekOCRError, SourceTooLarge
from .headway import Headway
from .listing import expand, is_single
from .lookup import Lookup
from .options import Failure, ReadOptions
from .recognition import DocumentFacts
from .source import Input, Source, SourceOptions, parse_pages, resolve

logger = logging.getLogger("deepseek_ocr_rag")

_END: Any = object()
"""Marks the end of an iterator, as nothing that a user passes can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One page to read; ``folder`` holds what belongs to its file alone, and goes with the last page."""

    source: Source
    folder: Path
    facts: DocumentFacts
    info: DocumentInfo
    page_number: int
    place: int
    """Among the pages of the file that are to be read, from 1."""
    wanted: int

    @property
    def is_first(self) -> bool:
        """Whether it is the first one to be read of its file."""
        return self.place == 1

    @property
    def is_last(self) -> bool:
        """Whether it is the last one."""
        return self.place == self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file of which all that is wanted is in the cache."""

    source: Source
    filed: Filed


LookUp = Callable[[Source], Filed | None]
"""What is in the cache of a whole file."""


class Opening:
    """Opens files.

    Args:
        lookup: Who opens them.
        options: How to read.
        workspace: A folder for what is downloaded and converted.
        headway: What is told how many pages there are.
        look_up: Says of each file whether it need not be opened.
    """

    def __init__(
        self, lookup: Lookup, options: ReadOptions, *, workspace: Path, headway: Headway, look_up: LookUp | None
    ) -> None:
        self._lookup = lookup
        self._options = options
        self._workspace = workspace
        self._headway = headway
        self._look_up = look_up

    async def jobs(self, inputs: Input | Iterable[Input]) -> AsyncGenerator[Job | Found | Failure]:
        """The pages of all files in order, opening each file when its turn comes."""
        entries: Iterator[Any] = iter([inputs] if is_single(inputs) else cast("Iterable[Input]", inputs))
        while (entry := await asyncio.to_thread(next, entries, _END)) is not _END:
            items = expand(entry, fs=self._options.fs)
            while True:
                try:
                    item = await asyncio.to_thread(next, items, _END)
                except DeepSeekOCRError as error:
                    yield Failure(source=error.source or str(entry), error=error)
                    break  # this folder cannot be listed; the next entry may be
                if item is _END:
                    break
                for job in await self._jobs_of(item):
                    yield job

    async def _jobs_of(self, item: Input) -> Sequence[Job | Found | Failure]:
        # A folder for each file, to be deleted with its last page: a run over a bucket must not fill the disk.
        folder = Path(tempfile.mkdtemp(dir=self._workspace))
        try:
            return await self._open(item, folder)
        except DeepSeekOCRError as error:
            shutil.rmtree(folder, ignore_errors=True)
            return [Failure(source=error.source or str(item), error=error)]

    async def _open(self, item: Input, folder: Path) -> Sequence[Job | Found]:
        limits = self._options.limits
        wishes = SourceOptions(allow_urls=self._options.allow_urls, fs=self._options.fs, limits=limits)
        source = await asyncio.to_thread(resolve, item, workspace=folder, options=wishes)
        filed = await asyncio.to_thread(self._look_up, source) if self._look_up else None
        if filed is not None:
            shutil.rmtree(folder, ignore_errors=True)
            self._headway.known += len(filed.pages)
            return [Found(source=source, filed=filed)]
        facts = await self._lookup.facts(source)
        if facts.page_count > limits.max_pages:
            raise SourceTooLarge(
                f"has {facts.page_count:,} pages; up to {limits.max_pages:,} are read.",
                source=source.name,
                hint="Raise the limit max_pages to accept it.",
            )
        for warning in facts.warnings:
            logger.warning("%s: %s", source.name, warning)
        numbers = parse_pages(self._options.pages, total=facts.page_count, source=source.name)
        self._headway.known += len(numbers)
        info = _info(source, facts)
        return [
            Job(
                source=source,
                folder=folder,
                facts=facts,
                info=info,
                page_number=number,
                place=place,
                wanted=len(numbers),
            )
            for place, number in enumerate(numbers, start=1)
        ]


def _info(source: Source, facts: DocumentFacts) -> DocumentInfo:
    metadata = {"media_type": source.media_type}
    if facts.title:
        metadata["title"] = facts.title
    return DocumentInfo(
        id=f"sha256:{source.sha256}",
        source=source.name,
        file_name=source.file_name,
        total_pages=facts.page_count,
        outline=facts.outline,
        metadata=metadata,
    )
