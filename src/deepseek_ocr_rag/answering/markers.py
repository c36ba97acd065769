"""The marks by which a language model says what it leans on: ``[3]``, ``[3.12-14]``, ``[1, 2]``, ``【1†source】``.

They come in the middle of text that streams, a few characters at a time. Whatever cannot be part of a marker goes on at
once; what still can is held back until it is decided, which a limit of :data:`LONGEST_MARKER` characters guarantees.
Text is read one character after the other and nothing depends on how it was cut, so a stream and the whole answer give
the same. Code, formulas and links are not looked at: ``a[1]`` in code is an index, ``$[1, 2]$`` is an interval, and
``[1](https://…)`` is a link. What is only indented counts: it is a part of a list more often than code.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ..numerals import GROUPED

LONGEST_MARKER = 64
"""Characters that are held back at most."""

MOST_SOURCES = 10
"""Sources that a range such as ``[1-4]`` may stand for; a longer one is a range of something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One source of a marker, counted from 1, and its lines ``first`` to ``last``; 0 where none are named."""

    source: int
    first: int = 0
    last: int = 0
    or_line_of: int = 0
    """In ``[3.12, 14]`` 14 is a source if there are as many, else line 14 of this source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A marker as it was written, with the blank or comma before it that goes with it, and what it refers to."""

    raw: str
    references: tuple[Reference, ...]


_OPEN, _CLOSE = "[［【〔", "]］】〕"
_WORDS = (
    *("source", "sources", "src", "doc", "docs", "document", "documents", "passage", "passages", "chunk", "chunks"),
    *(
        "excerpt",
        "excerpts",
        "citation",
        "citations",
        "cite",
        "ref",
        "refs",
        "reference",
        "references",
        "id",
        "context",
    ),
)
_PARTS = (*_WORDS, "and", "l")
_WORD = "|".join(_WORDS)
_DASHES = str.maketrans("‐‑‒–—―−", "-" * 7)
_BODY = re.compile(r"[\d \t.,:;&#^†a-z-]*")
_TAILED = re.compile(r"[^†\n]*†[^\n\[\]`]*")
_LETTERS = re.compile(r"[a-z]+")
_SEPARATOR = re.compile(r"[ \t]?(?:[,;&]|\band\b)[ \t]?")
_ITEM = re.compile(
    rf"(?:(?:{_WORD})[ \t]?[:\#.]?[ \t]?)?[\#^]?(?P<source>\d{{1,3}})"
    r"(?:[ \t]?[.:][ \t]?l?(?P<first>0|[1-9]\d{0,3}))?"
    r"(?:[ \t]?-[ \t]?(?:(?P<other>\d{1,3})[.:])?l?(?P<last>\d{1,4}))?"
    r"(?:†(?:l(?P<from>\d{1,4})(?:-l?(?P<to>\d{1,4}))?|[^,;†]*))?"
)
_NO_ITEM = re.compile(rf"{GROUPED}|\d\d:\d\d")
"""Thousands, and times of day."""
_FORMULA = re.compile(
    r"\$\$?(?=[A-Za-z\\(\[{|-])(?!.*[A-Za-z]{2} [A-Za-z]{2})(?:\\[A-Za-z]+|[A-Za-z]{1,3}(?![A-Za-z])|[^A-Za-z])*"
)
"""A formula so far: it begins neither as a price does nor has words, which names after a dollar sign are among."""
_LONGEST_FORMULA = 200


def parse_marker(body: str) -> tuple[Reference, ...] | None:
    """What stands between a marker's brackets; None if that is no marker.

    Understood are numbers, ranges and lists of them, lines after a dot or colon, and what models add of their own: a
    word ("Source 1", "ID:1"), a footnote's ``^``, a dagger with lines or a name. Numbers of four digits are years, and
    lists and ranges with a 0 intervals.
    """
    found: list[Reference] = []
    plain = _plain(body).strip(" \t")
    if _NO_ITEM.fullmatch(plain):
        return None
    for part in _SEPARATOR.split(plain):
        item = _ITEM.fullmatch(part)
        references = _references(item) if item else None
        if references is None:
            return None
        if found and found[-1].first and references == (Reference(source=references[0].source),):
            leader = found[-1].or_line_of or found[-1].source
            references = (Reference(source=references[0].source, or_line_of=leader),)
        found += references
    is_interval = len(found) > 1 and any(reference.source == 0 for reference in found)
    return None if is_interval else tuple(dict.fromkeys(found))


def _references(item: re.Match[str]) -> tuple[Reference, ...] | None:
    source, first, other, last, begin, stop = (
        int(item[name] or 0) for name in ("source", "first", "other", "last", "from", "to")
    )
    if begin:
        first, last = begin, stop
    if other and other != source:
        return Reference(source=source, first=first, last=first), Reference(source=other, first=last, last=last)
    if first:
        first, last = sorted((first, last or first))
        return (Reference(source=source, first=first, last=last),)
    low, high = sorted((source, last or source))
    if high - low >= MOST_SOURCES:
        return None
    return tuple(Reference(source=number) for number in range(low, high + 1))


class MarkerStream:
    """Parts text that comes in pieces into text and markers.

    ``"".join`` of the texts and the markers' ``raw`` is what was fed, however it was cut. A marker takes one blank
    before it along, and between two markers a comma, so that the text without markers still reads well.
    """

    def __init__(self) -> None:
        self._held = ""
        self._found: list[str | Marker] = []
        self._after_marker = False
        self._place = _Place()

    @property
    def held(self) -> str:
        """What was fed and is not decided yet: at most :data:`LONGEST_MARKER` characters."""
        return self._held

    def feed(self, text: str) -> list[str | Marker]:
        """Go on with ``text``; what is decided by it, in order. Neighbouring texts are joined."""
        waiting = list(reversed(text))
        while waiting:
            char = waiting.pop()
            grown = self._held + char
            if self._held and _is_closed(self._held):
                self._decide(follower=char)
                waiting.append(char)
            elif self._may_be(grown):
                self._held = grown
            elif self._held:
                self._held = ""
                self._emit(grown[0])
                waiting.extend(reversed(grown[1:]))
            else:
                self._emit(char)
        return self._taken()

    def close(self) -> list[str | Marker]:
        """The end of the text; what was held back is decided."""
        found: list[str | Marker] = []
        while self._held:
            if _is_closed(self._held):
                self._decide(follower="")
                continue
            rest, self._held = self._held, ""
            self._emit(rest[0])
            found += self.feed(rest[1:])
        return _joined([*found, *self._taken()])

    def _decide(self, *, follower: str) -> None:
        """Settle a closed marker: a link's text and a footnote's definition are none."""
        held, self._held = self._held, ""
        is_link = follower == "(" or (follower == ":" and self._place.is_blank_line)
        references = None if is_link else parse_marker(_inside(held)[1])
        if references is None:
            for char in held:
                self._emit(char)
            self._place.is_target = follower == "("
        else:
            self._found.append(Marker(raw=held, references=references))
            self._after_marker = True

    def _may_be(self, text: str) -> bool:
        """Whether text, with what follows it, can be a marker, or the blank or comma before one."""
        gap, _ = _inside(text)
        allowed = ("", " ", ",", ";", ", ", "; ") if self._after_marker else ("", " ")
        if len(text) > LONGEST_MARKER or gap not in allowed or self._place.is_code(text[0]):
            return False
        return len(gap) == len(text) or _may_close(text[len(gap) :])

    def _emit(self, char: str) -> None:
        self._found.append(char)
        self._place.pass_over(char)
        self._after_marker = False

    def _taken(self) -> list[str | Marker]:
        found, self._found = self._found, []
        return _joined(found)


class _Place:
    """Where in markdown the text has got to: in code, in a formula, in a link's address, at the start of a line."""

    def __init__(self) -> None:
        self.is_blank_line = True
        self.is_target = False
        self._is_address = self._is_tagged = False
        self._formula = ""
        self._may_fence = True
        self._fence = self._code = self._run = self._last = ""

    def is_code(self, char: str) -> bool:
        """Whether ``char``, which comes next, stands where brackets mean something else."""
        fence, code = self._settled(char)
        is_elsewhere = fence or code or self._is_tagged or self.is_target or (self._is_address and not char.isspace())
        return bool(is_elsewhere or (self._formula and _FORMULA.fullmatch(self._formula + char)))

    def pass_over(self, char: str) -> None:
        """Go on by a character."""
        self._fence, self._code = self._settled(char)
        if char in "`~":
            self._run = self._run + char if self._run[:1] in ("", char) else char
        else:
            self._may_fence = char == "\n" or (self._may_fence and not self._run and char in " \t>-*+.)0123456789")
            self._run = ""
        is_text = not self._fence and not self._code
        self._formula = self._formula_after(char) if is_text else ""
        self._last = (self._last + char)[-len("</code>") :]
        if is_text and self._last.endswith(("<code>", "</code>")):
            self._is_tagged = not self._last.startswith("</")
        if char == "\n":
            self.is_blank_line, self.is_target, self._is_address, self._code = True, False, False, ""
            self._is_tagged = False
        elif not char.isspace():
            self.is_blank_line = False
        if char.isspace() or char in ')>"':
            self.is_target = self.is_target and char != ")"
            self._is_address = False
        elif self._last.endswith("://"):
            self._is_address = True

    def _formula_after(self, char: str) -> str:
        """What stands after the dollar sign that is open, with it, where ``char`` follows; empty where none is."""
        before = self._last[-1:]
        if char == "\n":
            return ""
        if char != "$":
            return (self._formula + char)[:_LONGEST_FORMULA] if self._formula else ""
        if before == "$":
            return "$$" if self._formula == "$" else ""
        is_closing = self._formula and not before.isspace()
        return "" if is_closing or before == "\\" else "$"

    def _settled(self, char: str) -> tuple[str, str]:
        """Fence and code that are open before ``char``: a run of backticks counts once its end is known."""
        run = self._run
        if not run or char == run[0]:
            return self._fence, self._code
        if self._fence:
            is_end = self._may_fence and run[0] == self._fence[0] and len(run) >= len(self._fence)
            return ("" if is_end else self._fence), ""
        if self._may_fence and len(run) >= 3:
            return run, ""
        if run[0] == "~":
            return "", self._code
        return "", run if not self._code else "" if run == self._code else self._code


