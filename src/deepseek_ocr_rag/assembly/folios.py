"""Printed page numbers: what a text in the margin says of them, and whether the pages around agree.

One number in a margin proves nothing: it may be a total, a date or a postcode. Numbers that grow from page to page as
the pages do are page numbers, wherever the counting began and whatever stands around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .numbering import roman_value

LONGEST_RUNNING_HEAD = 120
"""Longer texts are not searched for a page number."""

_ROMAN = r"(?=[ivxlc])c?(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})"
_NUMBER = rf"(?:(?:[A-Z]{{1,3}}|\d{{1,2}})[-–]\d{{1,3}}|\d{{1,4}}|{_ROMAN}|{_ROMAN.upper()})"
_WORD = r"(?i:page|seite|pagina|página|pág|pag|strona|str|sida|side|sayfa|стр|с|σελ|صفحة|p|s)"
_OF = rf"(?:\s*(?:/|(?i:of|von|sur|de|di|из))\s*(?:\d{{1,4}}|{_ROMAN})|\s*[,，/]?\s*共\s*\d{{1,4}}\s*[页頁]?)?"
_PAGE = rf"(?:{_WORD}\b\W{{0,3}})?"
_ALONE = re.compile(
    rf"\W{{0,8}}(?:{_WORD}\b\W{{0,3}})?(?:第\s*)?(?P<number>{_NUMBER})(?:\s*[页頁쪽ページ]{{1,3}})?{_OF}\W{{0,8}}"
)
_AT_START = re.compile(rf"\W{{0,3}}{_PAGE}(?P<number>{_NUMBER})(?=[\s|·•—–])")
_AT_END = re.compile(rf"(?:(?<=[\s|·•—–])|\A)(?P<number>{_NUMBER}){_OF}\W{{0,3}}\Z")
_RUN = re.compile(r"(?<!\d)(?<!\d[-–.,:/])\d{1,9}(?!\d|[-–.,:]\d)")
"""A whole number by itself, which is no part of an amount, a date or a longer number."""

_MONTHS = (
    r"(?:jan(?:uar[yi]?|vier)?|feb(?:ruar[yi]?)?|février|m[aä]r(?:ch|z|s)?|apr(?:il)?|avril|ma[iy]|jun[ei]?|juin|jul[yi]?"
    r"|juillet|aug(?:ust)?|août|sept?(?:ember|embre)?|o[ck]t(?:ober|obre)?|nov(?:ember|embre)?|d[eé][cz](?:ember|embre)?"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)\b"
)
_ONE_WORD = re.compile(rf"\W*(?!{_WORD}\b)[^\W\d_]{{1,30}}[\s.:]*")
_NAMED = re.compile(rf"(?:\b(?:{_MONTHS}|n[°or]|nos|num|number|nummer|núm)\W{{0,3}}|[#№]\s?)\Z", re.IGNORECASE)
"""In front of a number that is a name rather than a count of pages: "Article 7", "January 12", "Invoice No. 8"."""

_LONGEST_NAMED, _LONGEST_WORD = 16, 40
_IN_DATE = re.compile(rf"\W{{0,3}}{_MONTHS}", re.IGNORECASE)
_MOST_RUNS = 8
_PREFIXED = re.compile(r"(.+[-–])(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folio:
    """A number that may be a page's own. ``series`` tells countings apart: plain, roman, or with a prefix ("A-")."""

    series: str
    value: int
    label: str

    def offset(self, page_number: int) -> tuple[str, int]:
        """What is the same for all pages of one counting."""
        return self.series, self.value - page_number


def folio_alone(text: str) -> Folio | None:
    """The page number that a text is, with nothing but words such as "page" around it, or None."""
    match = _ALONE.fullmatch(text.strip()) if len(text) <= LONGEST_RUNNING_HEAD else None
    return _folio(match["number"]) if match else None


def folios(text: str) -> Iterator[Folio]:
    """The numbers at both ends of a running head or foot, or the one that it is."""
    text = " ".join(text.split()) if len(text) <= LONGEST_RUNNING_HEAD else ""
    if alone := folio_alone(text):
        yield alone
        return
    for match in (_AT_START.match(text), _AT_END.search(text)):
        if match and not _is_name(text, match.start("number"), match.end("number")):
            yield _folio(match["number"])


def counted(text: str, page_number: int) -> Iterator[str]:
    """The text with one of its numbers as the distance from the page's: the same on all pages if that one counts.

    All else stays as it is, since amounts, dates and other numbers are what a text says.
    """
    if len(text) > LONGEST_RUNNING_HEAD:
        return
    places = [match.span() for match in _RUN.finditer(text)][:_MOST_RUNS]
    for start, end in places:
        if not _is_name(text, start, end):
            yield f"{text[:start]}\0{int(text[start:end]) - page_number}{text[end:]}"
    for match in (_AT_START.match(text), _AT_END.search(text)):
        # Upper case Roman numbers are those of parts, volumes and kings.
        if match and match.span("number") not in places and not match["number"].isupper():
            series, offset = _folio(match["number"]).offset(page_number)
            yield f"{text[: match.start('number')]}\0{series}{offset}{text[match.end('number') :]}"


def countings(pages: Iterable[tuple[int, Iterable[Folio]]], *, enough: int) -> dict[tuple[str, int], list[int]]:
    """The countings that ``enough`` of the pages agree on: series and offset, with the numbers of those pages.

    Pages come in their order, each with all of its numbers at once or in turn.
    """
    agreeing: dict[tuple[str, int], list[int]] = {}
    for number, found in pages:
        for counting in sorted({folio.offset(number) for folio in found}):
            numbers = agreeing.setdefault(counting, [])
            if number not in numbers[-1:]:
                numbers.append(number)
    return {counting: numbers for counting, numbers in agreeing.items() if len(numbers) >= enough}


def printed_label(number: int, own: Sequence[Folio], known: Mapping[tuple[str, int], Sequence[int]]) -> str | None:
    """What is printed on the page, by its own numbers, or by the pages on both sides of it where it has none.

    Args:
        number: Place of the page in the document.
        own: The numbers on the page, those standing alone first.
        known: The countings of the pages around.
    """
    for folio in own:
        if folio.offset(number) in known:
            return folio.label
    for (series, offset), numbers in known.items():
        # Nothing but counting on gives the number of a page without one; Roman numbers are not worth their rules.
        if series != "roman" and min(numbers) < number < max(numbers):
            return f"{series}{number + offset}"
    return None


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether what stands around a number tells that it names or dates something; counters have leading zeros."""
    if text.startswith("00", start):
        return False
    if not text[:start].strip(" (") and text[end : end + 1] in (".", ")"):
        return True
    if _NAMED.search(text[max(0, start - _LONGEST_NAMED) : start]) or _IN_DATE.match(text, end):
        return True
    return start <= _LONGEST_WORD and _ONE_WORD.fullmatch(text[:start]) is not None


def _folio(written: str) -> Folio:
    if prefixed := _PREFIXED.fullmatch(written):
        return Folio(series=prefixed[1], value=int(prefixed[2]), label=written)
    if written.isdecimal():
        return Folio(series="", value=int(written), label=written)
    return Folio(series="roman", value=roman_value(written), label=written)
