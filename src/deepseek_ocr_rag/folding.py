"""Text as bare letters and digits, for telling whether two readings of a page say the same.

Accents, ligatures, quotes, dashes, punctuation and case do not matter; every token knows the characters it was made of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

_RUN = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
"""What may be one token or several: ASCII's other characters part tokens always."""


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


def tokens(text: str) -> Sequence[Token]:
    """Runs of letters and digits with their places in the text; each character alone in scripts without spaces.

    Those of short texts are kept for the next time they are asked for: a page's lines are placed first, and then it is
    weighed.
    """
    return _kept_tokens(text) if len(text) <= _LONGEST_KEPT else _tokens(text)


def _tokens(text: str) -> list[Token]:
    if text.isascii():
        return [Token(run[0], *run.span()) for run in _RUN.finditer(text.lower())]
    found: list[Token] = []
    for run in _RUN.finditer(text):
        letters = run[0]
        if letters.isascii():
            found.append(Token(letters.lower(), *run.span()))
        else:
            found += _tokens_of_run(letters, run.start())
    return found


_LONGEST_KEPT = 4096
_kept_tokens = lru_cache(maxsize=128)(_tokens)


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


@lru_cache(maxsize=4096)
def word_tokens(text: str) -> tuple[str, ...]:
    """The tokens of a word, which is kept for the next time it comes."""
    return tuple([token.folded for token in _tokens(text)])


@lru_cache(maxsize=4096)
def is_mark(char: str) -> bool:
    """Whether a character is punctuation that can belong to a word; the border of a cell cannot."""
    return char != "|" and not char.isspace() and not fold(char)
