"""Answers without a language model: sentences and table rows as they stand in the sources, each with its number.

Nothing is written that a source does not say, so every citation is exact. A sentence is weighed by the words that it
shares with the question, rare ones more, by its meaning where the model is there, and by its chunk's place in the
search.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_ocr_rag.chunking.breaks import sentences
from deepseek_ocr_rag.retrieve import WordIndex

from .search import Embedder, Found

MOST = 4
"""Sentences of an answer."""

LOOKED_AT = 24
"""Sentences whose meaning is compared: reading them takes the most of the time."""

_NEAR = 0.72
"""What a further sentence must weigh, as a share of the best one's weight."""

_LEAST = 0.4
"""What the best sentence must weigh; below it nothing answers the question."""

_TWINS = 0.9
"""Share of common words from which on two sentences say the same."""

_RULE = re.compile(r"[|:\s-]+")
_LETTERS = re.compile(r"\w+")
_ASKING = frozenset(
    _LETTERS.findall(
        "a an and any are at be by can could did do does for from get has have how i in is it its many much of on or "
        "should that the their there this to was were what when where which who whom whose why will with would you your"
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence or a table's row, verbatim; ``source`` counts the found chunks from 0."""

    text: str
    source: int
    header: str = ""
    """Of a row: the table's header, with the rule under it."""
    about: str = ""
    """What stands over it: section, caption, header."""

    @property
    def shown(self) -> str:
        """As it is shown: a row under its header."""
        return f"{self.header}\n{self.text}" if self.header else self.text


def best_sentences(question: str, found: Sequence[Found], *, embed: Embedder | None = None) -> list[Sentence]:
    """At most four sentences that answer, best first; none where nothing fits."""
    said = _candidates(question, [one for place, each in enumerate(found) for one in _sentences(each, place)])
    if not said:
        return []
    weights = _weights(question, said, found, embed)
    order = sorted(range(len(said)), key=lambda place: -weights[place])
    if weights[order[0]] < _LEAST:
        return []
    chosen: list[Sentence] = []
    for place in order:
        if len(chosen) == MOST or weights[place] < _NEAR * weights[order[0]]:
            break
        if not any(_same(said[place].text, other.text) for other in chosen):
            chosen.append(said[place])
    return chosen


def _candidates(question: str, said: Sequence[Sentence]) -> list[Sentence]:
    """Those worth a closer look: the best by their words, and all of the best chunk, which may say it in others."""
    if len(said) <= LOOKED_AT:
        return list(said)
    by_words = WordIndex([f"{sentence.about} {sentence.text}" for sentence in said]).search(question, limit=LOOKED_AT)
    places = dict.fromkeys(
        [place for place, _ in by_words] + [place for place, one in enumerate(said) if one.source == 0]
    )
    return [said[place] for place in list(places)[:LOOKED_AT]]


def _weights(question: str, said: Sequence[Sentence], found: Sequence[Found], embed: Embedder | None) -> list[float]:
    """0 to about 1 for each sentence."""
    texts = [f"{sentence.about} {sentence.text}" for sentence in said]
    by_words = dict(WordIndex(texts).search(question, limit=len(said)))
    most, asked = max(by_words.values(), default=1.0), _content(question)
    shares = [len(asked & _content(text)) / max(1, len(asked)) for text in texts]
    alike = np.zeros(len(said), np.float32)
    if embed is not None:
        alike = embed([f"{sentence.header} {sentence.text}".strip() for sentence in said]) @ embed([question])[0]
    share = 0.5 if embed is not None else 1.0
    first = max(one.score for one in found)
    return [
        (share * shares[place] * by_words.get(place, 0.0) / most + (1 - share) * float(alike[place]))
        * (0.7 + 0.3 * found[sentence.source].score / first)
        for place, sentence in enumerate(said)
    ]


def _sentences(one: Found, source: int) -> Iterator[Sentence]:
    section = one.row.section
    header, caption, is_table = "", "", False
    for line in one.row.text.split("\n"):
        if line.startswith("|"):
            if is_table and not _RULE.fullmatch(line):
                yield Sentence(text=line, source=source, header=header, about=f"{section} {caption} {header}")
            header, is_table = (f"{line}\n{_rule(line)}" if not is_table else header), True
        elif line.strip() and not line.startswith(("#", "```")):
            header, caption, is_table = "", line, False
            for start, end in sentences(line, 0, len(line)):
                if line[start:end].strip():
                    yield Sentence(text=line[start:end].strip(), source=source, about=section)


def _content(text: str) -> frozenset[str]:
    """Its words, plural or not, without those that every question has."""
    return frozenset(word.rstrip("s") for word in _LETTERS.findall(text.casefold()) if word not in _ASKING)


def _rule(header: str) -> str:
    return "|" + "---|" * max(1, header.count("|") - header.count("\\|") - 1)


def _same(text: str, other: str) -> bool:
    first, second = (set(_LETTERS.findall(each.casefold())) for each in (text, other))
    return len(first & second) >= _TWINS * max(1, min(len(first), len(second)))
