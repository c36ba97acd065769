"""Citations as browsers get them: which document and page, the cited words, and boxes as fractions of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepseek_ocr_rag import Box, Chunk, Citation, CitationRegion, Document, Page, Passage, locate

from .store import Entry, Row

LONGEST_QUOTE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A chunk that an answer may lean on, and the document that it is of."""

    entry: Entry
    document: Document
    chunk: Chunk
    row: Row
    score: float

    def to_dict(self, index: int) -> dict[str, Any]:
        """For a list of what an answer may cite."""
        return {
            "index": index,
            "document": self.entry.id,
            "name": self.entry.name,
            "page": self.row.page,
            "section": self.row.section,
            "text": self.row.text[:300],
        }

    def cite(self, quote: str) -> Citation:
        """Where a quote of the chunk stands."""
        return locate(quote, Passage.from_chunk(self.chunk, source=self.document.source), document=self.document)


def as_data(citation: Citation, source: Source, *, index: int, at: int) -> dict[str, Any]:
    """A citation with everything that is needed to show it, now or after a restart.

    ``at`` is where its number goes in the answer, in code points.
    """
    entry, row = source.entry, source.row
    pages = {page.number: page for page in source.document.pages}
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
