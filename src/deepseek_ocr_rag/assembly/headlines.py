"""What the words of a line tell about whether it can be a heading, apart from how it is printed."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache
from typing import Literal

from ..captions import OTHER_NAMES, OTHER_SIGNS, TABLE_NAMES, TABLE_SIGNS
from ..document import BlockKind
from ..syntax import BULLETS
from .numbering import number_of, without_number

LONGEST = 200
"""Longer texts are no headings; titles of papers have up to 200 characters."""

LONGEST_PLAIN = 100
"""Texts that no engine called a heading are not taken for one beyond this length."""

LONGEST_STOPPED, LONGEST_STOPPED_WIDE = 60, 14
"""Longer texts with a stop at the end are sentences; Chinese, Japanese and Korean ones say it with fewer signs."""

_CAPTION = re.compile(
    rf"[\[(【]?\s?(?:(?:{TABLE_NAMES}|{OTHER_NAMES}|exhibit)\s*(?:\d|[IVX]+\b|[A-Z]\.?\d)"
    rf"|[{TABLE_SIGNS}{OTHER_SIGNS}]\s*\d)",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"(?i:table|figure|chart|exhibit)\s\d+(?:\s[a-z]+){1,3}")
"""Small words right behind a number, without a stop: "Table 2 rules" is no caption."""
_ADDRESS = re.compile(r"https?://|www\.|\S@\S+\.\w|\bdoi\b", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\.\s?){4,}|[.…_]{4,}|…")
_DATE = re.compile(
    r"\W*(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|(?:\d{1,2}\.?\s+)?[^\W\d]{3,10}\.?\s+(?:\d{1,2},?\s+)?\d{4}"
    r"|\d{4}\s*年.{0,8})\W*"
)
_VERSION = re.compile(
    r"v(?:ersion)?\s?\d[\w.]{0,12}.{0,16}|\[?\d+(?:\.\d+){2}\]?\W{1,4}[\d./-]{6,12}\W*|(?:1[5-9]|20)\d\d", re.I
)
_SUM = re.compile(r"[^:：]{1,40}[:：]\s*(?:[€$£¥]\s?[\d.,]+|[\d.,]+\s?(?:[€$£¥]|[A-Z]{3}\b)).{0,4}")
_NO_ANSWER = re.compile(r"n\.?/?a\.?|none|nil|tb[acd]|not applicable|entfällt|néant|なし|없음", re.IGNORECASE)
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_ENDS_A_SENTENCE = re.compile(r"[.!?;,。！？；，、]['\"”’»)\]]*\s*\Z")
_ABBREVIATED = re.compile(r"\b(?:[^\W\d_]\.){1,4}\s*\Z|\b(?:inc|ltd|co|jr|sr|etc|corp|no)\.\s*\Z", re.IGNORECASE)


Doubt = Literal["dated", "small"]
"""Why a text alone is not taken for a heading though a row of such may be: a date or version, a small first letter."""


def doubt_of(text: str) -> Doubt | None:
    """The doubt about a text as a heading, if there is one."""
    words = " ".join(text.split())
    if any(pattern.fullmatch(words) for pattern in (_DATE, _VERSION)):
        return "dated"
    first = words.split(maxsplit=1)[0] if words else ""
    return "small" if words[:1].islower() and first == first.lower() and without_number(words) == words else None


def kind_instead(text: str, *, stands_out: bool = False, allowed: Container[str | None] = ()) -> BlockKind | None:
    """What a text is that an engine called a heading and whose words say that it is none; else None.

    ``stands_out`` says that its letters are larger than the text's: then it may begin in the middle of a sentence.
    ``allowed`` are the doubts (:func:`doubt_of`) that do not count, because several headings give them.
    """
    words = " ".join(text.split())
    if _CAPTION.match(words) and not _GOES_ON.fullmatch(words):
        return BlockKind.CAPTION
    if words[:1] in BULLETS:
        return BlockKind.LIST_ITEM
    if len(words) > LONGEST or any(said.search(words) for said in (_ADDRESS, _LEADERS)) or ends_like_a_sentence(words):
        return BlockKind.PARAGRAPH
    doubt = doubt_of(words)
    if doubt in allowed and doubt is not None:
        return None
    rest = without_number(words) or words  # "Chapter 3" may be all that there is
    is_value = _DATE.fullmatch(words) or _SUM.fullmatch(words) or _NO_ANSWER.fullmatch(words)
    if is_value or not _says_something(rest) or (doubt == "small" and not stands_out):
        return BlockKind.PARAGRAPH
    return None


def can_be_headline(text: str) -> bool:
    """Whether a text that no engine called a heading has the words of one: short, a title, not a sentence."""
    words = " ".join(text.split())
    return 0 < len(words) <= LONGEST_PLAIN and _is_worded_as_headline(words)


@lru_cache(maxsize=2048)
def _is_worded_as_headline(words: str) -> bool:
    """Kept for the short texts of the pages in hand: each is asked about when it is seen, and when it is settled."""
    if kind_instead(words) is not None or words.endswith((":", "：")):
        return False
    first = without_number(words)[:1]
    return not first.islower() and not _ENDS_A_SENTENCE.search(words)


def ends_like_a_sentence(text: str) -> bool:
    """Whether a text is a sentence, or the first half of one: by its end, and too long for a title that ends so."""
    if not has_stop(text):
        return False
    longest = LONGEST_STOPPED_WIDE if _WIDE.search(text) else LONGEST_STOPPED
    return text.rstrip()[-1] in ",;，；、" or len(text) > longest or text.count(". ") > (number_of(text) is not None)


def has_stop(text: str) -> bool:
    """Whether a text ends with a stop, a comma or the like that is not of an abbreviation."""
    return _ENDS_A_SENTENCE.search(text) is not None and _ABBREVIATED.search(text) is None


def is_lead_in(text: str) -> bool:
    """Whether a text announces what follows on: "Strategies:"."""
    return text.rstrip().endswith((":", "："))


def label_of(text: str) -> str:
    """What "Definition 3 (Metric)" and "Definition 4: Norm" have in common: the words in front, digits as ``#``."""
    words = re.split(r"[(:（：]", " ".join(text.split()), maxsplit=1)[0]
    return re.sub(r"\d+(?:\.\d+){0,5}", "#", words).strip().casefold()


def is_capital(text: str) -> bool:
    """Whether a text is written in capitals; a short one may be so because it is an abbreviation."""
    letters = list(filter(str.isalpha, without_number(text)))
    return len(letters) >= 5 and sum(map(str.isupper, letters)) >= 0.9 * len(letters)


def _says_something(text: str) -> bool:
    """Letters in it, and not too few of them, as in formulas and amounts."""
    signs = "".join(text.split())
    letters = sum(map(str.isalpha, signs))
    return letters > 0 and len(signs) <= 3 * letters
