"""Our dicts against the frameworks' own classes, where they are installed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deepseek_ocr_rag.cite import Citation, CitationRegion, locate
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.passage import Passage
from deepseek_ocr_rag.viewers import (
    citation_id,
    to_ai_sdk,
    to_assistant_ui,
    to_langchain,
    to_llama_index_block,
    to_llama_index_node,
)

LINE, NEXT = Box(left=0.1, top=0.2, right=0.9, bottom=0.22), Box(left=0.1, top=0.25, right=0.4, bottom=0.27)
OVER = Box(left=0.2, top=0.1, right=0.9, bottom=0.12)


@pytest.fixture
def two_pages(cite: Any) -> Citation:
    regions = CitationRegion(page_number=7, boxes=(LINE, NEXT)), CitationRegion(page_number=8, boxes=(OVER,))
    made: Citation = cite(regions=regions)
    return made


def everything(cite: Any, two_pages: Citation) -> list[Citation]:
    return [two_pages, cite(page=3, precision="page"), cite(regions=(), quote="", status="not_found", source="")]


def test_langchain_keeps_the_citation_and_its_place(cite: Any, two_pages: Citation) -> None:
    messages = pytest.importorskip("langchain_core.messages")
    for citation in everything(cite, two_pages):
        made = to_langchain(citation, start_index=0, end_index=12, url="https://example.org/report.pdf")
        own = messages.content.create_citation(
            **{key: value for key, value in made.items() if key not in ("type", "extras")}, **made["extras"]
        )
        assert made == own
        message = messages.AIMessage(content=[{"type": "text", "text": "It says so.", "annotations": [made]}])
        ((kept,),) = [block["annotations"] for block in message.content_blocks]
        assert kept == made
    made = to_langchain(two_pages)
    assert set(made) == {"type", "id", "title", "cited_text", "extras"}
    assert made["title"] == "report.pdf"
    assert made["extras"]["page_number"] == 7
    assert made["extras"]["regions"][1] == {"page_number": 8, "boxes": [[0.2, 0.1, 0.9, 0.12]]}
    assert "context" not in made["extras"]


def test_llama_index_takes_the_block(cite: Any, two_pages: Citation) -> None:
    types = pytest.importorskip("llama_index.core.base.llms.types")
    for citation in everything(cite, two_pages):
        block = types.CitationBlock.model_validate(to_llama_index_block(citation), strict=True)
        assert block.cited_content.text == citation.quote
        message = types.ChatMessage(role="assistant", blocks=[to_llama_index_block(citation)])
        assert isinstance(message.blocks[0], types.CitationBlock)
    info = types.CitationBlock.model_validate(to_llama_index_block(two_pages)).additional_location_info
    assert {key: info[key] for key in ("page_number", "page_end_number", "start", "end", "boxes")} == {
        "page_number": 7,
        "page_end_number": 8,
        "start": 7,
        "end": 25,
        "boxes": 3,
    }
    assert [info[side] for side in ("x0", "y0", "x1", "y1")] == [1000, 2000, 9000, 2700]
    assert [info[f"box_2_{side}"] for side in ("page_number", "x0", "y0", "x1", "y1")] == [8, 2000, 1000, 9000, 1200]


def test_llama_index_takes_the_node_and_its_boxes_come_back(cite: Any, two_pages: Citation) -> None:
    schema = pytest.importorskip("llama_index.core.schema")
    for citation in everything(cite, two_pages):
        made = to_llama_index_node(citation)
        hit = schema.NodeWithScore(node=schema.TextNode.from_dict(made["node"]), score=made["score"])
        own = hit.to_dict()
        assert {key: own["node"][key] for key in made["node"]} == made["node"]
        assert set(made) == set(own)
        assert isinstance(hit.node, schema.TextNode)
        assert (hit.score, hit.node.node_id) == (1.0, citation_id(citation))
        assert all(isinstance(value, str | int | float) for value in hit.node.metadata.values())
        assert hit.node.get_content() == citation.quote
        again = locate(citation.quote, Passage.from_metadata(hit.node.get_content(), hit.node.metadata))
        assert again.document_id == citation.document_id
        assert [region.page_number for region in again.regions] == [region.page_number for region in citation.regions]
        shown = schema.MetadataMode.LLM
        assert "regions" not in hit.node.get_content(metadata_mode=shown)
    again = locate(
        two_pages.quote, Passage.from_metadata(two_pages.quote, to_llama_index_node(two_pages)["node"]["metadata"])
    )
    for found, given in zip(again.regions, two_pages.regions, strict=True):
        for box, other in zip(found.boxes, given.boxes, strict=True):
            assert (box.top, box.bottom) == pytest.approx((other.top, other.bottom), abs=1e-4)


def test_a_part_of_a_node_of_several_lines_is_cut_out_of_none(cite: Any) -> None:
    lines = tuple(Box(left=0.1, top=top, right=0.9, bottom=top + 0.018) for top in (0.1, 0.12, 0.14))
    said = "Held in spring among four hundred households of the valley, the survey asked for their wells and pumps, "
    last = "Nitrate was above the limit in nine wells of all."
    citation = cite(regions=(CitationRegion(page_number=1, boxes=lines),), quote=said * 2 + last)
    node = to_llama_index_node(citation)["node"]
    found = locate(last, Passage.from_metadata(node["text"], node["metadata"]))
    assert found.status == "verified"
    assert found.precision == "block"
    assert [box.to_ints() for box in found.regions[0].boxes] == [box.to_ints() for box in lines]
    single = to_llama_index_node(cite(LINE, precision="word", quote=last))["node"]
    found = locate("nine wells of all", Passage.from_metadata(single["text"], single["metadata"]))
    assert found.precision == "line"
    assert found.regions[0].boxes[0].left > 0.5


@pytest.mark.parametrize(
    ("source", "name", "media_type"),
    [
        ("https://example.org/a/report.pdf?token=x&sig=a/b", "report.pdf", "application/pdf"),
        ("https://example.org/report.pdf#page=3", "report.pdf", "application/pdf"),
        ("s3://bucket/scans/a.png", "a.png", "image/png"),
        ("memory://a.png", "a.png", "image/png"),
        ("https://x.org/", "sha256:1", "application/octet-stream"),
        ("scans/50% #3?.pdf", "50% #3?.pdf", "application/pdf"),
        (r"C:\scans\a.png", "a.png", "image/png"),
    ],
)
def test_names_of_files_and_of_addresses(cite: Any, source: str, name: str, media_type: str) -> None:
    part = to_assistant_ui(cite(LINE, source=source, document_id="sha256:1"))
    assert (part["filename"], part["mediaType"]) == (name, media_type)


def test_ai_sdk_and_assistant_ui(cite: Any, two_pages: Citation) -> None:
    for citation in everything(cite, two_pages):
        source, data = to_ai_sdk(citation)
        shared = {"mediaType", "title", "filename", "providerMetadata", "type"}
        assert set(source) == shared | {"sourceId"}
        assert data == {"type": "data-citation", "id": source["sourceId"], "data": citation.to_dict()}
        part = to_assistant_ui(citation)
        assert set(part) == shared | {"sourceType", "id"}
        assert (part["type"], part["sourceType"]) == ("source", "document")
        assert all(isinstance(part[key], str) and part[key] for key in ("id", "title", "mediaType", "filename"))
        json.dumps([source, data, part], allow_nan=False)
    source, data = to_ai_sdk(two_pages, title="Annual report")
    assert (source["title"], source["filename"], source["mediaType"]) == (
        "Annual report",
        "report.pdf",
        "application/pdf",
    )
    assert source["providerMetadata"]["deepseek_ocr_rag"]["regions"][0]["boxes"][0] == [0.1, 0.2, 0.9, 0.22]
    assert Citation.from_dict(json.loads(json.dumps(data["data"]))) == two_pages
