"""What a page and an answer about it say, as tokens that can be compared.

Names of tags and of LaTeX commands are said by nobody. What an answer writes as a formula is soft: the page has it in
other letters, in another order.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain, pairwise
from typing import NamedTuple

from .document import Block, BlockKind
from .folding import LONGEST_KEPT, stands_alone, tokens, word_tokens

_PART = re.compile(r"\d+|\D+")
_MARKUP = re.compile(r"</?(?:br|su[bp]|center)\s{0,3}/?>|\\[A-Za-z]+|&[a-z]{2,8};")
_MATH = re.compile(
    r"\\\((.{1,2000}?)\\\)|\\\[(.{1,4000}?)\\\]|\$\$(.{1,4000}?)\$\$|\$([^$\s][^$\n]{0,300}?)\$", re.DOTALL
)

MIXED = 0.8
"""Letters of which less than this share are of two scripts are nobody's text."""


class SaidToken(NamedTuple):
    """A token and the characters ``[start, end)`` of its block's text.

    ``is_soft`` where the page may write it otherwise, ``is_glued`` where it is the second part of a word, or a later
    one, as the 7 of ``page7``.
    """

    folded: str
    start: int
    end: int
    is_soft: bool = False
    is_glued: bool = False


class Tokens:
    """Tokens of words or of blocks, one after another, in columns: objects would take three times as long.

    Attributes:
        folded: What each token says.
        sizes: Letters of each.
    """

    __slots__ = ("_begins", "folded", "sizes")

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        """Tokens by the words, or blocks, that they are of."""
        self._begins = list(accumulate(map(len, parts), initial=0))
        self.folded = list(chain.from_iterable(parts))
        self.sizes = list(map(len, self.folded))

    def __len__(self) -> int:
        return len(self.folded)

    def owner(self, at: int) -> int:
        """The number of the word, or block, that a token is of."""
        return bisect_right(self._begins, at) - 1

    def texts(self, places: Sequence[int]) -> list[str]:
        """What the tokens at these places say; of a range quicker than of a list."""
        folded = self.folded
        return folded[places.start : places.stop] if isinstance(places, range) else [folded[at] for at in places]

    def letters(self, places: Sequence[int]) -> int:
        """How many letters the tokens at these places have."""
        sizes = self.sizes
        return sum(sizes[places.start : places.stop] if isinstance(places, range) else [sizes[at] for at in places])


class Said(Tokens):
    """The tokens of an answer's blocks; numbers stand alone.

    Where each of them stands in its block is found out for the blocks that are asked for: most are never doubted.

    Attributes:
        is_literal: 1 for each that the page writes alike, 0 for those of formulas.
    """

    __slots__ = ("_blocks", "_formulas", "_tokens", "is_literal")

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._formulas = [list(_formulas(block)) for block in blocks]
        self._tokens: dict[int, list[SaidToken]] = {}
        self.is_literal = bytearray()
        parts: list[list[str]] = []
        for number, block in enumerate(blocks):
            words = _bare(block.text).split()
            if self._formulas[number] or max(map(len, words), default=0) > LONGEST_KEPT:
                parts.append([token.folded for token in self._of_block(number)])
                self.is_literal += bytes([not token.is_soft for token in self._of_block(number)])
            else:
                parts.append(list(chain.from_iterable(map(_kept_parts, words))))
                self.is_literal += b"\1" * len(parts[-1])
        super().__init__(parts)

    def of_block(self, number: int) -> range:
        """The tokens of a block."""
        return range(self._begins[number], self._begins[number + 1])

    def token(self, at: int) -> SaidToken:
        """A token with its place in its block."""
        block = self.owner(at)
        return self._of_block(block)[at - self._begins[block]]

    def weight(self, at: int) -> float:
        """How much of a word a token is, see :func:`_weight`."""
        return _weight(self.folded[at], is_glued=self.token(at).is_glued)

    def _of_block(self, number: int) -> list[SaidToken]:
        if number not in self._tokens:
            self._tokens[number] = _said_tokens(self._blocks[number].text, self._formulas[number])
        return self._tokens[number]


class Heard(Tokens):
    """The tokens of the page's words; OCR runs numbers and words together, so they are told apart on both sides."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        super().__init__([_kept_parts(text) if len(text) <= LONGEST_KEPT else _parts(text) for text in texts])

    @property
    def words(self) -> list[int]:
        """The numbers of the words that have tokens."""
        return [word for word, (begin, end) in enumerate(pairwise(self._begins)) if begin < end]

    def of_words(self, words: Sequence[int]) -> Sequence[int]:
        """The tokens of words in ascending order; a range where they follow each other, as they mostly do."""
        begins = self._begins
        if words and words[-1] - words[0] == len(words) - 1:
            return range(begins[words[0]], begins[words[-1] + 1])
        return [at for word in words for at in range(begins[word], begins[word + 1])]

    def weight(self, at: int) -> float:
        """How much of a word a token is, see :func:`_weight`."""
        word = self.owner(at)
        place = at - self._begins[word]
        return _weight(self.folded[at], is_glued=place > 0 and _glued(self._texts[word])[place])


def _bare(text: str) -> str:
    """A text with spaces for the names of tags and LaTeX commands."""
    if "<" in text or "\\" in text or "&" in text:
        return _MARKUP.sub(lambda found: " " * len(found[0]), text)
    return text


def _said_tokens(text: str, soft: Sequence[tuple[int, int]]) -> list[SaidToken]:
    """The tokens of a block's text, in which some stretches are formulas."""
    starts = [start for start, _ in soft]
    said: list[SaidToken] = []
    for folded, start, end in tokens(_bare(text)):
        at = bisect_right(starts, start) - 1
        is_soft = at >= 0 and start < soft[at][1]
        # Of letters alone, or of digits alone, as nearly all are.
        if (folded.isalpha() and folded.isascii()) or folded.isdecimal():
            said.append(SaidToken(folded, start, end, is_soft))
            continue
        is_exact = len(folded) == end - start
        for part in _PART.finditer(folded):
            first, last = (start + part.start(), start + part.end()) if is_exact else (start, end)
            said.append(SaidToken(part[0], first, last, is_soft, is_glued=part.start() > 0))
    return said


def _parts(word: str) -> tuple[str, ...]:
    """The tokens of a word, with its numbers apart."""
    return tuple([part for folded in word_tokens(word) for part in _PART.findall(folded)])


_kept_parts = lru_cache(maxsize=4096)(_parts)
"""The same, kept for the next time that the word comes, on either side."""


def _glued(word: str) -> list[bool]:
    """Whether each of a word's tokens is glued to the one before."""
    return [part.start() > 0 for folded in word_tokens(word) for part in _PART.finditer(folded)]


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


def _weight(folded: str, *, is_glued: bool) -> float:
    """How much of a word a token is: a lone letter, as of formulas and of scripts without spaces, is half of one."""
    if is_glued:
        return 0.0
    return 0.5 if stands_alone(folded[0]) or (len(folded) == 1 and folded.isalpha()) else 1.0
