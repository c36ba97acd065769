"""Text as bare letters and digits, for telling whether two readings of a page say the same.

Accents, ligatures, quotes, dashes, punctuation and case do not matter; every token knows the characters it was made of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

LONGEST_KEPT = 100
"""Longer words do not keep their tokens for the next time: they seldom come again, and may be huge."""

_BETWEEN = re.compile(r"([^0-9A-Za-z\x80-\u200f\u202a-\U0010ffff]+)")
"""ASCII's other characters, dashes and quotes part tokens always; what is between them may be one token or several."""


class Token(NamedTuple):
    """Characters ``[start, end)`` of a text, folded."""

    folded: str
    start: int
    end: int


@lru_cache(maxsize=8192)
def fold(char: str) -> str:
    """A character as bare lower-case letters and digits; empty for everything else.

    Accents are dropped, but not the vowel signs of India's scripts, which are letters in all but name.
    """
    plain = unicodedata.normalize("NFKD", char).casefold()
    return "".join(
        letter for letter in plain if letter.isalnum() or ("\u0900" <= letter <= "\u0dff" and _is_inner(letter))
    )


@lru_cache(maxsize=8192)
def stands_alone(char: str) -> bool:
    """Whether the script is written without spaces, so that a character is as much of a word as can be told."""
    return any(
        low <= char <= high for low, high in (("\u0e00", "\u109f"), ("\u1780", "\u17ff"), ("\u3040", "\u9fff"))
    ) or ("\U00020000" <= char <= "\U0003ffff")


@lru_cache(maxsize=8192)
def _is_inner(char: str) -> bool:
    """Whether a character that is no letter stands inside a word: marks, soft hyphens, joiners."""
    return unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")


class Tokens(NamedTuple):
    """All tokens of a text, column by column, which take a third of the time of objects; not to be changed."""

    folded: Sequence[str]
    starts: Sequence[int]
    ends: Sequence[int]

    def part(self, first: int, last: int) -> Tokens:
        """The tokens number ``[first, last)``."""
        return Tokens(self.folded[first:last], self.starts[first:last], self.ends[first:last])


def tokens(text: str) -> Sequence[Token]:
    """Runs of letters and digits with their places in the text; each character alone in scripts without spaces."""
    return list(map(Token, *token_columns(text)))


def token_columns(text: str) -> Tokens:
    """The :func:`tokens` of a text, in columns."""
    is_ascii = text.isascii()
    pieces = _BETWEEN.split(text.lower() if is_ascii else text)  # a run, what is between, the next run...
    bounds = [0, *accumulate(map(len, pieces))]
    present = slice(not pieces[0], len(pieces) // 2 + bool(pieces[-1]))  # the first run and the last one may be empty
    runs = Tokens(pieces[::2][present], bounds[::2][present], bounds[1::2][present])
    return runs if is_ascii else _folded_runs(runs)


def _folded_runs(runs: Tokens) -> Tokens:
    """The tokens of runs of which some are not ASCII."""
    folded = list(map(str.lower, runs.folded))
    for at in [at for at, run in enumerate(runs.folded) if not run.isascii()]:
        letters = list(map(fold, runs.folded[at]))
        if not all(letters) or any(map(stands_alone, runs.folded[at])):
            return _parted(runs)
        folded[at] = "".join(letters)  # a word with an accent or a ligature
    return runs._replace(folded=folded)


def _parted(runs: Tokens) -> Tokens:
    """The tokens of runs of which each may be none, one or several."""
    found: list[Token] = []
    for run, start, end in zip(*runs, strict=True):
        if run.isascii():
            found.append(Token(run.lower(), start, end))
        else:
            found += _tokens_of_run(run, start)
    columns = zip(*found, strict=True) if found else ((), (), ())
    return Tokens(*map(list, columns))


def _tokens_of_run(run: str, first: int) -> Iterator[Token]:
    """The tokens of characters that begin at ``first`` in a text."""
    folded, start, end = "", 0, 0
    for at, char in enumerate(run, start=first):
        letters = fold(char)
        if not letters and _is_inner(char):
            continue
        if folded and (not letters or stands_alone(char)):
            yield Token(folded, start, end)
            folded = ""
        if letters and not folded:
            start = at
        folded, end = folded + letters, at + 1
        if letters and stands_alone(char):
            yield Token(folded, start, end)
            folded = ""
    if folded:
        yield Token(folded, start, end)


def word_tokens(text: str) -> tuple[str, ...]:
    """The tokens of a word, which is kept for the next time it comes."""
    return _kept_tokens(text) if len(text) <= LONGEST_KEPT else _tokens_of(text)


def _tokens_of(text: str) -> tuple[str, ...]:
    if text.isascii() and text.isalnum():  # as most are
        return (text.lower(),)
    return tuple(token_columns(text).folded)


_kept_tokens = lru_cache(maxsize=4096)(_tokens_of)


@lru_cache(maxsize=4096)
def is_mark(char: str) -> bool:
    """Whether a character is punctuation that can belong to a word; the border of a cell cannot."""
    return char != "|" and not char.isspace() and not fold(char)
