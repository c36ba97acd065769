"""Search and answers with no model and no key: BM25 over texts, and the sentences of the best ones.

Enough for the demo and for a folder. It is lexical: a question in other words than the text's finds nothing, and
vectors, where there are some, only tell which sentence with its words is meant. An answer is made of sentences as they
stand, so that each of them can be located to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import mul

from .chunking.breaks import sentences
from .plaintext import CJK

Embed = Callable[[Sequence[str]], Iterable[Iterable[float]]]
"""Gives a vector for each text."""

_WORD = re.compile(rf"[{CJK}]|(?:(?![{CJK}])\w)+")
"""A word; of scripts that write none apart, a character."""

_ASKING = frozenset(
    _WORD.findall(
        "any can could did do does from get has have how i its many much should were what when where which who whom "
        "whose why would you your"
    )
)
"""Words that questions are made of and that answer nothing; the search leaves them out, as it does stop words."""

_LEAST = 0.4
"""What the best sentence must weigh; below it nothing answers the question."""

_NEAR = 0.72
"""What a further sentence must weigh, as a share of the best one's weight."""

_LOOKED_AT = 24
"""Sentences whose meaning is compared: reading them takes the most of the time."""

_RULE = re.compile(r"[|:\s-]+")
"""The line under the header of a markdown table."""


class WordIndex:
    """Texts that can be searched for words; a text is known by its place in the sequence.

    In texts without any word that counts, such as a page of asterisks, nothing is ever found.

    Args:
        texts: What is searched.
        has_repeats: Whether a word that a text says again counts again; a sentence is no better for it.

    Raises:
        ValueError: If there are no texts.
    """

    def __init__(self, texts: Sequence[str], *, has_repeats: bool = True) -> None:
        from bm25s import BM25

        if not texts:
            raise ValueError("there is nothing to index")
        words = [_words(text) for text in texts]
        if not has_repeats:
            words = [list(dict.fromkeys(each)) for each in words]
        self._index = BM25() if any(words) else None  # it refuses an empty vocabulary
        if self._index is not None:
            self._index.index(words, show_progress=False)

    def search(self, question: str, *, limit: int) -> list[tuple[int, float]]:
        """The places of the best texts and their scores, best first; texts that share no word are left out."""
        if self._index is None:
            return []
        words = [word for word in _words(question) if word in self._index.vocab_dict]
        if not words:
            return []
        scores = [float(score) for score in self._index.get_scores(words)]
        best = sorted(range(len(scores)), key=lambda place: -scores[place])[:limit]
        return [(place, scores[place]) for place in best if scores[place] > 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A text that a search found, as a framework or store gives it back."""

    text: str
    metadata: Mapping[str, object]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence or a table's row, as it stands in a hit; ``about`` is what stands over it.

    ``header`` is that of a row's table, without the rule under it. ``score`` is 0 to about 1.
    """

    text: str
    about: str
    hit: Hit
    header: str = ""
    score: float = 0.0


def answer(question: str, hits: Sequence[Hit], *, limit: int = 2, embed: Embed | None = None) -> list[Sentence]:
    """The sentences of the hits that answer best, best first; none where nothing fits.

    A sentence is weighed by its words and those of its section, a table's row by its caption's and header's too, by how
    much of what was asked they say, by its meaning where that can be told, and by the score of its hit. One is added
    only where it has words of the question that those before it lack.

    Args:
        question: What is asked.
        hits: What a search found for it.
        limit: Sentences at most.
        embed: Gives vectors of length 1 for texts; only the best sentences by their words are compared.
    """
    asked, chosen = set(_words(question)), list[Sentence]()
    for sentence in _ranked(question, hits, embed):
        if len(chosen) == limit or sentence.score < (_NEAR * chosen[0].score if chosen else _LEAST):
            break
        if said := asked.intersection(_words(f"{sentence.about} {sentence.text}")):
            chosen.append(sentence)
            asked -= said
    return chosen


def _ranked(question: str, hits: Sequence[Hit], embed: Embed | None) -> list[Sentence]:
    said = [sentence for hit in hits for sentence in _sentences(hit)]
    if not said:
        return []
    texts = [f"{one.about} {one.text}" for one in said]
    found = WordIndex(texts, has_repeats=False).search(question, limit=_LOOKED_AT if embed else len(said))
    asked, top = set(_words(question)), max(hit.score for hit in hits)
    weights = [len(asked.intersection(_words(texts[at]))) / len(asked) * score / found[0][1] for at, score in found]
    if embed and found:
        shown = [f"{said[at].header} {said[at].text}".strip() for at, _ in found]
        meant, *vectors = map(list, embed([question, *shown]))
        alike = [sum(map(mul, meant, vector)) for vector in vectors]
        weights = [(weight + float(likeness)) / 2 for weight, likeness in zip(weights, alike, strict=True)]
    ranked = [
        replace(said[at], score=weight * (0.7 + 0.3 * said[at].hit.score / top if top > 0 else 1.0))
        for (at, _), weight in zip(found, weights, strict=True)
    ]
    return sorted(ranked, key=lambda sentence: -sentence.score)


def _sentences(hit: Hit) -> Iterator[Sentence]:
    """Sentences and table rows of a hit, each with what stands over it and says what it is about."""
    section, header, caption = str(hit.metadata.get("section_path", "")), "", ""
    for line in hit.text.split("\n"):
        if line.startswith("|"):
            if header and not _RULE.fullmatch(line):
                yield Sentence(text=line, about=f"{section} {caption} {header}", hit=hit, header=header)
            header = header or line
        elif line.strip() and not line.startswith(("#", "```")):
            header, caption = "", line
            for start, end in sentences(line, 0, len(line)):
                if line[start:end].strip():
                    yield Sentence(text=line[start:end].strip(), about=section, hit=hit)


def _words(text: str) -> list[str]:
    from bm25s.stopwords import STOPWORDS_EN

    said = _WORD.findall(text.casefold())
    return [_stem(word) for word in said if word not in STOPWORDS_EN and word not in _ASKING]


def _stem(word: str) -> str:
    """Plural or not is the same word."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
