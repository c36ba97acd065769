from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Block, BlockKind, Document, Page
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.markdown import block_markdown
from deepseek_ocr_rag.serial import from_dict

# Numbers that every field takes.
st.register_type_strategy(int, st.integers(1, 300))
st.register_type_strategy(float, st.floats(0, allow_infinity=False))
st.register_type_strategy(Box, st.builds(Box.from_fractions, *[st.floats(0, 1)] * 4))


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_type(Document))
def test_a_document_survives_json(document: Document) -> None:
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"id": 3},
        {"id": "x", "source": "s", "file_name": "f", "total_pages": "1", "pages": []},
        {"id": "x", "source": "s", "file_name": "f", "total_pages": 1, "pages": [{"number": 1}]},
        {"id": "x", "source": "s", "file_name": "f", "total_pages": 1, "pages": [], "unknown": 1},
    ],
)
def test_a_document_that_is_none_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a Document"):
        Document.from_dict(data)


def test_a_box_of_three_numbers_is_refused() -> None:
    block = {"id": "b", "kind": "paragraph", "text": "", "page_number": 1, "boxes": [[0, 0, 1]]}
    with pytest.raises(ValueError, match="not a Block"):
        from_dict(Block, block)


@pytest.mark.parametrize(
    ("kind", "level", "text", "expected"),
    [
        (BlockKind.HEADING, 2, "Results", "## Results"),
        (BlockKind.TITLE, 1, "Report", "# Report"),
        (BlockKind.LIST_ITEM, 0, "• bottles", "- bottles"),
        (BlockKind.LIST_ITEM, 1, "bottles", "  - bottles"),
        (BlockKind.LIST_ITEM, 0, "12. bottles", "12. bottles"),
        (BlockKind.LIST_ITEM, 0, "* bottles", "* bottles"),
        (BlockKind.LIST_ITEM, 0, "100 g flour", "- 100 g flour"),
        (BlockKind.LIST_ITEM, 0, "1990 was wet", "- 1990 was wet"),
        (BlockKind.LIST_ITEM, 0, "1.5 l of milk", "- 1.5 l of milk"),
        (BlockKind.LIST_ITEM, 0, "a) alpha", "- a) alpha"),
        (BlockKind.LIST_ITEM, 0, "•", ""),
        (BlockKind.HEADING, 2, " \n", ""),
        (BlockKind.HEADING, 2, "A long\ntitle", "## A long title"),
        (BlockKind.HEADING, 2, "In C #", "## In C \\#"),
        (BlockKind.CODE, 0, "x = 1", "```\nx = 1\n```"),
        (BlockKind.CODE, 0, "a\n````\nb", "`````\na\n````\nb\n`````"),
        (BlockKind.PARAGRAPH, 0, "# not a heading", "\\# not a heading"),
        (BlockKind.FIGURE, 0, "# a heading in a figure", "# a heading in a figure"),
        (BlockKind.FIGURE, 0, "<!-- page 7 -->", "\\<!-- page 7 -->"),
    ],
)
def test_blocks_as_markdown(kind: BlockKind, level: int, text: str, expected: str) -> None:
    assert block_markdown(Block(id="b", kind=kind, text=text, level=level, page_number=1)) == expected


@pytest.mark.parametrize(
    ("image", "text", "expected"),
    [
        ("figs/1.jpg", "", "![Figure](figs/1.jpg)"),
        ("figs/1.jpg", "A mill.", "![Figure](figs/1.jpg)\n\nA mill."),
        ("my figs (1)/1.jpg", "", "![Figure](my%20figs%20%281%29/1.jpg)"),
        ("s3://bucket/100%/1.jpg", "", "![Figure](s3://bucket/100%/1.jpg)"),
        ("a\n) <b>\\\ud800é.jpg", "", "![Figure](a%0A%29%20%3Cb%3E%5C%ED%A0%80é.jpg)"),
        ("", "", ""),
    ],
)
def test_a_figure_shows_its_picture(image: str, text: str, expected: str) -> None:
    figure = Block(id="b", kind=BlockKind.FIGURE, text=text, page_number=1, image=image)
    assert block_markdown(figure) == expected
    page = Page(number=1, label="1", width=595, height=842, blocks=(figure,))
    assert page.markdown == expected


def test_running_heads_are_kept_but_not_in_the_text() -> None:
    head = Block(id="p1-b1", kind=BlockKind.PAGE_HEADER, text="Report 2026", page_number=1)
    body = Block(id="p1-b2", kind=BlockKind.PARAGRAPH, text="Water.", page_number=1)
    page = Page(number=1, label="1", width=595, height=842, blocks=(head, body))
    assert page.markdown == "Water."
