"""What can be compared of two texts: their words by stem, their numbers, and the words that they deny.

None of it knows who did what to whom: where only the roles are swapped, two texts say the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from ..folding import tokens
from ..numerals import GROUPED, numerals, ungrouped

_SHORT = 3
_GROUPED = re.compile(GROUPED)
_ENDING = re.compile(r"(?:(?<=....)(?:ations?|ings?|ions?|ed|es|ly|e)|(?<=...)s)\Z")
_NUMBERS = {
    word: str(number)
    for words in (
        "two three four five six seven eight nine ten eleven twelve",
        "zwei drei vier funf sechs sieben acht neun zehn elf zwolf",
    )
    for number, word in enumerate(words.split(), 2)
}
"""Numbers in folded words as numerals. "One" and its like are seldom meant as numbers."""
_SCALES = {"hundred", "thousand", "million", "billion", "trillion", "tausend", "millionen", "milliarden"}
_NOT = re.compile(
    r"\b(?:not?|never|none|nor|neither|cannot|without|nothing|nobody|hardly|scarcely|barely|rarely|unable|impossible"
    r"|nicht|kein\w{0,2}|nie|niemals|ohne|weder|pas|jamais|aucune?|sans|nunca|ning[uú]na?)\b"
    r"|n['’]t\b|[不没沒無无未]|ない|なかっ|ません|않|없",
    re.IGNORECASE,
)
"""Fewer words than ``wording`` has for quotes: what is "mai", "sin" or "非" elsewhere is the same in a quote only."""
_NO_DENIAL = re.compile(r"\s(?:only|just|nur)\b|(?<=\bno)\.?\s?\d", re.IGNORECASE)
"""What makes "not only" and "No. 5" of a negation."""
_CLAUSE_END = re.compile(r"[,;:.!?()|\n—。、，；：！？]|\b(?:and|but|und|aber|et|mais|y|pero)\b", re.IGNORECASE)
_REACH, _REACH_CHARS = 3, 50
"""Words that a negation is about: those after it in its clause, or before it where none follow."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is compared of a text; words are stems."""

    words: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()

    def __or__(self, other: Said) -> Said:
        """What both say together."""
        return Said(self.words | other.words, self.numbers | other.numbers, self.denied | other.denied)

    def is_against(self, claim: Said) -> bool:
        """Whether it lacks a number of a claim, or only one of them denies what the other says."""
        is_denied, is_denying = claim.words & self.denied, self.words & claim.denied
        return not claim.numbers <= self.numbers or bool(is_denied) != bool(is_denying)


def said_by(text: str) -> Said:
    """What a text says."""
    plain = _GROUPED.sub(lambda found: ungrouped(found[0]), text)
    folded = [token.folded for token in tokens(plain)]
    counts = [_NUMBERS.get(word, word) for word in folded]
    scaled = {count + scale for count, scale in pairwise(counts) if scale in _SCALES and count.isdecimal()}
    numbers = scaled.union(numerals(plain.casefold()), (_NUMBERS[word] for word in folded if word in _NUMBERS))
    return Said(frozenset(map(stem, folded)), frozenset(numbers), frozenset(_denied(plain)))


def is_misread(text: str, other: str) -> bool:
    """Whether two texts are the same words but for a letter in some, and none of these is a number or a negation."""
    ours, theirs = ([token.folded for token in tokens(one)] for one in (text, other))
    are_alike = len(ours) == len(theirs) and all(map(_are_alike, ours, theirs))
    return are_alike and not said_by(other).is_against(said_by(text))


def stem(word: str) -> str:
    """A word without its ending, as far as English goes; other languages lose a letter here and there on both sides."""
    return word if word.isdigit() else _ENDING.sub("", word)


def is_little(word: str) -> bool:
    """Whether a word is of so few Latin letters that it says little."""
    return len(word) <= _SHORT and word.isascii() and word.isalpha()


def _are_alike(word: str, other: str) -> bool:
    from rapidfuzz.distance import Levenshtein

    return word == other or (min(len(word), len(other)) >= _SHORT and Levenshtein.distance(word, other) == 1)


def _denied(text: str) -> list[str]:
    found: list[str] = []
    for negation in _NOT.finditer(text):
        start, end = negation.span()
        if _NO_DENIAL.match(text, end):
            continue
        after = _words(_CLAUSE_END.split(text[end : end + _REACH_CHARS], maxsplit=1)[0])
        telling = [word for word in after if not is_little(word)]
        found += telling[:_REACH] or after[:_REACH]
        if not after:
            found += _words(_CLAUSE_END.split(text[max(0, start - _REACH_CHARS) : start])[-1])[-_REACH:]
    return found


def _words(text: str) -> list[str]:
    return [stem(token.folded) for token in tokens(text)]
