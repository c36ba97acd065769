"""Which sentences of a passage bear out a claim that is in other words.

A claim is weighed against sentences and rows by its words: rare ones count more, names twice, and those that no passage
has count against it. Its numbers must be there, since a sentence with another number says something else, however alike
it is; so does one that denies what the claim says, and where a claim names somebody whom no passage knows, it is about
something else. Words do not tell who did what to whom: a claim that swaps the roles is borne out like a true one. It is
no proof, so what is found is never called a quote, and where two places are as good as each other, or none is good,
there is no place.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..folding import tokens
from .numbered import passage_lines
from .said import Said, is_little, said_by, stem

FLOOR = 0.45
"""What a claim's support must be for a place to be shown."""

_BESIDE = 0.1
"""What the sentence next to the best one must add to be shown, too."""
_TIE = 0.02
_DOUBTED = 0.4
"""What is left of the support where a number or a name is missing, or only one side denies it; under the floor."""
_LONGEST_CLAIM = 800
_LITTLE = 0.3
"""What a little word counts, as a share of a longer one."""
_LEADING = re.compile(
    r"\A(?:.*:|(?:according to|as per|laut|gemäß|selon|según)\b[^,]{0,80},)", re.IGNORECASE | re.DOTALL
)
"""What leads up to a claim and may have names that the passages need not know: a label, "According to the Report,"."""
_INNER_WORD = re.compile(r"(?<=[a-zß-ÿ] )[^\W\d_]{4,}")
_MOST_CAPITALS = 0.3
"""Share of words within sentences that begin with a capital; where it is greater, as in German, few are names."""
_SAMPLE = 5000
"""Characters of a passage in which they are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Characters ``[start, end)`` of a passage, one or two of its lines, that bear out a claim; ``score`` is 0 to 1."""

    passage: int
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class _Claim:
    said: Said
    weights: dict[str, float]
    is_strange: bool
    """Whether it names somebody or something that no passage knows."""

    def score(self, *lines: Said) -> float:
        """How much of the claim several lines say together, 0 to 1."""
        total = sum(self.weights.values())
        together = functools.reduce(operator.or_, lines)
        found = sum(weight for word, weight in self.weights.items() if word in together.words)
        is_doubted = self.is_strange or together.is_against(self.said)
        return found / total * (_DOUBTED if is_doubted else 1) if total else 0.0


class Evidence:
    """Passages that claims are weighed against; asking is linear in the lines that share a word with the claim."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._spans = [(passage, *span) for passage, text in enumerate(texts) for span in passage_lines(text)]
        self._said = [said for text in texts for said in _lines_said(text)]
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for at, said in enumerate(self._said):
            for word in said.words:
                self._places[word].append(at)
        inner = [word for text in texts for word in _INNER_WORD.findall(text[:_SAMPLE])]
        self._tells_names = sum(word[0].isupper() for word in inner) < _MOST_CAPITALS * len(inner)

    def best(self, claim: str, *, passage: int | None = None, floor: float = FLOOR) -> Support | None:
        """The line, or two lines that follow each other, that support a claim best, in one passage or in all.

        None where nothing reaches the floor, or where two places are equally good.
        """
        asked = self._asked(claim)
        scores = {at: asked.score(self._said[at]) for at in self._candidates(asked, passage)}
        first = max(scores, key=lambda at: (scores[at], -at), default=None)
        if first is None:
            return None
        last, score = first, scores[first]
        pairs = [(one, one + 1) for one in (first - 1, first) if self._are_neighbours(one)]
        for one, other in pairs:
            together = asked.score(self._said[one], self._said[other])
            if together >= max(score, scores[first] + _BESIDE):
                first, last, score = one, other, together
        is_tie = any(
            scores[at] >= score - _TIE and not first <= at <= last and self._said[at] != self._said[first]
            for at in scores
        )
        if score < floor or (is_tie and first == last):
            return None
        number, start, _ = self._spans[first]
        return Support(passage=number, start=start, end=self._spans[last][2], score=round(score, 4))

    def score(self, claim: str, said: str) -> float:
        """How much of a claim some words say, 0 to 1."""
        return round(self._asked(claim).score(said_by(said)), 4)

    def _asked(self, claim: str) -> _Claim:
        text = claim[:_LONGEST_CLAIM]
        said, names = said_by(text), _names(text)
        weights = {
            word: math.log(1 + (len(self._said) + 1) / (1 + len(self._places.get(word, ()))))
            * (2 if word in names else _LITTLE if is_little(word) else 1)
            for word in said.words
        }
        is_strange = self._tells_names and any(name not in self._places for name in _named(text))
        return _Claim(said, weights, is_strange)

    def _candidates(self, asked: _Claim, passage: int | None) -> Iterator[int]:
        found = Counter(at for word in asked.weights for at in self._places.get(word, ()))
        return (at for at in found if passage is None or self._spans[at][0] == passage)

    def _are_neighbours(self, at: int) -> bool:
        return 0 <= at < len(self._spans) - 1 and self._spans[at][0] == self._spans[at + 1][0]


@lru_cache(maxsize=256)
def _lines_said(text: str) -> tuple[Said, ...]:
    return tuple(said_by(text[start:end]) for start, end in passage_lines(text))


def _names(text: str) -> frozenset[str]:
    """Words with a capital that do not begin the text, and those with digits."""
    found = list(tokens(text))
    return frozenset(
        stem(token.folded)
        for at, token in enumerate(found)
        if (at and text[token.start].isupper()) or any(char.isdigit() for char in token.folded)
    )


def _named(text: str) -> Iterator[str]:
    """Words of the claim that are surely names: with a capital within a sentence or a word."""
    said = _LEADING.sub("", text)
    for token in tokens(said):
        word, before = said[token.start : token.end], said[max(0, token.start - 2) : token.start]
        is_inside = before[:1].isalnum() or before[:1] == ","
        if len(word) > 1 and (any(map(str.isupper, word[1:])) or (word[0].isupper() and is_inside)):
            yield stem(token.folded)
