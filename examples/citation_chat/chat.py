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
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from deepseek_ocr_rag import CITING_PROMPT, CitationEvent, CitedStream, FinalEvent, TextEvent, numbered_sources
from deepseek_ocr_rag.retrieve import Hit, Sentence, answer

from .cited import Source, as_data
from .events import Event
from .library import Library
from .llm import LlmError, stream_chat
from .search import Embedder, Found
from .settings import Llm, Settings
from .store import Message, Store

logger = logging.getLogger("citation_chat")

SOURCES, MORE = 6, 3
"""Chunks that an answer is made from; and those added for a question that may go on from the one before."""

SENTENCES = 4
"""Of an answer in the documents' own words."""

TURNS, LONGEST_TURN = 3, 2_000
"""Earlier questions with their answers that a language model is told of, and characters of each."""

SHORT = 24
"""Characters of a question under which it may go on from the one before."""

NOTHING = "The documents say nothing about this in words or meaning that I could find."
NO_DOCUMENTS = "There is no document to answer from yet. Add one, or wait until it is read."


@dataclass(slots=True, kw_only=True)
class Said:
    """What has been said so far."""

    text: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)
    unresolved: int = 0


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
            sources = await self._sources(question, before, within)
            listed = [source.to_dict(index) for index, source in enumerate(sources, start=1)]
            yield "meta", {"conversation": conversation, "message": key, "sources": listed}
            async with aclosing(self._said(question, sources, before, said)) as events:
                async for event in events:
                    yield event
            yield "final", {"answer": said.text, "citations": said.citations, "unresolved_markers": said.unresolved}
        except LlmError as error:
            yield "error", {"error": str(error)}
        except Exception:
            logger.exception("a question could not be answered")
            yield "error", {"error": "The answer failed; the server's log says why."}
        finally:
            if said.text.strip():
                message = Message(id=key, role="assistant", text=said.text, citations=said.citations)
                self._store.say(conversation, message)
        yield "done", {"conversation": conversation}

    async def _sources(self, question: str, before: Sequence[Message], within: Sequence[str]) -> list[Source]:
        """What is found for the question, and what for it after the one before if it may not stand alone."""
        found = await self._library.search(question, limit=SOURCES, within=within)
        asked = [one.text for one in before if one.role == "user"]
        if asked and len(question) < SHORT:
            known, least = {one.row.id for one in found}, min((one.score for one in found), default=1.0)
            more = await self._library.search(f"{asked[-1]} {question}", limit=SOURCES + MORE, within=within)
            found += [replace(one, score=least) for one in more if one.row.id not in known][:MORE]
        sources = [await self._source(one) for one in found]
        return [source for source in sources if source is not None]

    async def _source(self, found: Found) -> Source | None:
        row = found.row
        entry, opened = self._store.entry(row.document), await self._library.open(row.document)
        chunk = opened.chunk_of(row) if opened else None
        if entry is None or opened is None or chunk is None:  # removed meanwhile
            return None
        return Source(entry=entry, document=opened.document, chunk=chunk, row=row, score=found.score)

    async def _said(
        self, question: str, sources: Sequence[Source], before: Sequence[Message], said: Said
    ) -> AsyncGenerator[Event]:
        llm = self._settings.llm
        if sources:
            events = (
                self._written(llm, question, sources, before, said) if llm else self._extracted(question, sources, said)
            )
            async with aclosing(events):
                async for event in events:
                    yield event
        if not said.text:
            said.text = NOTHING if any(one["status"] == "ready" for one in self._library.state()) else NO_DOCUMENTS
            yield "token", {"text": said.text}

    async def _extracted(self, question: str, sources: Sequence[Source], said: Said) -> AsyncGenerator[Event]:
        """Sentences as they stand, each with its citation; none where nothing fits."""
        hits = [
            Hit(text=source.chunk.text, metadata={"section_path": source.row.section}, score=source.score)
            for source in sources
        ]
        chosen = await asyncio.to_thread(answer, question, hits, limit=SENTENCES, embed=self._embed)
        for index, sentence in enumerate(chosen, start=1):
            source = next(source for source, hit in zip(sources, hits, strict=True) if hit is sentence.hit)
            text = f"\n\n{shown(sentence)}" if said.text else shown(sentence)
            said.text += text
            yield "token", {"text": text}
            citation = await asyncio.to_thread(source.cite, sentence.text)
            at = len(said.text.removesuffix("|").rstrip())  # of a table's row in its last cell
            said.citations.append(as_data(citation, source, index=index, at=at))
            yield "citation", said.citations[-1]

    async def _written(
        self, llm: Llm, question: str, sources: Sequence[Source], before: Sequence[Message], said: Said
    ) -> AsyncGenerator[Event]:
        """What the language model writes, its marks turned into citations."""
        documents = list({id(source.document): source.document for source in sources}.values())
        cited = CitedStream([source.chunk for source in sources], documents=documents)
        async with aclosing(stream_chat(llm, _prompt(question, sources, before))) as pieces:
            async for piece in pieces:
                for event in await asyncio.to_thread(cited.feed, piece):
                    yield _told(event, sources, said)
        for event in await asyncio.to_thread(cited.close):
            if not isinstance(event, FinalEvent):
                yield _told(event, sources, said)
                continue
            said.unresolved = event.answer.unresolved_markers
        if not said.text.strip():
            raise LlmError("The language model said nothing.")


def _told(event: TextEvent | CitationEvent | FinalEvent, sources: Sequence[Source], said: Said) -> Event:
    """An event of the package's stream as one of ours."""
    if isinstance(event, TextEvent):
        said.text += event.text
        return "token", {"text": event.text}
    assert isinstance(event, CitationEvent)  # noqa: S101 - the final one is met elsewhere; tells the type checker
    one = event.citation
    data = as_data(one.citation, sources[one.source - 1], index=one.index, at=one.at)
    said.citations.append(data | {"support": round(one.support, 3), "is_inferred": one.is_inferred})
    return "citation", said.citations[-1]


def _prompt(question: str, sources: Sequence[Source], before: Sequence[Message]) -> list[dict[str, str]]:
    """The rules, the last questions that were answered, and this one under the numbered sources.

    Some servers refuse turns that do not alternate, as they would not after a question that failed.
    """
    answered = [pair for pair in pairwise(before) if [one.role for one in pair] == ["user", "assistant"]]
    turns = [{"role": one.role, "content": one.text[:LONGEST_TURN]} for pair in answered[-TURNS:] for one in pair]
    listed = numbered_sources([source.chunk for source in sources])
    asked = {"role": "user", "content": f"{listed}\n\nQuestion: {question}"}
    return [{"role": "system", "content": CITING_PROMPT}, *turns, asked]


def shown(sentence: Sentence) -> str:
    """As an answer shows it: a table's row under its header."""
    header = sentence.header
    if not header:
        return sentence.text
    columns = max(1, header.count("|") - header.count("\\|") - 1)
    return f"{header}\n|{'---|' * columns}\n{sentence.text}"
