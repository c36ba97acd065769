"""Groups of parts under their headings, one section after the other, each to be read while its text still comes in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from .ahead import Ahead
from .parts import Group

PATH_LENGTH = 256
"""Longest section path; search engines do not index longer keywords."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What stands under one heading; the heading, and headings above it with nothing between, come first."""

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


def lead(headings: Sequence[str]) -> str:
    """What is embedded above a chunk's text: its section path, in the words of LlamaIndex's metadata template."""
    return f"section_path: {section_path(headings)}\n\n" if headings else ""


def shorter(headings: Sequence[str]) -> tuple[str, ...]:
    """Headings with one left out at the front, or half of the last one's words; none where little is left."""
    names = headings[1:] if headings[0] == "…" else headings
    last = names[-1]
    if len(names) > 1:
        return ("…", *names[1:])
    return ("…", last[: len(last) // 2].rstrip("… ") + "…") if len(last) > 8 else ()
