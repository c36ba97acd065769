"""A question answered: sources found, an answer streamed, and every citation told as soon as its mark closes.

Without a language model the answer is made of the sources' own sentences. Either way what was said is kept with its
citations, so that a conversation is the same after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from deepseek_ocr_rag import CITING_PROMPT, Chunk, CitationEvent, CitedStream, FinalEvent, TextEvent, numbered_sources

from .cited import as_data, cite, source_of
from .events import Event
from .extract import best_sentences
from .library import Library, Opened
from .llm import LlmError, stream_chat
from .search import Embedder, Found
from .settings import Llm, Settings
from .store import Entry, Message, Row, Store

logger = logging.getLogger("citation_chat")

SOURCES = 6
"""Chunks that an answer is made from."""

TURNS, LONGEST_TURN = 6, 2_000
"""Earlier turns that a language model is told of, and characters of each."""

SHORT = 24
"""Characters of a question under which it goes on from the one before."""

NOTHING = "The documents say nothing about this in words or meaning that I could find."
NO_DOCUMENTS = "There is no document to answer from yet. Add one, or wait until it is read."


@dataclass(slots=True, kw_only=True)
class Said:
    """What has been said so far."""

    text: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)
    unresolved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A chunk that an answer may lean on."""

    entry: Entry
    opened: Opened
    chunk: Chunk
    row: Row


class Chat:
    """Answers from a library, and remembers."""

    def __init__(self, settings: Settings, store: Store, library: Library, *, embed: Embedder | None) -> None:
        self._settings, self._store, self._library, self._embed = settings, store, library, embed

    async def answer(
        self, question: str, *, conversation: str | None, within: Sequence[str] = ()
    ) -> AsyncGenerator[Event]:
        """Events: ``meta``, then ``token`` and ``citation``, ``final``, ``done``; ``error`` where it goes wrong.

        Args:
            question: What is asked.
            conversation: The id of the one that this goes on; None begins another.
            within: Ids of documents to answer from; all where it is empty.
        """
        conversation = conversation or secrets.token_urlsafe(9)
        key, said = secrets.token_urlsafe(9), Said()
        before = self._store.messages(conversation)
        self._store.say(conversation, Message(id=secrets.token_urlsafe(9), role="user", text=question, citations=[]))
        try:
            found = await self._library.search(_query(question, before), limit=SOURCES, within=within)
            sources = [
                source_of(one, index, entry)
                for index, one in enumerate(found, start=1)
                if (entry := self._store.entry(one.row.document)) is not None
            ]
            yield "meta", {"conversation": conversation, "message": key, "sources": sources}
            async with aclosing(self._said(question, found, before, said)) as events:
                async for event in events:
                    yield event
            answer = {"answer": said.text, "citations": said.citations, "unresolved_markers": said.unresolved}
            yield "final", answer
        except LlmError as error:
            yield "error", {"error": str(error)}
        except Exception:
            logger.exception("a question could not be answered")
            yield "error", {"error": "The answer failed; the server's log says why."}
        finally:
            if said.text:
                message = Message(id=key, role="assistant", text=said.text, citations=said.citations)
                self._store.say(conversation, message)
        yield "done", {"conversation": conversation}

    async def _said(
        self, question: str, found: Sequence[Found], before: Sequence[Message], said: Said
    ) -> AsyncGenerator[Event]:
        if not found:
            said.text = NOTHING if any(one["status"] == "ready" for one in self._library.state()) else NO_DOCUMENTS
            yield "token", {"text": said.text}
        elif self._settings.llm is None:
            async for event in self._extracted(question, found, said):
                yield event
        else:
            async with aclosing(self._written(self._settings.llm, question, found, before, said)) as events:
                async for event in events:
                    yield event

    async def _extracted(self, question: str, found: Sequence[Found], said: Said) -> AsyncGenerator[Event]:
        """Sentences as they stand, each with its citation."""
        chosen = await asyncio.to_thread(best_sentences, question, found, embed=self._embed)
        if not chosen:
            said.text = NOTHING
            yield "token", {"text": NOTHING}
        for index, sentence in enumerate(chosen, start=1):
            text = f"\n\n{sentence.shown}" if said.text else sentence.shown
            said.text += text
            yield "token", {"text": text}
            one = found[sentence.source]
            entry, opened = self._store.entry(one.row.document), await self._library.open(one.row.document)
            if entry is None or opened is None:  # removed meanwhile
                continue
            citation = await asyncio.to_thread(cite, sentence.text, one, opened)
            at = len(said.text.removesuffix("|").rstrip())  # of a table's row in its last cell
            data = as_data(citation, index=index, at=at, entry=entry, document=opened.document, row=one.row)
            said.citations.append(data)
            yield "citation", data

    async def _written(
        self, llm: Llm, question: str, found: Sequence[Found], before: Sequence[Message], said: Said
    ) -> AsyncGenerator[Event]:
        """What the language model writes, its marks turned into citations."""
        sources = [await self._source(one) for one in found]
        known = [source for source in sources if source is not None]
        documents = list({id(source.opened): source.opened.document for source in known}.values())
        cited = CitedStream([source.chunk for source in known], documents=documents)
        async with aclosing(stream_chat(llm, _prompt(question, known, before))) as pieces:
            async for piece in pieces:
                for event in await asyncio.to_thread(cited.feed, piece):
                    yield _told(event, known, said)
        for event in await asyncio.to_thread(cited.close):
            if not isinstance(event, FinalEvent):
                yield _told(event, known, said)
                continue
            said.unresolved = event.answer.unresolved_markers

    async def _source(self, one: Found) -> Source | None:
        entry, opened = self._store.entry(one.row.document), await self._library.open(one.row.document)
        chunk = opened.chunks.get(one.row.id) if opened else None
        if entry is None or opened is None or chunk is None:
            return None
        return Source(entry=entry, opened=opened, chunk=chunk, row=one.row)


def _told(event: TextEvent | CitationEvent | FinalEvent, sources: Sequence[Source], said: Said) -> Event:
    """An event of the package's stream as one of ours."""
    if isinstance(event, TextEvent):
        said.text += event.text
        return "token", {"text": event.text}
    assert isinstance(event, CitationEvent)  # noqa: S101 - the final one is met elsewhere; tells the type checker
    one = event.citation
    source = sources[one.source - 1]
    data = as_data(
        one.citation,
        index=one.index,
        at=one.at,
        entry=source.entry,
        document=source.opened.document,
        row=source.row,
    ) | {"support": round(one.support, 3), "is_inferred": one.is_inferred}
    said.citations.append(data)
    return "citation", data


def _prompt(question: str, sources: Sequence[Source], before: Sequence[Message]) -> list[dict[str, str]]:
    """The rules, the last turns, and the question under the numbered sources."""
    turns = [{"role": one.role, "content": one.text[:LONGEST_TURN]} for one in before[-TURNS:]]
    shown = numbered_sources([source.chunk for source in sources])
    asked = {"role": "user", "content": f"{shown}\n\nQuestion: {question}"}
    return [{"role": "system", "content": CITING_PROMPT}, *turns, asked]


def _query(question: str, before: Sequence[Message]) -> str:
    """What is searched for: a question that is too short to stand alone goes on from the one before."""
    asked = [one.text for one in before if one.role == "user"]
    return f"{asked[-1]} {question}" if asked and len(question) < SHORT else question
