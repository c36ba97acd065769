"""Numbers in front of headings: 1.2, IV., A., (a), Chapter 3, § 5, 第一章, and how deep each of them stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

ROMAN = r"(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
"""Roman numbers up to 89, upper case."""

Style = Literal["part", "chapter", "appendix", "section", "article", "roman", "letter", "decimal", "paren"]

_CJK = r"[一二三四五六七八九十百零〇两\d]{1,5}"
_COUNT = r"(?:\d{1,3}|[IVXLC]{1,7}|[A-Z])\b(?!['’])"
_WORDS: tuple[tuple[re.Pattern[str], Style], ...] = (
    (re.compile(rf"(?:part|teil|partie|parte|часть)\s+{_COUNT}|第\s*{_CJK}\s*[部篇编編]", re.I), "part"),
    (
        re.compile(
            rf"(?:chapter|kapitel|chapitre|cap[ií]tulo|capitolo|hoofdstuk|глава)\s+{_COUNT}|第\s*{_CJK}\s*章", re.I
        ),
        "chapter",
    ),
    (re.compile(rf"(?:appendix|anhang|annexe?|anexo|allegato|приложение|附录|附錄)\s*{_COUNT}", re.I), "appendix"),
    (
        re.compile(rf"(?:section|abschnitt|secci[oó]n|sezione)\s+{_COUNT}|§+\s*\d+|第\s*{_CJK}\s*[节節]", re.I),
        "section",
    ),
    (re.compile(rf"(?:article|artikel|art[ií]culo|articolo)\s+{_COUNT}|第\s*{_CJK}\s*[条條]", re.I), "article"),
)
"""Words and signs that number a heading; looked up in this order."""

_DECIMAL = re.compile(r"([A-Z]|\d{1,3})((?:\.\d{1,3}){0,5})([.)]?)(?:\s+(?=\S)|\s*\Z|(?<=\d[.)])(?=[^\W\d]))")
_ROMAN_NUMBER = re.compile(rf"({ROMAN})([.)]?)\s+(?=\S)")
_IN_PARENTHESES = re.compile(r"\((?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})\)\s+(?=\S)|[a-z]\)\s+(?=\S)")
_COUNTED = re.compile(r"[^\W\d_]{3,20}\s+(\d{1,3}(?:\.\d{1,3}){1,5})[.:)]?\s+(?=\S)")
"""A word of the document's own before its numbers: "Strategy 1.2.3 Leasing"."""

_NOT_COUNTED = re.compile(
    r"(?:fig|tab|eq|abb|gl|satz|theorem|lemma|defin|corol|propos|beispiel|exampl|listing|v)", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """The number in front of a heading; ``depth`` counts the parts of a decimal one, and is 1 for all others."""

    style: Style
    text: str
    depth: int = 1
    is_plain: bool = False
    """A bare whole number or letter that may as well be a quantity or a word: "14 claims"."""


def number_of(text: str) -> Number | None:
    """The number that a heading begins with, or None; "A long way" and "2024 in figures" begin with words."""
    for pattern, style in _WORDS:
        if match := pattern.match(text):
            return Number(style=style, text=match[0].split()[-1])
    return _roman(text) or _decimal(text) or _worded(text)


def _roman(text: str) -> Number | None:
    match = _ROMAN_NUMBER.match(text)
    if match is None:
        return None
    roman, mark = match.groups()
    # L numbers a twelfth subsection more often than a fiftieth section; "I" without a point is a word.
    return Number(style="roman", text=roman) if len(roman) > 1 or (roman in "IVX" and mark) else None


def _decimal(text: str) -> Number | None:
    match = _DECIMAL.match(text)
    if match is None:
        return None
    first, further, mark = match.groups()
    if first.isalpha() and not further:
        return Number(style="letter", text=first) if mark else None
    style: Style = "letter" if first.isalpha() else "decimal"
    return Number(style=style, text=first + further, depth=1 + further.count("."), is_plain=not further and not mark)


def _worded(text: str) -> Number | None:
    if match := _IN_PARENTHESES.match(text):
        return Number(style="paren", text=match[0].strip())
    match = _COUNTED.match(text)
    if match is None or _NOT_COUNTED.match(text):
        return None
    return Number(style="decimal", text=match[1], depth=1 + match[1].count("."))


def without_number(text: str) -> str:
    """A heading's words without the number in front."""
    if number_of(text) is None:
        return text
    for pattern in (*(pattern for pattern, _ in _WORDS), _COUNTED, _ROMAN_NUMBER, _DECIMAL, _IN_PARENTHESES):
        if match := pattern.match(text):
            return text[match.end() :].lstrip(" .:–—-\t")
    return text
