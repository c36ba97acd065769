"""Groups of parts under their headings, one section after the other, known as they come."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .parts import Group

PATH_LENGTH = 256
"""Longest section path; search engines do not index longer keywords."""


_MARKUP = re.compile(r"[\[<*_`]")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_TAG = re.compile(
    r"</?(?:a|b|big|br|center|code|del|div|em|font|i|img|kbd|mark|p|s|small|span|strong|sub|sup|u)\b[^<>]*>",
    re.IGNORECASE,
)
_EMPHASIS = re.compile(
    r"(?<![\w*])(\*{1,3})(?=[^\s*])(?P<star>[^*]{1,200})(?<=\S)\1(?![\w*])"
    r"|(?<!\w)(_{1,3})(?=[^\s_])(?P<line>.{1,200}?)(?<=[^\s_])\3(?!\w)"
    r"|(`{1,3})(?P<code>[^`]{1,200})\5"
)


class Outline:
    """The headings over groups that come one by one.

    A section is what stands under one heading; the heading, and those before it with nothing under them, come first. A
    heading without text says too little for a section of its own, also where the next one is not below it.

    Args:
        by_page: Whether a section ends with its page, too.
    """

    def __init__(self, *, by_page: bool = False) -> None:
        self._by_page = by_page
        self._page: int | None = None
        self._path: list[tuple[int, str]] = []
        self._has_text = False

    @property
    def headings(self) -> tuple[str, ...]:
        """Those that are open, outermost first."""
        return tuple(title for _, title in self._path)

    @property
    def level(self) -> int:
        """The level of the innermost; 0 where there is none."""
        return self._path[-1][0] if self._path else 0

    def begins_with(self, group: Group) -> bool:
        """Whether the next group begins a section."""
        return self._page != self._page_of(group) or (self._has_text and bool(group[0].title))

    def enter(self, group: Group) -> None:
        """Go on with a group."""
        first = group[0]
        self._page = self._page_of(group)
        if first.title:
            self._path = [*(entry for entry in self._path if entry[0] < first.level), (first.level, first.title)]
        self._has_text = not first.title

    def _page_of(self, group: Group) -> int:
        block = group[0].block
        return block.page_number if self._by_page and block else 0


def section_path(headings: Sequence[str]) -> str:
    """Headings in one line of at most 256 characters, shortened at the front."""
    path, names = " > ".join(headings), list(headings)
    while len(path) > PATH_LENGTH and len(names) > 1:
        names = names[1:]
        path = " > ".join(["…", *names])
    return path if len(path) <= PATH_LENGTH else path[: PATH_LENGTH - 1] + "…"


def title_of(text: str) -> str:
    """A heading's words in one line, without what markdown and HTML write around them."""
    title = " ".join(text.split())
    if not _MARKUP.search(title):
        return title
    bare = _EMPHASIS.sub(_inner, _TAG.sub("", _LINK.sub(r"\1", title)))
    return " ".join(bare.split()) or title


def _inner(match: re.Match[str]) -> str:
    return next(group for group in match.group("star", "line", "code") if group)


def lead(headings: Sequence[str]) -> str:
    """What is embedded above a chunk's text: its section path, in the words of LlamaIndex's metadata template."""
    return f"section_path: {section_path(headings)}\n\n" if headings else ""


def shorter(headings: Sequence[str]) -> tuple[str, ...]:
    """Headings with one left out at the front, or half of the last one's words; none where little is left."""
    names = headings[1:] if headings[0] == "…" and len(headings) > 1 else headings
    last = names[-1]
    if len(names) > 1:
        return ("…", *names[1:])
    return ("…", last[: len(last) // 2].rstrip("… ") + "…") if len(last) > 8 else ()
