"""Pages and answers by way of the cache: what was seen before is not looked at again, nor paid for."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from .cache import Answer, AnswerKey, FactsKey, PageCache, VisitKey
from .engines import Engine
from .options import ReadOptions
from .prompts import Task
from .recognition import DocumentFacts, PageImage, PageRequest, Recognition
from .source import Source

if TYPE_CHECKING:
    from .render import WorkerPool


def make_cache(options: ReadOptions) -> PageCache | None:
    """The cache that ``options`` name: an object as it is, else one that is to be closed."""
    if isinstance(options.cache, PageCache):
        return options.cache
    if options.cache is False:
        return None
    return PageCache(None if options.cache is True else options.cache)


class Lookup:
    """A run's workers, behind its cache.

    Args:
        pool: The workers.
        options: How to read; ``cache`` is a :class:`.PageCache` or None.
    """

    def __init__(self, pool: WorkerPool, options: ReadOptions) -> None:
        self._pool = pool
        self._options = options
        self._cache = options.cache if isinstance(options.cache, PageCache) else None
        self._fingerprints: dict[int, str] = {}

    async def facts(self, source: Source) -> DocumentFacts:
        """What opening a file tells."""
        key = FactsKey(document=source.sha256, renderer=self._options.renderer)
        known = await asyncio.to_thread(self._cache.facts, key) if self._cache else None
        if known is not None:
            return known
        facts = await self._pool.open(source, password=self._options.password)
        if self._cache:
            await asyncio.to_thread(self._cache.keep_facts, key, facts)
        return facts

    async def visit(self, source: Source, page_number: int, request: PageRequest) -> PageImage:
        """What a visit to a page brings back; a picture is always drawn, all else may be known."""
        if self._cache is None or request.image is not None:
            return await self._drawn(source, page_number, request)
        key = VisitKey(
            document=source.sha256, page_number=page_number, request=request, renderer=self._options.renderer
        )
        known = await asyncio.to_thread(self._cache.visit, key)
        if known is not None:
            return replace(known, source=source.name)
        found = await self._drawn(source, page_number, request)
        await asyncio.to_thread(self._cache.keep_visit, key, found)
        return found

    async def _drawn(self, source: Source, page_number: int, request: PageRequest) -> PageImage:
        return await self._pool.visit(source, page_number, request, password=self._options.password)

    async def answer(self, engine: Engine, page: PageImage, request: PageRequest, *, document: str) -> Answer | None:
        """What the engine answered about a page before, if it is known.

        Args:
            engine: Who would be asked.
            page: The page, of which the number and the file's name are known.
            request: What the engine wants of it.
            document: The file's SHA-256.
        """
        if self._cache is None:
            return None
        known = await asyncio.to_thread(self._cache.answer, self._key(engine, page, request, document))
        return known and replace(known, image=replace(known.image, source=page.source))

    async def keep(
        self, engine: Engine, page: PageImage, request: PageRequest, recognition: Recognition | None, *, document: str
    ) -> None:
        """Keep what the engine answered; None for a blank page."""
        if self._cache is not None:
            key = self._key(engine, page, request, document)
            await asyncio.to_thread(self._cache.keep_answer, key, page, recognition)

    async def figure(self, engine: Engine, picture: PageImage, task: Task, *, document: str) -> Recognition:
        """What the engine reads in the picture of a figure, which is known by its bytes."""
        if self._cache is None:
            return await engine.recognize(picture, task=task)
        key = replace(
            self._key(engine, picture, engine.request, document),
            task=task,
            reference=hashlib.sha256(picture.data).hexdigest(),
        )
        known = await asyncio.to_thread(self._cache.answer, key)
        if known is not None and known.reused is not None:
            return known.reused
        recognition = await engine.recognize(picture, task=task)
        await asyncio.to_thread(self._cache.keep_answer, key, picture, recognition)
        return recognition

    def _key(self, engine: Engine, page: PageImage, request: PageRequest, document: str) -> AnswerKey:
        # Some engines look through a whole folder for their fingerprint: once is enough.
        fingerprint = self._fingerprints.get(id(engine))
        if fingerprint is None:
            fingerprint = self._fingerprints[id(engine)] = engine.fingerprint
        return AnswerKey(
            document=document,
            page_number=page.page_number,
            request=request,
            engine=fingerprint,
            task=self._options.task,
            reference=self._options.reference,
            renderer=self._options.renderer,
        )
