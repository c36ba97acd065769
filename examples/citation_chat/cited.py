"""Citations as browsers get them: which document and page, the cited words, and boxes as fractions of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_ocr_rag import Box, Citation, CitationRegion, Document, Page, Passage, locate

from .library import Opened
from .search import Found
from .store import Entry, Row

LONGEST_QUOTE = 2_000


def source_of(found: Found, index: int, entry: Entry) -> dict[str, Any]:
    """A chunk that an answer may cite, for the list under the answer."""
    row = found.row
    return {
        "index": index,
        "document": entry.id,
        "name": entry.name,
        "page": row.page,
        "section": row.section,
        "text": row.text[:300],
    }


def cite(quote: str, found: Found, opened: Opened) -> Citation:
    """Where a quote of a chunk stands."""
    chunk = opened.chunks.get(found.row.id)
    if chunk is None:  # chunks are cut otherwise by now
        return locate(quote, opened.document, hint_page=found.row.page)
    return locate(quote, Passage.from_chunk(chunk, source=opened.document.source), document=opened.document)


def as_data(citation: Citation, *, index: int, at: int, entry: Entry, document: Document, row: Row) -> dict[str, Any]:
    """A citation with everything that is needed to show it, now or after a restart.

    ``at`` is where its number goes in the answer, in code points.
    """
    pages = {page.number: page for page in document.pages}
    number = citation.page_number or next((region.page_number for region in citation.context), row.page)
    return {
        "index": index,
        "at": at,
        "document": entry.id,
        "name": entry.name,
        "title": entry.title,
        "pages": entry.pages,
        "page": number,
        "page_label": _label(pages.get(number)),
        "section": row.section,
        "chunk": row.id,
        "quote": citation.quote[:LONGEST_QUOTE],
        "status": citation.status,
        "score": citation.score,
        "precision": citation.precision,
        "box_source": citation.box_source,
        "regions": _regions(citation.regions),
        "context": _regions(citation.context),
    }


def sheet(page: Page) -> dict[str, Any]:
    """A page's text with the place of every line: what a viewer, a screen reader or a test needs of it."""
    return {
        "number": page.number,
        "label": page.label,
        "width": page.width,
        "height": page.height,
        "status": page.status,
        "warnings": list(page.warnings),
        "blocks": [
            {
                "id": block.id,
                "kind": block.kind.value,
                "text": block.text,
                "boxes": [_rect(box) for box in block.boxes],
                "lines": [{"start": line.start, "end": line.end, "box": _rect(line.box)} for line in block.lines],
            }
            for block in page.blocks
        ],
    }


def _regions(regions: Sequence[CitationRegion]) -> list[dict[str, Any]]:
    return [{"page": region.page_number, "rects": [_rect(box) for box in region.boxes]} for region in regions]


def _rect(box: Box) -> list[float]:
    return [round(side, 5) for side in box.as_tuple()]


def _label(page: Page | None) -> str:
    """The printed number, where it is another one than the place in the file."""
    return page.label if page is not None and page.label != str(page.number) else ""
