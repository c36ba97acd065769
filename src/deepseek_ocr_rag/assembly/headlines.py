"""What the words of a line tell about whether it can be a heading, apart from how it is printed."""

from __future__ import annotations

import re

from ..document import BULLETS, BlockKind
from .numbering import number_of, without_number

LONGEST = 200
"""Longer texts are no headings; titles of papers have up to 200 characters."""

LONGEST_PLAIN = 100
"""Texts that no engine called a heading are not taken for one beyond this length."""

_CAPTION = re.compile(
    r"[\[(【]?\s?(?:fig(?:ure|ura|\.)?|table|tab\.?|tabelle|tableau|tabla|tabella|abb(?:ildung|\.)?|chart|scheme|listing|exhibit)"
    r"\s*(?:\d|[IVX]+\b|[A-Z]\.?\d)|[\[(【]?\s?[图圖表표図]\s*\d",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://|www\.|\S@\S+\.\w|\bdoi\b", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\.\s?){4,}|[.…_]{4,}|…")
_DATE = re.compile(
    r"\W*(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|(?:\d{1,2}\.?\s+)?[^\W\d]{3,10}\.?\s+(?:\d{1,2},?\s+)?\d{4}"
    r"|\d{4}\s*年.{0,8})\W*"
)
_ENDS_A_SENTENCE = re.compile(r"[.!?;,。！？；，、]['\"”’»)\]]*\s*\Z")
_ABBREVIATED = re.compile(r"\b(?:[^\W\d_]\.){1,4}\s*\Z|\b(?:inc|ltd|co|jr|sr|etc|corp|no)\.\s*\Z", re.IGNORECASE)


def kind_instead(text: str, *, stands_out: bool = False) -> BlockKind | None:
    """What a text is that an engine called a heading and whose words say that it is none; else None.

    ``stands_out`` says that its letters are larger than the text's: then it may begin in the middle of a sentence.
    """
    words = " ".join(text.split())
    if _CAPTION.match(words):
        return BlockKind.CAPTION
    if words[:1] in BULLETS:
        return BlockKind.LIST_ITEM
    if len(words) > LONGEST or _ADDRESS.search(words) or _LEADERS.search(words) or _DATE.fullmatch(words):
        return BlockKind.PARAGRAPH
    rest = without_number(words) or words  # "Chapter 3" may be all that there is
    if (
        not _says_something(rest)
        or ends_like_a_sentence(words)
        or (rest[:1].islower() and rest == words and not stands_out)
    ):
        return BlockKind.PARAGRAPH
    return None


def can_be_headline(text: str) -> bool:
    """Whether a text that no engine called a heading has the words of one: short, a title, not a sentence."""
    words = " ".join(text.split())
    if not words or len(words) > LONGEST_PLAIN or kind_instead(words) is not None or words.endswith((":", "：")):
        return False
    first = without_number(words)[:1]
    return not first.islower() and not _ENDS_A_SENTENCE.search(words)


def ends_like_a_sentence(text: str) -> bool:
    """Whether a text is a sentence, or the first half of one: by its end, and too long for a title that ends so."""
    if not _ENDS_A_SENTENCE.search(text) or _ABBREVIATED.search(text):
        return False
    return text.rstrip()[-1] in ",;，；、" or len(text) > 60 or text.count(". ") > (number_of(text) is not None)


def is_lead_in(text: str) -> bool:
    """Whether a text announces what follows on: "Strategies:"."""
    return text.rstrip().endswith((":", "："))


def label_of(text: str) -> str:
    """What "Definition 3 (Metric)" and "Definition 4: Norm" have in common: the words in front, digits as ``#``."""
    words = re.split(r"[(:（：]", " ".join(text.split()), maxsplit=1)[0]
    return re.sub(r"\d+(?:\.\d+){0,5}", "#", words).strip().casefold()


def is_capital(text: str) -> bool:
    """Whether a text is written in capitals; a short one may be so because it is an abbreviation."""
    letters = [char for char in without_number(text) if char.isalpha()]
    capitals = sum(char.isupper() for char in letters)
    return len(letters) >= 5 and capitals >= 0.9 * len(letters)


def _says_something(text: str) -> bool:
    """Letters in it, and not too few of them, as in formulas and amounts."""
    signs = [char for char in text if not char.isspace()]
    letters = sum(char.isalpha() for char in signs)
    return letters > 0 and len(signs) <= 3 * letters
