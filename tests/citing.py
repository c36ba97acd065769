"""Citations made by hand, for tests of what is done with them."""

from __future__ import annotations

from typing import Any

from deepseek_ocr_rag.cite import Citation, CitationRegion
from deepseek_ocr_rag.geometry import Box


def cite(*boxes: Box, page: int = 1, **changes: Any) -> Citation:
    """A citation with these boxes on a page; a file that is not named has any bytes."""
    values: dict[str, Any] = {
        "document_id": "",
        "source": "",
        "chunk_id": "",
        "quote": "what the page says",
        "status": "verified",
        "score": 1.0,
        "precision": "line",
        "regions": (CitationRegion(page_number=page, boxes=boxes),),
        "start": 0,
        "end": 18,
    }
    return Citation(**values | changes)
