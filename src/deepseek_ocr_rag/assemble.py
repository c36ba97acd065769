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
    assembly = Assembly(outline)
    for page in pages:
        yield from assembly.push(page)
    yield from assembly.end()


class Assembly:
    """The pages of :func:`assembled`, where they are not there to be taken but come one by one.

    Args:
        outline: The file's own bookmarks.
    """

    def __init__(self, outline: Sequence[OutlineEntry] = ()) -> None:
        self._words, self._margins, self._levels = Words(), Margins(), Levels(outline)
        self._arrived: deque[Page] = deque()
        self._marked: deque[Page] = deque()
        self._last: Page | None = None
        """A page of which is known all but what goes on from it on the next."""
        self._opening: dict[str, Table] = {}

    def push(self, page: Page) -> list[Page]:
        """The pages that are settled with one more."""
        self._words.see(page)
        self._margins.see(page)
        self._arrived.append(page)
        return list(self._marked_until(MARGINS_AHEAD))

    def end(self) -> list[Page]:
        """The other pages: no more will come."""
        pages = [*self._marked_until(0), *self._settled_until(0)]
        last, self._last = self._last, None
        return pages if last is None else [*pages, last]

    def _marked_until(self, left: int) -> Iterator[Page]:
        while len(self._arrived) > left:
            page = tied(nested(ordered(self._margins.settled(self._arrived.popleft()))))
            self._levels.see(page)
            self._marked.append(page)
            yield from self._settled_until(HEADINGS_AHEAD)

    def _settled_until(self, left: int) -> Iterator[Page]:
        while len(self._marked) > left:
            page = joined_within(self._levels.settled(self._marked.popleft()), self._words)
            before, self._last = self._last, page
            if before is not None:
                before, self._last = joined(before, page, self._words, self._opening)
                yield before


def _headings(pages: Iterable[Page]) -> Iterator[Heading]:
    for page in pages:
        for block in page.blocks:
            if block.kind.is_heading and block.text.strip():
                text = " ".join(block.text.split())
                yield Heading(block_id=block.id, page_number=block.page_number, level=block.level, text=text)
