"""Citations as the parts of messages and the nodes that frameworks hand on, as plain dicts of their exact shapes.

Frameworks have no room for boxes, and each another place for what they do not know. Their own offsets count in the
*answer*; where the quote stands in the source is among what is ours. Ours count characters as Python does, which for
JavaScript are code points and not units of UTF-16.
"""

from __future__ import annotations

import json
import mimetypes
import re

from ..cite import Citation
from ..geometry import Box, bounding_box
from .places import Json, citation_id

NAMESPACE = "deepseek_ocr_rag"
"""The key of what is ours among the metadata of several providers."""

_ADDRESS = re.compile(r"(?:https?://[^/?#]*|[a-z][a-z0-9+.-]{0,20}://)([^?#]*)", re.IGNORECASE)
"""An address, of which the path is what names the document."""


def to_langchain(
    citation: Citation,
    *,
    start_index: int | None = None,
    end_index: int | None = None,
    url: str = "",
    title: str = "",
) -> Json:
    """A citation among the ``annotations`` of LangChain's text content blocks.

    Args:
        citation: What is cited; it goes into ``extras``, regions and boxes included.
        start_index: Where the cited sentence begins in the answer.
        end_index: Where it ends.
        url: The document's address.
        title: The document's title; its file name by default.
    """
    made: Json = {"type": "citation", "id": citation_id(citation), "title": title or file_name(citation)}
    optional = {"url": url or None, "start_index": start_index, "end_index": end_index}
    made |= {key: value for key, value in optional.items() if value is not None}
    return {**made, "cited_text": citation.quote, "extras": _spatial(citation)}


def to_llama_index_block(citation: Citation, *, title: str = "") -> Json:
    """A ``CitationBlock`` of LlamaIndex's chat messages.

    ``additional_location_info`` takes whole numbers alone: pages, the place in the text, and for each box its page and
    sides in 1/10000 of it: ``box_0_page_number``, ``box_0_x0`` and so on; ``boxes`` is their number. ``x0`` to ``y1``
    are around those of the first page.
    """
    numbers = [region.page_number for region in citation.regions]
    info = {
        "page_number": citation.page_number,
        "page_end_number": max(numbers, default=0),
        "start": citation.start,
        "end": citation.end,
    }
    first = bounding_box(citation.regions[0].boxes) if citation.regions else None
    info |= _sides(first, "") if first else {}
    boxes = [(region.page_number, box) for region in citation.regions for box in region.boxes]
    info["boxes"] = len(boxes)
    for at, (number, box) in enumerate(boxes):
        info[f"box_{at}_page_number"] = number
        info |= _sides(box, f"box_{at}_")
    return {
        "block_type": "citation",
        "cited_content": {"block_type": "text", "text": citation.quote},
        "source": citation.source or citation.document_id,
        "title": title or file_name(citation),
        "additional_location_info": info,
    }


def to_llama_index_node(citation: Citation) -> Json:
    """A ``NodeWithScore`` of the quote; its metadata is flat, with our own keys.

    ``NodeWithScore(node=TextNode.from_dict(made["node"]), score=made["score"])`` makes one of it.

    ``regions`` are of the quote as a whole: :meth:`.Passage.from_metadata` with the node's text gives its boxes. A
    citation of several boxes does not know which of them says which words, so a part of its quote has them all, and
    they are called a block.
    """
    length = len(citation.quote)
    rows = [[region.page_number, *box.to_ints(), 0, length] for region in citation.regions for box in region.boxes] or [
        [region.page_number, 0, 0, 10_000, 10_000, 0, length] for region in citation.regions
    ]
    first = bounding_box(citation.regions[0].boxes) if citation.regions else None
    metadata: Json = {
        "source": citation.source,
        "file_name": file_name(citation),
        "doc_hash": citation.document_id,
        "page_number": citation.page_number or -1,
        "page_end_number": max((region.page_number for region in citation.regions), default=-1),
        "chunk_id": citation.chunk_id,
        "regions": json.dumps(rows, separators=(",", ":")),
        "regions_precision": _region_precision(citation),
        **(_sides(first, "") if first else dict.fromkeys(("x0", "y0", "x1", "y1"), -1)),
        "status": citation.status,
        "precision": citation.precision,
    }
    node = {
        "id_": citation_id(citation),
        "text": citation.quote,
        "metadata": metadata,
        "excluded_embed_metadata_keys": list(metadata),
        "excluded_llm_metadata_keys": [key for key in metadata if key not in ("file_name", "page_number")],
        "class_name": "TextNode",
    }
    return {"node": node, "score": citation.score, "class_name": "NodeWithScore"}


def to_ai_sdk(citation: Citation, *, title: str = "", media_type: str = "") -> list[Json]:
    """Two parts of a message, or chunks of its stream, of Vercel's AI SDK.

    A ``source-document``, which every interface lists, with what is ours in ``providerMetadata``; and a
    ``data-citation`` of the same id with all of the citation, as :meth:`.Citation.to_dict` has it.
    """
    name = citation_id(citation)
    source = {"type": "source-document", "sourceId": name, **_document(citation, title, media_type)}
    return [source, {"type": "data-citation", "id": name, "data": citation.to_dict()}]


def to_assistant_ui(citation: Citation, *, title: str = "", media_type: str = "") -> Json:
    """A ``source`` part of assistant-ui's messages."""
    name = citation_id(citation)
    return {"type": "source", "sourceType": "document", "id": name, **_document(citation, title, media_type)}


def file_name(citation: Citation) -> str:
    """The last part of the source's path or of its address's, or the document's id."""
    return _last_part(citation) or citation.document_id or "document"


def _last_part(citation: Citation) -> str:
    address = _ADDRESS.match(citation.source)
    path = address.group(1) if address else citation.source
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _document(citation: Citation, title: str, media_type: str) -> Json:
    """What both message formats of JavaScript's frameworks say of a document."""
    guessed, _ = mimetypes.guess_type(_last_part(citation))
    return {
        "title": title or file_name(citation),
        "mediaType": media_type or guessed or "application/octet-stream",
        "filename": file_name(citation),
        "providerMetadata": {NAMESPACE: _spatial(citation)},
    }


def _spatial(citation: Citation) -> Json:
    """What is ours, but for the quote, which the framework has, and the context, which is long."""
    return {key: value for key, value in citation.to_dict().items() if key not in ("quote", "context")}


def _sides(box: Box, prefix: str) -> dict[str, int]:
    return {f"{prefix}{side}": value for side, value in zip(("x0", "y0", "x1", "y1"), box.to_ints(), strict=True)}


def _region_precision(citation: Citation) -> str:
    """Of the words that metadata has for it; a word's or a cell's box is judged by its size."""
    if citation.precision in ("line", "word") and sum(len(region.boxes) for region in citation.regions) == 1:
        return "line"
    return citation.precision if citation.precision in ("page", "none") else "block"
