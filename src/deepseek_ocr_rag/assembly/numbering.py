"""Numbers in front of headings: 1.2, IV., A., (a), Chapter 3, § 5, 第一章, 一、, and how deep each of them stands."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

_ROMAN = r"(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
"""Roman numbers up to 89, upper case."""

_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}

Style = Literal[
    "book",
    "part",
    "title",
    "chapter",
    "appendix",
    "section",
    "article",
    "paragraph",
    "roman",
    "letter",
    "decimal",
    "cjk",
    "cjk_paren",
    "paren",
]

LONGEST_IDEOGRAPHS = 40
"""Characters of a text that is a heading for a number like 一、 in front."""

MOST_NUMBERS = 4096
_MOST_READ = 80
"""Characters in which a number stands."""

_IDEOGRAPHS = r"[一二三四五六七八九十百零〇两]{1,5}"
_CJK = r"[一二三四五六七八九十百零〇两\d]{1,5}"
_COUNT = r"(?:\d{1,3}|[IVXLC]{1,7}|[A-Z])\b(?!['’])"
_ROMAN_COUNT = r"(?:\d{1,3}|[IVXLC]{1,7})\b(?!['’])"
_NTH = r"(?:erst|zweit|dritt|viert|fünft|sechst|siebt|acht|neunt|zehnt|elft|zwölft)e[rs]?\s+"
_ARABIC = r"\s+(?:\d{1,3}|ال(?:أول|اول|ثاني|ثالث|رابع|خامس|سادس|سابع|ثامن|تاسع|عاشر|حادي|تمهيدي))"
_WORDED: tuple[tuple[str, Style], ...] = (
    (rf"(?:book|buch|livre|libro)\s+{_ROMAN_COUNT}|{_NTH}buch\b|第\s*{_CJK}\s*[编編]|الكتاب{_ARABIC}\w*", "book"),
    (rf"(?:part|teil|partie|parte|часть)\s+{_COUNT}|{_NTH}teil\b|第\s*{_CJK}\s*[部篇]|الباب{_ARABIC}\w*", "part"),
    (rf"(?:title|titel|titre|t[ií]tulo|titolo)\s+{_ROMAN_COUNT}|{_NTH}titel\b", "title"),
    (
        rf"(?:chapter|kapitel|chapitre|cap[ií]tulo|capitolo|hoofdstuk|глава)\s+{_COUNT}|{_NTH}kapitel\b"
        rf"|第\s*{_CJK}\s*章|الفصل{_ARABIC}\w*",
        "chapter",
    ),
    (rf"(?:appendix|anhang|annexe?|anexo|allegato|приложение|附录|附錄)\s*{_COUNT}", "appendix"),
    (
        rf"(?:section|abschnitt|secci[oó]n|sezione)\s+{_COUNT}|sec\.\s*\d{{1,4}}\b|{_NTH}abschnitt\b"
        rf"|第\s*{_CJK}\s*[节節]|المبحث{_ARABIC}\w*",
        "section",
    ),
    (
        rf"(?:article|artikel|art[ií]culo|articolo)\s+{_COUNT}|第\s*{_CJK}\s*[条條]|المادة{_ARABIC}\w*",
        "article",
    ),
    (r"§+\s*\d+[a-z]?\b", "paragraph"),
)
_NTH_FIRST = re.compile(_NTH, re.IGNORECASE)
_WORDS = tuple((re.compile(pattern, re.IGNORECASE), style) for pattern, style in _WORDED)
"""Words and signs that number a heading; looked up in this order."""

_DECIMAL = re.compile(r"([A-Z]|\d{1,3})((?:\.\d{1,3}){0,5})([.)]?)(?:\s+(?=\S)|\s*\Z|(?<=\d[.)])(?=[^\W\d]))")
_ROMAN_NUMBER = re.compile(rf"({_ROMAN})([.)]?)\s+(?=\S)")
_IN_PARENTHESES = re.compile(r"\((?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})\)\s+(?=\S)|[a-z]\)\s+(?=\S)|（\d{1,2}）\s*(?=\S)")
_IDEOGRAPHIC = re.compile(rf"{_IDEOGRAPHS}\s?[、．.]\s*(?=\S)")
_IDEOGRAPHIC_IN_PARENTHESES = re.compile(rf"[（(]\s?{_IDEOGRAPHS}\s?[)）]\s*(?=\S)")
_IDEOGRAPHIC_STYLES: tuple[tuple[re.Pattern[str], Style], ...] = (
    (_IDEOGRAPHIC, "cjk"),
    (_IDEOGRAPHIC_IN_PARENTHESES, "cjk_paren"),
)
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


class Numbers:
    """The numbers of a document's headings so far, which tell whether a number in front of a text is one, too."""

    def __init__(self) -> None:
        self._plain: set[str] = set()
        self._all: set[str] = set()
        self._of_texts: defaultdict[Style, set[str]] = defaultdict(set)

    def count(self, number: Number) -> None:
        """Take in the number of a heading."""
        if len(self._all) < MOST_NUMBERS:
            self._all.add(number.text)
            if number.is_plain:
                self._plain.add(number.text)

    def count_text(self, text: str) -> None:
        """Take in a text that is numbered as Chinese headings are, which models often write as texts."""
        number = number_of(text)
        if number is not None and number.style in ("cjk", "cjk_paren") and len(text) <= LONGEST_IDEOGRAPHS:
            self._of_texts[number.style].add(number.text)

    def is_one(self, number: Number) -> bool:
        """Whether a number is one and not a quantity: a bare one has a neighbour that numbers a heading."""
        if not number.is_plain or not number.text.isdecimal():
            return True
        value = int(number.text)
        return value == 1 or bool({str(value - 1), str(value + 1)} & self._plain)

    def is_expected(self, number: Number, text: str) -> bool:
        """Whether a number is enough to make a heading of a text: 2.1 if there is a 2, 一、 if 二、 is there, too."""
        if number.style == "decimal":
            parts = number.text.split(".")
            return any(".".join(parts[:depth]) in self._all for depth in range(1, len(parts)))
        return len(text) <= LONGEST_IDEOGRAPHS and len(self._of_texts[number.style]) > 1


def roman_value(written: str) -> int:
    """What a Roman number of the letters up to C stands for, in any case and however it is put together."""
    values = [_ROMAN_VALUES[letter] for letter in written.lower()]
    return sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))


def number_of(text: str) -> Number | None:
    """The number that a heading begins with, or None; "A long way" and "2024 in figures" begin with words."""
    return _number_of(text[:_MOST_READ])


@lru_cache(maxsize=4096)
def _number_of(text: str) -> Number | None:
    for pattern, style in _WORDS:
        if match := pattern.match(text):
            said = match[0].split()
            return Number(style=style, text=said[0] if _NTH_FIRST.match(text) else said[-1])
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
    for pattern, style in _IDEOGRAPHIC_STYLES:
        if match := pattern.match(text):
            return Number(style=style, text=match[0].strip())
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
    styled = (pattern for pattern, _ in (*_WORDS, *_IDEOGRAPHIC_STYLES))
    for pattern in (*styled, _COUNTED, _ROMAN_NUMBER, _DECIMAL, _IN_PARENTHESES):
        if match := pattern.match(text):
            return text[match.end() :].lstrip(" .:：–—-\t、")
    return text
