"""From a language model's answer to citations, while it streams or afterwards.

The model was given the passages as numbered sources (:mod:`.answering.numbered`) and says by markers what it leans on.
The text goes on as it comes, without its markers; each marker becomes a citation as soon as it closes, for the sentence
that it stands at, and at the end sentences without one are matched by what they say, and marked as inferred. Numbers of
sources that do not exist are dropped and counted: models invent them. However the answer is cut into pieces, the text
and the citations are the same and come in the same order, because a citation depends on nothing that comes after it but
the rest of its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .anchors import Chunk
from .answering.claims import Basis, Claims, Place
from .answering.markers import Marker, MarkerStream, Reference
from .answering.statements import AnswerText, Statement, lines_of, statements
from .cite import Citation
from .document import Document
from .passage import Passage
from .serial import to_dict

MOST_CITATIONS = 500
"""Citations of one answer; the markers after them are dropped and counted as unresolved."""

MOST_INFERRED = 60
"""Sentences without a marker that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCitation:
    """What a part of an answer leans on.

    ``answer_start`` and ``answer_end`` are the part, in code points of the answer's text without markers: the sentence
    up to its marker, or the one after a marker at a line's start. ``at`` is where the marker stood, which is where a
    viewer draws its own. ``source`` is the number of the passage, from 1, and ``index`` this citation's own.
    ``support`` is how much of the sentence the cited words say, 0 to 1: low is a reason to look.
    """

    index: int
    source: int
    answer_start: int
    answer_end: int
    at: int
    citation: Citation
    basis: Basis
    support: float
    marker: str = ""
    is_inferred: bool = False
    """True where the answer names no source for it."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {**to_dict(self), "citation": self.citation.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedAnswer:
    """An answer without its markers, and what they stand for, in the order in which that became known."""

    text: str
    citations: tuple[AnswerCitation, ...]
    unresolved_markers: int = 0
    """References to sources or lines that do not exist. A line's source is cited nevertheless, if that exists."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        cited = [citation.to_dict() for citation in self.citations]
        return {"text": self.text, "citations": cited, "unresolved_markers": self.unresolved_markers}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEvent:
    """The answer goes on; all texts together are the answer's."""

    text: str
    type: Literal["text"] = "text"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {"type": self.type, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationEvent:
    """A citation is known."""

    citation: AnswerCitation
    type: Literal["citation"] = "citation"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {"type": self.type, **self.citation.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalEvent:
    """The answer is complete."""

    answer: CitedAnswer
    type: Literal["final"] = "final"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {"type": self.type, **self.answer.to_dict()}


Event = TextEvent | CitationEvent | FinalEvent


def cite_answer(
    answer: str, passages: Sequence[Passage | Chunk], *, documents: Sequence[Document] = (), infers: bool = True
) -> CitedAnswer:
    """Find out what the sentences of an answer lean on; never raises on any text.

    Args:
        answer: What the model answered, with markers such as ``[3]``, ``[3.12-14]``, ``[1, 2]`` or ``【1】``.
        passages: What it was shown by :func:`.numbered_sources`, in that order.
        documents: The documents of the passages, as far as they are at hand: their boxes may be finer than those that
            a vector store keeps.
        infers: Whether sentences without a marker are matched by what they say.
    """
    stream = CitedStream(passages, documents=documents, infers=infers)
    stream.feed(answer)
    *_, final = stream.close()
    assert isinstance(final, FinalEvent)  # noqa: S101 - close() ends with it; tells the type checker
    return final.answer


class CitedStream:
    """An answer that comes in pieces: pass each to :meth:`feed`, and send on the events that come back.

    Arguments are those of :func:`cite_answer`. Nothing here waits, so it works in asynchronous code as it is; finding
    a citation takes some milliseconds.
    """

    def __init__(
        self, passages: Sequence[Passage | Chunk], *, documents: Sequence[Document] = (), infers: bool = True
    ) -> None:
        self._claims = Claims(passages, documents=documents)
        self._infers = infers
        self._markers = MarkerStream()
        self._text = AnswerText()
        self._waiting: list[tuple[Marker, int]] = []
        self._leads = False
        self._citations: list[AnswerCitation] = []
        self._unresolved = 0

    @property
    def held(self) -> str:
        """The end of what was fed that may still become a marker, and is not told yet; a few characters."""
        return self._markers.held

    def feed(self, text: str) -> list[Event]:
        """Go on with the next piece of the answer."""
        return list(self._pass(self._markers.feed(text)))

    def close(self) -> list[Event]:
        """The answer's end: what was held back, what is inferred, and a :class:`FinalEvent`."""
        events = [*self._pass(self._markers.close()), *self._settle()]
        whole = self._text.whole
        if self._infers:
            events.extend(self._inferred(whole))
        answer = CitedAnswer(text=whole, citations=tuple(self._citations), unresolved_markers=self._unresolved)
        return [*events, FinalEvent(answer=answer)]

    def _pass(self, parts: Iterable[str | Marker]) -> Iterator[Event]:
        for part in parts:
            if isinstance(part, Marker):
                yield from self._mark(part)
                continue
            for line in lines_of(part):
                yield TextEvent(text=line)
                self._text.add(line)
                if line.endswith("\n"):
                    yield from self._settle()
                    self._text.end_line()
                    self._leads = False

    def _mark(self, marker: Marker) -> Iterator[Event]:
        """Cite a marker for what stands before it in its line, or keep it for what comes after."""
        at = self._text.length
        if self._waiting and self._waiting[-1][1] < at:
            yield from self._settle()
        is_leading = self._leads and self._text.has_ended
        claim = None if is_leading else self._text.claim()
        if claim is not None:
            yield from self._cite(marker, at, claim)
        else:
            self._leads = True
            self._waiting.append((marker, at))

    def _settle(self) -> Iterator[Event]:
        """Cite the markers that waited for the text after them; where none came, for the text before."""
        waiting, self._waiting = self._waiting, []
        for marker, at in waiting:
            claim = self._text.after(at) or self._text.claim() or self._text.last or Statement(at, at, "")
            yield from self._cite(marker, at, claim)

    def _cite(self, marker: Marker, at: int, claim: Statement) -> Iterator[Event]:
        for reference in marker.references:
            place = self._place(reference, claim) if len(self._citations) < MOST_CITATIONS else None
            if place is None:
                self._unresolved += 1
                continue
            yield self._found(place, claim, at=at, marker=marker.raw.lstrip(" ,;"))

    def _place(self, reference: Reference, claim: Statement) -> Place | None:
        source, first, last = reference.source, reference.first, reference.last
        if reference.or_line_of and not self._claims.has_source(source):
            source, first, last = reference.or_line_of, source, source
        if not self._claims.has_source(source):
            return None
        if not first:
            return self._claims.in_source(claim.text, source)
        if self._claims.has_line(source, first):
            part = source, claim.start, claim.end
            cited = [one.citation for one in self._citations if (one.source, one.answer_start, one.answer_end) == part]
            return self._claims.on_lines(claim.text, source, first, last, cited=cited)
        self._unresolved += 1
        return self._claims.in_source(claim.text, source)

    def _found(self, place: Place, claim: Statement, *, at: int, marker: str) -> CitationEvent:
        cited = AnswerCitation(
            index=len(self._citations) + 1,
            source=place.source,
            answer_start=claim.start,
            answer_end=claim.end,
            at=at,
            citation=place.citation,
            basis=place.basis,
            support=place.support,
            marker=marker,
            is_inferred=not marker,
        )
        self._citations.append(cited)
        return CitationEvent(citation=cited)

    def _inferred(self, text: str) -> Iterator[Event]:
        """Cite the sentences that no marker stands at, as far as a source says what they say."""
        cited = sorted((one.answer_start, one.answer_end) for one in self._citations)
        last = 0
        looked = 0
        for claim in statements(text):
            while last < len(cited) and cited[last][1] <= claim.start:
                last += 1
            if (last < len(cited) and cited[last][0] < claim.end) or looked >= MOST_INFERRED:
                continue
            looked += 1
            place = self._claims.anywhere(claim.text)
            if place is not None:
                yield self._found(place, claim, at=claim.end, marker="")
