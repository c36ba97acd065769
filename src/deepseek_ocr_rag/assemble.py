"""Pages of blocks become a document: what a page alone cannot tell is found out from the pages around it.

Which texts are running heads, how deep a heading is, what goes on over a page break: each is a station of its own, and
this module passes the pages through them. A page waits until a fixed number of pages after it has been seen, so memory
is bounded however long the document is, and reading it lazily or at once gives the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .assembly.furniture import Margins
from .assembly.headings import Levels
from .assembly.joins import joined, joined_within
from .assembly.joints import Words
from .assembly.lists import nested
from .assembly.order import ordered
from .assembly.ties import tied
from .document import Document, Heading, OutlineEntry, Page, Table

MARGINS_AHEAD = 8
"""Pages that are seen before it is settled what of a page is running head and foot."""

HEADINGS_AHEAD = 24
"""Pages, rid of those, that are seen before the levels of a page's headings are settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentInfo:
    """What is known of a document before its pages are read; as in :class:`Document`."""

    id: str
    source: str
    file_name: str
    total_pages: int
    outline: tuple[OutlineEntry, ...] = ()
    """The file's own bookmarks."""
    metadata: Mapping[str, str] = field(default_factory=dict)


def assemble(pages: Iterable[Page], *, info: DocumentInfo) -> Document:
    """Join pages, in reading order, to a document; see :func:`assembled`."""
    settled = tuple(assembled(pages, outline=info.outline))
    return Document(
        id=info.id,
        source=info.source,
        file_name=info.file_name,
        total_pages=info.total_pages,
        pages=settled,
        headings=tuple(_headings(settled)),
        metadata=info.metadata,
    )


def assembled(pages: Iterable[Page], *, outline: Sequence[OutlineEntry] = ()) -> Iterator[Page]:
    """The pages with all that their document tells about them, each ``MARGINS_AHEAD + HEADINGS_AHEAD + 1`` pages later.

    Promises that all blocks come out with the text that they came in with. What changes is their order on a page
    where columns were mixed, their kind, level, section and label, and what they continue and belong to.
    """
    words, margins, levels = Words(), Margins(), Levels(outline)

    def arrive(page: Page) -> Page:
        words.see(page)
        margins.see(page)
        return page

    def mark(page: Page) -> Page:
        page = tied(nested(ordered(margins.settled(page))))
        levels.see(page)
        return page

    arrived = _later((arrive(page) for page in pages), by=MARGINS_AHEAD)
    marked = _later((mark(page) for page in arrived), by=HEADINGS_AHEAD)
    yield from _joined((joined_within(levels.settled(page), words) for page in marked), words)


def _later(pages: Iterable[Page], *, by: int) -> Iterator[Page]:
    """The same pages, each after so many more were taken, or all."""
    waiting: deque[Page] = deque()
    for page in pages:
        waiting.append(page)
        if len(waiting) > by:
            yield waiting.popleft()
    yield from waiting


def _joined(pages: Iterable[Page], words: Words) -> Iterator[Page]:
    """The pages, linked where a text or a table goes on over a page break."""
    before: Page | None = None
    opening: dict[str, Table] = {}
    for page in pages:
        after = page
        if before is not None:
            before, after = joined(before, page, words, opening)
            yield before
        before = after
    if before is not None:
        yield before


def _headings(pages: Iterable[Page]) -> Iterator[Heading]:
    for page in pages:
        for block in page.blocks:
            if block.kind.is_heading and block.text.strip():
                text = " ".join(block.text.split())
                yield Heading(block_id=block.id, page_number=block.page_number, level=block.level, text=text)
