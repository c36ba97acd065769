"""Search and answers with no model and no key: BM25 over texts, and the sentences of the best ones.

Enough for the demo and for a folder. It is lexical: a question in other words than the text's finds nothing. An
answer is made of sentences as they stand, so that each of them can be located to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .chunking.breaks import sentences
from .quotes import CJK

_WORD = re.compile(rf"[{CJK}]|(?:(?![{CJK}])\w)+")
"""A word; of scripts that write none apart, a character."""

_NEAR = 0.75
"""What a further sentence must score, as a share of the best one's score."""

_RULE = re.compile(r"[|:\s-]+")
"""The line under the header of a markdown table."""


class WordIndex:
    """Texts that can be searched for words; a text is known by its place in the sequence.

    In texts without any word that counts, such as a page of asterisks, nothing is ever found.

    Raises:
        ValueError: If there are no texts.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from bm25s import BM25

        if not texts:
            raise ValueError("there is nothing to index")
        words = [_words(text) for text in texts]
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
    """A sentence or a table's row, as it stands in a hit; ``about`` is what stands over it."""

    text: str
    about: str
    hit: Hit
    score: float


def answer(question: str, hits: Sequence[Hit], *, limit: int = 2) -> list[Sentence]:
    """The sentences of the hits that answer best, best first; none where nothing fits.

    A sentence is weighed by its words and those of its section, a table's row by its caption's and header's too, by how
    much of what was asked they say, and by the score of its hit. One is added only where it has words of the question
    that those before it lack.
    """
    asked, chosen = set(_words(question)), list[Sentence]()
    for sentence in _ranked(question, hits):
        said = asked.intersection(_words(f"{sentence.about} {sentence.text}"))
        if said and (not chosen or sentence.score >= _NEAR * chosen[0].score):
            chosen.append(sentence)
            asked -= said
    return chosen[:limit]


def _ranked(question: str, hits: Sequence[Hit]) -> list[Sentence]:
    found = [
        (hit, text, f"{hit.metadata.get('section_path', '')} {about}")
        for hit in hits
        for text, about in _sentences(hit.text)
    ]
    if not found:
        return []
    index = WordIndex([f"{about} {text}" for _, text, about in found])
    top, asked = max(hit.score for hit in hits), set(_words(question))
    ranked = []
    for place, score in index.search(question, limit=len(found)):
        hit, text, about = found[place]
        share = len(asked.intersection(_words(f"{about} {text}"))) / len(asked)
        ranked.append(Sentence(text=text, about=about, hit=hit, score=score * share * hit.score / top))
    return sorted(ranked, key=lambda sentence: -sentence.score)


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """Sentences and table rows of a chunk's text, each with what stands over it and says what it is about."""
    header = caption = ""
    for line in text.split("\n"):
        if line.startswith("|"):
            if header and not _RULE.fullmatch(line):
                yield line, f"{caption} {header}"
            header = header or line
        elif line.strip() and not line.startswith(("#", "```")):
            header, caption = "", line
            for start, end in sentences(line, 0, len(line)):
                if line[start:end].strip():
                    yield line[start:end].strip(), ""


def _words(text: str) -> list[str]:
    from bm25s.stopwords import STOPWORDS_EN

    return [_stem(word) for word in _WORD.findall(text.casefold()) if word not in STOPWORDS_EN]


def _stem(word: str) -> str:
    """Plural or not is the same word."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
