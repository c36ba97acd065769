"""Which sentences of a passage bear out a claim that is in other words.

A claim is weighed against sentences and rows by its words: rare ones count more, names twice, and those that no passage
has count against it. Its numbers must be there, since a sentence with another number says something else, however alike
it is. It is no proof, so what is found is never called a quote, and where two places are as good as each other, or none
is good, there is no place.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..folding import tokens
from ..numerals import GROUPED, numerals, ungrouped
from .numbered import passage_lines

FLOOR = 0.45
"""What a claim's support must be for a place to be shown."""

_BESIDE = 0.1
"""What the sentence next to the best one must add to be shown, too."""
_TIE = 0.02
_WITHOUT_NUMBERS = 0.4
"""What is left of the support where none of the claim's numbers is there; under the floor by itself."""
_LONGEST_CLAIM = 800
_SHORT, _LITTLE = 3, 0.3
"""Latin words of so few letters say little; what they count, as a share of a longer word."""
_GROUPED = re.compile(GROUPED)
_ENDING = re.compile(r"(?:(?<=....)(?:ations?|ings?|ions?|ed|es|ly|e)|(?<=...)s)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Characters ``[start, end)`` of a passage, one or two of its lines, that bear out a claim; ``score`` is 0 to 1."""

    passage: int
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class _Said:
    """What is compared of a text."""

    words: frozenset[str]
    numbers: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Claim:
    weights: dict[str, float]
    numbers: frozenset[str]

    def score(self, said: Sequence[_Said]) -> float:
        """How much of the claim several lines say together, 0 to 1."""
        total = sum(self.weights.values())
        words = frozenset[str]().union(*(one.words for one in said))
        numbers = frozenset[str]().union(*(one.numbers for one in said))
        share = len(self.numbers & numbers) / len(self.numbers) if self.numbers else 1.0
        found = sum(weight for word, weight in self.weights.items() if word in words)
        return found / total * (_WITHOUT_NUMBERS + (1 - _WITHOUT_NUMBERS) * share) if total else 0.0


class Evidence:
    """Passages that claims are weighed against; asking is linear in the lines that share a word with the claim."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._spans = [(passage, *span) for passage, text in enumerate(texts) for span in passage_lines(text)]
        self._said = [said for text in texts for said in _lines_said(text)]
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for at, said in enumerate(self._said):
            for word in said.words:
                self._places[word].append(at)

    def best(self, claim: str, *, passage: int | None = None, floor: float = FLOOR) -> Support | None:
        """The line, or two lines that follow each other, that support a claim best, in one passage or in all.

        None where nothing reaches the floor, or where two places are equally good.
        """
        asked = self._asked(claim)
        scores = {at: asked.score([self._said[at]]) for at in self._candidates(asked, passage)}
        first = max(scores, key=lambda at: (scores[at], -at), default=None)
        if first is None:
            return None
        last, score = first, scores[first]
        pairs = [(one, one + 1) for one in (first - 1, first) if self._are_neighbours(one)]
        for one, other in pairs:
            together = asked.score([self._said[one], self._said[other]])
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
        return round(self._asked(claim).score([_said_by(said)]), 4)

    def _asked(self, claim: str) -> _Claim:
        said, names = _said_by(claim[:_LONGEST_CLAIM]), _names(claim[:_LONGEST_CLAIM])
        weights = {
            word: math.log(1 + (len(self._said) + 1) / (1 + len(self._places.get(word, ()))))
            * (2 if word in names else _LITTLE if _is_little(word) else 1)
            for word in said.words
        }
        return _Claim(weights, said.numbers)

    def _candidates(self, asked: _Claim, passage: int | None) -> Iterator[int]:
        found = Counter(at for word in asked.weights for at in self._places.get(word, ()))
        return (at for at in found if passage is None or self._spans[at][0] == passage)

    def _are_neighbours(self, at: int) -> bool:
        return 0 <= at < len(self._spans) - 1 and self._spans[at][0] == self._spans[at + 1][0]


@lru_cache(maxsize=256)
def _lines_said(text: str) -> tuple[_Said, ...]:
    return tuple(_said_by(text[start:end]) for start, end in passage_lines(text))


def _said_by(text: str) -> _Said:
    plain = _GROUPED.sub(lambda found: ungrouped(found[0]), text)
    words = frozenset(_stem(token.folded) for token in tokens(plain))
    return _Said(words, frozenset(numerals(plain.casefold())))


def _names(text: str) -> frozenset[str]:
    """Words with a capital that do not begin the text, and those with digits."""
    found = list(tokens(text))
    return frozenset(
        _stem(token.folded)
        for at, token in enumerate(found)
        if (at and text[token.start].isupper()) or any(char.isdigit() for char in token.folded)
    )


def _is_little(word: str) -> bool:
    return len(word) <= _SHORT and word.isascii() and word.isalpha()


def _stem(word: str) -> str:
    """A word without its ending, as far as English goes; other languages lose a letter here and there on both sides."""
    return word if word.isdigit() else _ENDING.sub("", word)
