"""From a claim and the source that it names to the place that bears it out.

In this order: the lines that the marker names, words that the claim quotes, the claim itself where it is the source's
own word for word, and the sentences that support it best. A model may name the wrong line; where the named ones say
nothing of the claim and another place of the same source does, that place is taken. Where nothing is good enough the
source is cited without a place: its context is known, to be shown pale, and no line of it is called the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..anchors import Chunk
from ..cite import Citation, cite_places, locate
from ..document import Document
from ..passage import Passage, as_passage
from .numbered import passage_lines
from .said import is_misread
from .support import Evidence

Basis = Literal["lines", "quote", "support", "source"]
"""Lines that the marker names; the source's own words; sentences that say the same in other words; only the source."""

INFERRED_FLOOR = 0.6
"""What the support of a sentence must be that names no source."""

_LEAST_WORDS = 4
"""Words of a claim under which it is not looked for: "Yes, it is." stands anywhere."""
_WRONG, _RIGHT = 0.25, 0.6
"""Support under which named lines are taken for a slip, if another place has that of the second number."""
_QUOTED = re.compile(r"[\"“„«”]([^\"“”„«»\n]{20,600})[\"“”»]")
"""What is shorter is a term that the claim is about."""
_WORD = re.compile(r"\w+")
_FINE = ("word", "line", "cell", "row")
_MOST_QUOTES = 4
_LONG = 40
"""Characters of a claim in a script that writes no spaces, from which it is looked for however few words it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a source bears out a claim; ``support`` is how much of the claim it says there, 0 to 1."""

    source: int
    citation: Citation
    basis: Basis
    support: float


class Claims:
    """The sources of an answer, counted from 1, and what in them bears out claims."""

    def __init__(self, passages: Sequence[Passage | Chunk], *, documents: Sequence[Document] = ()) -> None:
        self._documents = {document.id: document for document in documents}
        self._passages = [as_passage(where, self._documents.get(where.document_id)) for where in passages]
        self._evidence = Evidence([passage.text for passage in self._passages])
        self._known: dict[tuple[int, str], Place] = {}

    def has_source(self, source: int) -> bool:
        """Whether there is such a source."""
        return 1 <= source <= len(self._passages)

    def has_line(self, source: int, line: int) -> bool:
        """Whether a source has such a line."""
        return self.has_source(source) and 1 <= line <= len(passage_lines(self._passages[source - 1].text))

    def on_lines(self, claim: str, source: int, first: int, last: int, *, cited: Collection[Citation] = ()) -> Place:
        """The place of lines ``first`` to ``last`` of a source, as far as it goes; ``first`` must be one of its.

        Lines that say nothing of the claim are no slip where it cites the better place of the source already.
        """
        passage_text = self._passages[source - 1].text
        lines = passage_lines(passage_text)
        start, end = lines[first - 1][0], lines[min(last, len(lines)) - 1][1]
        support = self._evidence.score(claim, passage_text[start:end])
        if support < _WRONG and _is_telling(claim):
            better = self.in_source(claim, source)
            is_new = not any(one.start < better.citation.end and better.citation.start < one.end for one in cited)
            if better.basis != "source" and better.support >= _RIGHT and is_new:
                return better
        return Place(source=source, citation=self._cite(source, start, end), basis="lines", support=support)

    def in_source(self, claim: str, source: int) -> Place:
        """The place in a source that bears out a claim best, or the source without one."""
        known = self._known.get((source, claim))
        if known is None:
            known = self._known[source, claim] = self._find(claim, source)
        return known

    def anywhere(self, claim: str) -> Place | None:
        """The place in any source that bears out a claim of which no source is named; None unless it does so well."""
        best = self._evidence.best(claim, floor=INFERRED_FLOOR) if _is_telling(claim) else None
        if best is None:
            return None
        place = self.in_source(claim, best.passage + 1)
        return place if place.basis != "source" else None

    def _find(self, claim: str, source: int) -> Place:
        passage, document = self._passages[source - 1], self._document(source)
        said = sorted(_QUOTED.findall(claim), key=len, reverse=True)[:_MOST_QUOTES]
        for words in [*said, claim] if _is_telling(claim) else said:
            citation = locate(words, passage, document=document)
            is_own = words != claim or is_misread(words, citation.quote)  # a claim is no quote: a word makes it another
            if citation.status == "verified" or (citation.status == "repaired" and is_own):
                support = self._evidence.score(claim, citation.quote)
                return Place(source=source, citation=citation, basis="quote", support=support)
        best = self._evidence.best(claim, passage=source - 1) if _is_telling(claim) else None
        if best is None:
            return Place(source=source, citation=locate("", passage), basis="source", support=0.0)
        # The sentences are the source's, letter for letter, but the claim is not: it is never called verified.
        cited = replace(self._cite(source, best.start, best.end), status="partial", score=best.score)
        return Place(source=source, citation=cited, basis="support", support=best.score)

    def _document(self, source: int) -> Document | None:
        return self._documents.get(self._passages[source - 1].document_id)

    def _cite(self, source: int, start: int, end: int) -> Citation:
        passage, document = self._passages[source - 1], self._document(source)
        cited = cite_span(passage, start, end)
        if document is None or cited.precision in _FINE:
            return cited
        finer = locate(cited.quote, passage, document=document)
        is_same = finer.status == "verified" and finer.scope == "passage" and finer.start < end and start < finer.end
        return finer if is_same else cited


def cite_span(passage: Passage, start: int, end: int) -> Citation:
    """The citation of characters ``[start, end)`` of a passage; they are a quote of it by themselves."""
    return cite_places(passage, [(start, end)])


def _is_telling(claim: str) -> bool:
    return len(_WORD.findall(claim)) >= _LEAST_WORDS or len(claim) > _LONG
