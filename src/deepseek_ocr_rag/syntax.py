"""Markdown's own signs: markers of list items, fences, and how plain text is kept from looking like them.

A page may well say "# 5 Elm Street" or "2019. That was", which markdown takes for a heading and an item. What markdown
is meant here is CommonMark with pipe tables, as markdown-it reads it. Every pattern is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

BULLETS = "•◦▪▫‣·●○■□◆➢➤✓"

_MARKER = re.compile(rf"\s*(?:([0-9]{{1,9}}[.)])(?=\s)|([-*+])(?=\s|\Z)|([{BULLETS}]))\s*")
_LINE = re.compile(r"([ \t]*)([^\r\n]*)(?:\r\n?|\n|\Z)")
_EMPTY_LINE = re.compile(r"(?:\n|\r\n|\r(?!\n))[ \t]*[\r\n]")
_RUN_OF_TICKS = re.compile(r"`{3,}")
_NUMBER = re.compile(r"([0-9]{1,9})[.)](?=[ \t]|\Z)")
_OPENS = re.compile(
    r"#{1,6}(?=[ \t]|\Z)|>|[-+*](?=[ \t]|\Z)|([-_*])(?:[ \t]*\1){2,}[ \t]*\Z|`{3,}(?=[^`]*\Z)|~{3,}|<!--"
)
_DEFINES = re.compile(r"\[(?:[^\\\[\]]|\\.)*(?:\]:|\Z)")
"""A link's definition, of which nothing is shown; it may go on in the next line."""
_UNDERLINES = re.compile(r"=+[ \t]*\Z|(?=[|: \t]*-)[|: \t-]+\Z")
"""What makes the line above a heading, or the head of a table."""
_COMMENT = re.compile(r"(?<![^\r\n])[ \t]*(?=<!--)")
_CLOSING = re.compile(r"(?<![^ \t])#+[ \t]*\Z")


class Marker(NamedTuple):
    """What a list item begins with."""

    text: str
    """Its number with "." or ")", or its bullet; empty where it has none."""
    start: int
    """Where the item's words begin."""

    @property
    def is_number(self) -> bool:
        """Whether items of this kind are numbered."""
        return self.text[:1].isdigit()

    @property
    def is_bullet(self) -> bool:
        """Whether it is a bullet as it is printed, which markdown does not know."""
        return self.text != "" and self.text in BULLETS


class Edit(NamedTuple):
    """Write ``text`` instead of the characters ``[start, end)``, which are white space or none at all."""

    start: int
    end: int
    text: str


def item_marker(text: str) -> Marker:
    """The marker of a list item. Letters ("a)"), Roman numbers and "1.1" are words: markdown has none such."""
    found = _MARKER.match(text)
    return Marker(found[1] or found[2] or found[3], found.end()) if found else Marker("", 0)


def fence_around(texts: Iterable[str]) -> str:
    """A line that begins and ends code, and is longer than any in it."""
    runs = (len(run) + 1 for text in texts for run in _RUN_OF_TICKS.findall(text))
    return "`" * max(runs, default=3)


def has_empty_line(text: str) -> bool:
    """Whether the text is more than one paragraph."""
    return _EMPTY_LINE.search(text) is not None


def plain_edits(text: str, *, in_list: bool = False, indent: str = "") -> Iterator[Edit]:
    """What keeps markdown from reading plain text that begins a line as anything but that.

    Args:
        text: Paragraphs.
        in_list: Whether they stand in an item of a list, whose lines may be the next item's.
        indent: What is written before all lines but the first.
    """
    goes_on = False
    for line in _LINE.finditer(text):
        blanks, words = line[1], line[2]
        if not words:
            goes_on = False
            continue
        start = line.start() + len(blanks)
        before = indent if line.start() else ""
        if before or (blanks and not goes_on):
            yield Edit(line.start(), start, before)
        at = _sign(words, goes_on=goes_on, in_list=in_list)
        if at >= 0:
            yield Edit(start + at, start + at, "\\")
        goes_on = True


def comment_edits(text: str) -> Iterator[Edit]:
    """What keeps the lines of a text from being comments, such as those that mark pages."""
    return (Edit(found.end(), found.end(), "\\") for found in _COMMENT.finditer(text))


def heading_edits(text: str) -> Iterator[Edit]:
    """What keeps the end of a heading from being taken for the signs that may close it."""
    return (Edit(found.start(), found.start(), "\\") for found in _CLOSING.finditer(text))


def _sign(words: str, *, goes_on: bool, in_list: bool) -> int:
    """Where the sign is that would open something in a line, or -1; ``goes_on`` is for a paragraph's later lines."""
    number = _NUMBER.match(words)
    if number:
        return number.end(1) if in_list or not goes_on or int(number[1]) == 1 else -1
    opens = _OPENS.match(words) or (_UNDERLINES if goes_on else _DEFINES).match(words)
    return 0 if opens else -1
