"""What components that show pages are given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Page
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.viewers import (
    citation_id,
    to_embedpdf,
    to_iiif,
    to_iiif_image,
    to_react_pdf_highlighter,
    to_streamlit,
    to_web_annotation,
)

from ..citing import cite as cite_by_hand

LINE, NEXT = Box(left=0.1, top=0.2, right=0.9, bottom=0.25), Box(left=0.1, top=0.25, right=0.4, bottom=0.3)
PAGE = Page(number=7, label="5", width=500, height=1000)
MEDIA = "http://www.w3.org/TR/media-frags/"
PDF = "http://tools.ietf.org/rfc/rfc3778"


def test_react_pdf_highlighter(cite: Any) -> None:
    citation = cite(LINE, NEXT, page=7)
    name = citation_id(citation)

    def scaled(x1: float, y1: float, x2: float, y2: float) -> dict[str, Any]:
        return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "width": 1, "height": 1, "pageNumber": 7}

    assert to_react_pdf_highlighter(citation, comment="verified") == [
        {
            "id": f"{name}-7",
            "type": "text",
            "content": {"text": "what the page says"},
            "comment": {"text": "verified", "emoji": ""},
            "position": {
                "boundingRect": scaled(0.1, 0.2, 0.9, 0.3),
                "rects": [scaled(0.1, 0.2, 0.9, 0.25), scaled(0.1, 0.25, 0.4, 0.3)],
                "pageNumber": 7,
            },
        }
    ]


def test_ids_are_the_citation_s_own(cite: Any) -> None:
    assert citation_id(cite(LINE)) == citation_id(cite(LINE))
    assert len({citation_id(one) for one in (cite(LINE), cite(NEXT), cite(LINE, page=2), cite(LINE, quote="x"))}) == 4


def test_embedpdf(cite: Any) -> None:
    (found,) = to_embedpdf(cite(LINE, NEXT, page=7), [PAGE], color="#00ff00")
    assert found["rect"] == {"origin": {"x": 50, "y": 200}, "size": {"width": 400, "height": 100}}
    assert found["segmentRects"][1] == {"origin": {"x": 50, "y": 250}, "size": {"width": 150, "height": 50}}
    shown = {key: found[key] for key in ("type", "pageIndex", "strokeColor", "opacity", "contents")}
    said = "what the page says"
    assert shown == {"type": 9, "pageIndex": 6, "strokeColor": "#00ff00", "opacity": 0.5, "contents": said}


def test_streamlit(cite: Any) -> None:
    first, second = to_streamlit(cite(LINE, NEXT, page=7), [PAGE])
    assert {key: first[key] for key in ("page", "x", "y", "width", "height")} == {
        "page": 7,
        "x": 50,
        "y": 200,
        "width": 400,
        "height": 50,
    }
    assert first["id"] != second["id"]


def test_a_web_annotation_of_a_pdf(cite: Any) -> None:
    citation = cite(LINE, NEXT, page=7, prefix="before ", suffix=" after")
    made = to_web_annotation(citation, [PAGE], source="https://example.org/a.pdf", scale=2)
    first, second = made["target"]
    quote = {"type": "TextQuoteSelector", "exact": "what the page says", "prefix": "before ", "suffix": " after"}
    assert first == {
        "type": "SpecificResource",
        "source": "https://example.org/a.pdf",
        "selector": [
            {
                "type": "FragmentSelector",
                "conformsTo": PDF,
                "value": "page=7",
                "refinedBy": {"type": "FragmentSelector", "conformsTo": MEDIA, "value": "xywh=100,400,800,100"},
            },
            quote,
        ],
    }
    assert [one["refinedBy"]["value"] for one in second["selector"]] == ["xywh=100,500,300,100"]
    assert made["@context"] == "http://www.w3.org/ns/anno.jsonld"
    assert made["id"].startswith("urn:uuid:")
    assert (made["type"], made["motivation"]) == ("Annotation", "highlighting")


def test_a_web_annotation_of_pictures_and_in_percent(cite: Any) -> None:
    made = to_web_annotation(cite(LINE, page=7), [PAGE], source="https://example.org/{page}.png", unit="percent")
    assert made["target"]["source"] == "https://example.org/7.png"
    assert made["target"]["selector"][0] == {
        "type": "FragmentSelector",
        "conformsTo": MEDIA,
        "value": "xywh=percent:10,20,80,5",
    }


def test_a_web_annotation_without_boxes_has_its_page_and_words(cite: Any) -> None:
    made = to_web_annotation(cite(page=7), [PAGE], source="a.pdf")
    assert [one["type"] for one in made["target"]["selector"]] == ["FragmentSelector", "TextQuoteSelector"]
    assert made["target"]["selector"][0]["value"] == "page=7"
    unknown = to_web_annotation(cite(LINE, page=8), [PAGE], source="a.pdf")
    assert "refinedBy" not in unknown["target"]["selector"][0]
    lost = cite(regions=(), quote="", status="not_found")
    assert to_web_annotation(lost, [], source="a.pdf")["target"] == {"type": "SpecificResource", "source": "a.pdf"}
    assert to_web_annotation(lost, [], source="{page}.png")["target"]["source"] == lost.document_id


def test_iiif(cite: Any) -> None:
    citation = cite(LINE, NEXT, page=7)
    assert to_iiif(citation, [PAGE], canvas="https://example.org/c/{page}", scale=2) == [
        "https://example.org/c/7#xywh=100,400,800,100",
        "https://example.org/c/7#xywh=100,500,300,100",
    ]
    assert to_iiif_image(citation, image="https://example.org/i/p{page}", size="800,") == [
        "https://example.org/i/p7/pct:10,20,80,5/800,/0/default.jpg",
        "https://example.org/i/p7/pct:10,25,30,5/800,/0/default.jpg",
    ]


def test_nothing_is_drawn_where_only_the_page_is_known(cite: Any) -> None:
    for citation in (cite(page=7), cite(regions=(), status="not_found")):
        assert to_react_pdf_highlighter(citation) == to_embedpdf(citation, [PAGE]) == []
        assert to_streamlit(citation, [PAGE]) == to_iiif(citation, [PAGE], canvas="{page}") == []
        assert to_iiif_image(citation, image="{page}") == []


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.sampled_from(["pixel", "percent"]))
def test_there_and_back(sides: list[float], unit: Any) -> None:
    box = Box.from_fractions(*sides)
    citation = cite_by_hand(box, page=7)
    made = to_web_annotation(citation, [PAGE], source="{page}", unit=unit, scale=2)
    value = made["target"]["selector"][0]["value"].removeprefix("xywh=").removeprefix("percent:")
    x, y, width, height = map(float, value.split(","))
    across, down = (1000, 2000) if unit == "pixel" else (100, 100)
    again = Box.from_size((x, y, x + width, y + height), width=across, height=down)
    assert again.as_tuple() == pytest.approx(box.as_tuple(), abs=0.0011)
    assert "e" not in value  # no 1e-05, which is no number to readers of fragments
    rect = to_react_pdf_highlighter(citation)[0]["position"]["rects"][0]
    assert [rect[key] for key in ("x1", "y1", "x2", "y2")] == pytest.approx(box.as_tuple(), abs=1e-6)
    json.dumps([made, rect], allow_nan=False)
