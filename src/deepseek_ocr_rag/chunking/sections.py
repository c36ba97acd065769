"""Groups of parts under their headings, one section after the other, each to be read while its text still comes in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from .ahead import Ahead
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What stands under one heading; the heading, and those before it with nothing under them, come first.

    A heading without text says too little for a chunk of its own, also where the next one is not below it.
    """

    headings: tuple[str, ...]
    level: int
    groups: Iterator[Group]


def sections(groups: Iterable[Group], *, by_page: bool = False) -> Iterator[Section]:
    """Cut groups into sections; a section's groups are to be taken before the next section is.

    Args:
        groups: In reading order.
        by_page: Whether a section ends with its page, too.
    """
    ahead = Ahead(groups)
    path: list[tuple[int, str]] = []
    while first := ahead.peek():
        page = _page(first) if by_page else -1
        opening: list[Group] = []
        while (group := ahead.peek()) and group[0].title and _is_on(page, group):
            level = group[0].level
            path = [*(entry for entry in path if entry[0] < level), (level, group[0].title)]
            opening.append(ahead.take())
        yield Section(
            headings=tuple(title for _, title in path),
            level=path[-1][0] if path else 0,
            groups=chain(opening, _body(ahead, page)),
        )


def _body(ahead: Ahead[Group], page: int) -> Iterator[Group]:
    while (group := ahead.peek()) and not group[0].title and _is_on(page, group):
        yield ahead.take()


def _page(group: Group) -> int:
    block = group[0].block
    return block.page_number if block else -1


def _is_on(page: int, group: Group) -> bool:
    return page < 0 or _page(group) == page


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
