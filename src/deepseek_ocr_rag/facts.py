"""What a file says of itself: its title and its bookmarks, which may say anything and lead anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .document import OutlineEntry
from .recognition import DocumentFacts

LONGEST_OUTLINE = 20_000
LONGEST_ENTRY = 500


def document_facts(document: Any) -> DocumentFacts:
    """What an open MuPDF document tells before any page is read."""
    return DocumentFacts(
        page_count=document.page_count,
        title=_printable((document.metadata or {}).get("title") or ""),
        outline=tuple(_outline(document)),
        is_repaired=bool(document.is_repaired),
    )


def _outline(document: Any) -> Iterator[OutlineEntry]:
    """The bookmarks that lead to a page and say something; a broken tree of them is none."""
    try:
        entries = document.get_toc(simple=True)
    except (RuntimeError, ValueError, IndexError, AssertionError):
        return
    for level, title, page_number, *_ in entries[:LONGEST_OUTLINE]:
        text = " ".join(_printable(title, instead=" ").split())[:LONGEST_ENTRY]
        if text and 1 <= page_number <= document.page_count:
            yield OutlineEntry(level=level, title=text, page_number=page_number)


def _printable(text: str, *, instead: str = "") -> str:
    return "".join(char if char.isprintable() else instead for char in text)
