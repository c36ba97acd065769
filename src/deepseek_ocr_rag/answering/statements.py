"""The sentences of an answer in markdown, while it grows: which of them a marker stands at, and which make a claim."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..chunking.breaks import ends_sentence, sentences

LONGEST_LINE = 1500
"""Characters of a line, from its end, in which sentences are looked for: models do not write longer ones."""

_LEAST_WORDS = 3
"""Words of a part of a sentence, between two markers, under which the whole sentence is meant."""

_OPENING = re.compile(r"(?:[ \t]|>|\#{1,6}[ \t]|[-*+•][ \t]|\d{1,3}[.)][ \t]|\|){0,40}")
_HEADING = re.compile(r"[ \t]{0,3}\#{1,6}[ \t]")
_FENCE = re.compile(r"[ \t]{0,12}(?:[-*+>][ \t])?(`{3,}|~{3,})")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_JOINT = re.compile(r"[\s,;:.!?)]*(?:(?:and|but|while|und|et|y)\b)?\s*", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_SAYS = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class Statement:
    """Characters ``[start, end)`` of the answer, and what they say."""

    start: int
    end: int
    text: str


class AnswerText:
    """The text of an answer so far; it goes on by pieces of lines."""

    def __init__(self) -> None:
        self.length = 0
        self.last: Statement | None = None
        """The last sentence of the lines before this one."""
        self._parts: list[str] = []
        self._line = ""
        self._marked = 0
        self._claim: Statement | None = None

    @property
    def whole(self) -> str:
        """All of it."""
        return "".join(self._parts)

    def add(self, piece: str) -> None:
        """Go on by some characters of one line, its end included or not."""
        self._parts.append(piece)
        self.length += len(piece)
        self._line = (self._line + piece)[-LONGEST_LINE:]

    def end_line(self) -> None:
        """What comes next is another line."""
        self.last = self._sentence() or self.last
        self._line, self._claim = "", None

    @property
    def has_ended(self) -> bool:
        """Whether the line so far ends with a sentence."""
        line = self._line.rstrip()
        return bool(line) and ends_sentence(line, 0, len(line))

    def claim(self) -> Statement | None:
        """What a marker that stands here is for: the sentence before it, or the part of it after the last marker.

        None at the start of a line.
        """
        found = self._sentence()
        if found is not None and self._marked > found.start:
            rest = self._within(self._marked, self.length)
            words = _WORD.findall(rest.text)
            if not words:
                found = self._claim
            elif len(words) >= _LEAST_WORDS:
                found = rest
        self._marked, self._claim = self.length, found
        return found

    def after(self, at: int) -> Statement | None:
        """The first sentence of this line after ``at``."""
        begin = self.length - len(self._line)
        if at < begin:
            return None
        for start, end in sentences(self._line, at - begin, len(self._line)):
            if _SAYS.search(self._line, start, end):
                return self._within(begin + start, begin + end)
        return None

    def _sentence(self) -> Statement | None:
        begin, found = self.length - len(self._line), None
        opening = _OPENING.match(self._line)
        for start, end in sentences(self._line, opening.end() if opening else 0, len(self._line)):
            if _SAYS.search(self._line, start, end):
                found = start, end
        return self._within(begin + found[0], begin + found[1]) if found else None

    def _within(self, start: int, end: int) -> Statement:
        """The characters ``[start, end)``, of this line, without what only joins them to others."""
        begin = self.length - len(self._line)
        joint = _JOINT.match(self._line, start - begin, end - begin)
        first = joint.end() if joint else start - begin
        text = self._line[first : end - begin].rstrip()
        return Statement(begin + first, begin + first + len(text), text)


def lines_of(text: str) -> list[str]:
    """The lines of a text, or the parts of lines that it begins and ends with; each with its end."""
    return _LINE.findall(text)


def statements(text: str) -> Iterator[Statement]:
    """The sentences of an answer that say something: no headings, questions, code or rules of tables."""
    fence, position = "", 0
    for line in lines_of(text):
        begin, position = position, position + len(line)
        found = _FENCE.match(line)
        if found and (not fence or found[1].startswith(fence)):
            fence = "" if fence else found[1]
        elif not fence and not _HEADING.match(line):
            yield from _statements(line, begin)


def _statements(line: str, begin: int) -> Iterator[Statement]:
    opening = _OPENING.match(line)
    for start, end in sentences(line, opening.end() if opening else 0, len(line)):
        said = line[start:end].rstrip()
        if _SAYS.search(said) and not said.endswith(("?", "？", "؟", ":")):
            yield Statement(begin + start, begin + start + len(said), said)
