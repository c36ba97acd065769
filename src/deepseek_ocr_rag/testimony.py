"""What a page and an answer about it say, as tokens that can be compared.

Names of tags and of LaTeX commands are said by nobody. What an answer writes as a formula is soft: the page has it in
other letters, in another order.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from .document import Block, BlockKind
from .folding import stands_alone, tokens, word_tokens

_PART = re.compile(r"\d+|\D+")
_MARKUP = re.compile(r"</?(?:br|su[bp]|center)\s{0,3}/?>|\\[A-Za-z]+|&[a-z]{2,8};")
_MATH = re.compile(
    r"\\\((.{1,2000}?)\\\)|\\\[(.{1,4000}?)\\\]|\$\$(.{1,4000}?)\$\$|\$([^$\s][^$\n]{0,300}?)\$", re.DOTALL
)

MIXED = 0.8
"""Letters of which less than this share are of two scripts are nobody's text."""


class Said(NamedTuple):
    """Characters ``[start, end)`` of the block number ``block``.

    ``is_soft`` where the page may write it otherwise, ``is_glued`` where it is the second part of a word, or a later
    one, as the 7 of ``page7``.
    """

    folded: str
    start: int
    end: int
    block: int
    is_soft: bool = False
    is_glued: bool = False


class Heard(NamedTuple):
    """A token of the word number ``word``."""

    folded: str
    word: int
    is_glued: bool = False


def said_tokens(block: Block, number: int) -> list[Said]:
    """The tokens of block number ``number``, without the names of tags and LaTeX commands; numbers stand alone."""
    text = block.text
    if "<" in text or "\\" in text or "&" in text:
        text = _MARKUP.sub(lambda found: " " * len(found[0]), text)
    soft = list(_formulas(block))
    starts = [start for start, _ in soft]
    said: list[Said] = []
    for folded, start, end in tokens(text):
        at = bisect_right(starts, start) - 1 if starts else -1
        is_soft = at >= 0 and start < soft[at][1]
        # Of letters alone, or of digits alone, as nearly all are.
        if (folded.isalpha() and folded.isascii()) or folded.isdecimal():
            said.append(Said(folded, start, end, number, is_soft))
            continue
        is_exact = len(folded) == end - start
        for part in _PART.finditer(folded):
            first, last = (start + part.start(), start + part.end()) if is_exact else (start, end)
            said.append(Said(part[0], first, last, number, is_soft, is_glued=part.start() > 0))
    return said


def heard_tokens(words: Iterable[str]) -> list[Heard]:
    """The tokens of the page's words; OCR runs numbers and words together, so they are told apart on both sides."""
    return [Heard(part, at, is_glued) for at, word in enumerate(words) for part, is_glued in _heard_parts(word)]


@lru_cache(maxsize=4096)
def _heard_parts(word: str) -> tuple[tuple[str, bool], ...]:
    """The tokens of a word, and whether each is glued to the one before."""
    return tuple((part[0], part.start() > 0) for folded in word_tokens(word) for part in _PART.finditer(folded))


def _formulas(block: Block) -> Iterator[tuple[int, int]]:
    """Characters that are LaTeX. Bare numbers between its marks are not: the page writes them alike."""
    if block.kind is BlockKind.FORMULA:
        yield 0, len(block.text)
        return
    for found in _MATH.finditer(block.text) if "$" in block.text or "\\" in block.text else ():
        if any(map(str.isalpha, _MARKUP.sub("", found[0]))) or "^" in found[0] or "_" in found[0]:
            yield found.start(), found.end()


def letters_profile(texts: Iterable[str]) -> Counter[str]:
    """How often each letter occurs; digits are not counted."""
    counts = Counter("".join(texts))
    return Counter({letter: count for letter, count in counts.items() if letter.isalpha()})


def likeness(one: Counter[str], other: Counter[str]) -> float:
    """Cosine of two profiles: over 0.9 for two texts of one language, under 0.7 where glyphs stand for others."""
    shared = sum(count * other[letter] for letter, count in one.items())
    norms = sum(count * count for count in one.values()) * sum(count * count for count in other.values())
    return float(shared / norms**0.5) if norms else 0.0


def is_gibberish(profile: Counter[str]) -> bool:
    """Whether letters are of three scripts and more, as where glyphs have numbers of their own."""
    scripts = Counter[str]()
    for letter, count in profile.items():
        scripts[_script(letter)] += count
    return sum(count for _, count in scripts.most_common(2)) < MIXED * scripts.total()


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """The first word of the letter's name; what Japanese mixes is one script."""
    name = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH") else name


def weight(token: Said | Heard) -> float:
    """How much of a word a token is: a lone letter, as of formulas and of scripts without spaces, is half of one."""
    if token.is_glued:
        return 0.0
    return 0.5 if stands_alone(token.folded[0]) or (len(token.folded) == 1 and token.folded.isalpha()) else 1.0