def _inside(text: str) -> tuple[str, str]:
    """The gap before a marker's brackets, and what is between them."""
    start = next((at for at, char in enumerate(text) if char in _OPEN), len(text))
    return text[:start], text[start:].strip(_OPEN + _CLOSE)


def _is_closed(text: str) -> bool:
    return text[-1] in _CLOSE and _count(text, _OPEN) == _count(text, _CLOSE)


def _may_close(text: str) -> bool:
    """Whether text that begins with a bracket can still become a marker."""
    depth = 2 if text[1:2] and text[1] in _OPEN else 1
    body = text[depth:]
    end = next((at for at, char in enumerate(body) if char in _CLOSE), -1)
    if text[0] not in _OPEN or _count(body, _OPEN):
        return False
    if end >= 0:
        return len(body) - end == _count(body, _CLOSE) <= depth and parse_marker(body[:end]) is not None
    plain = _plain(body)
    if _TAILED.fullmatch(plain):
        return True
    letters = _LETTERS.findall(plain)
    is_known = all(word in _PARTS for word in letters[:-1])
    return bool(_BODY.fullmatch(plain)) and is_known and (not letters or _begins(letters[-1]))


def _begins(letters: str) -> bool:
    return any(word.startswith(letters) for word in _PARTS)


def _plain(body: str) -> str:
    return unicodedata.normalize("NFKC", body).translate(_DASHES).casefold()


def _count(text: str, chars: str) -> int:
    return sum(char in chars for char in text)


def _joined(found: list[str | Marker]) -> list[str | Marker]:
    """Texts that follow each other as one."""
    joined: list[str | Marker] = []
    run: list[str] = []
    for part in found:
        if isinstance(part, str):
            run.append(part)
            continue
        joined += ["".join(run)] if run else []
        joined.append(part)
        run = []
    return [*joined, "".join(run)] if run else joined
