"""What both frameworks and the command line are given."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag import (
    Block,
    BlockKind,
    Document,
    Page,
    PageFailed,
    check_pages,
    chunk_document,
    records,
)

TEXT = Block(id="p1-b1", kind=BlockKind.PARAGRAPH, text="Water from the moor.", page_number=1)
FAILED = Page(number=3, label="3", width=1, height=1, status="failed", warnings=("a.pdf, page 3: refused.",))
DOCUMENT = Document(
    id="sha256:0",
    source="a.pdf",
    file_name="a.pdf",
    total_pages=3,
    pages=(
        Page(number=1, label="1", width=1, height=1, blocks=(TEXT,)),
        Page(number=2, label="2", width=1, height=1, status="empty"),
        FAILED,
    ),
)


def test_a_record_for_every_page_in_order() -> None:
    found = list(records(DOCUMENT))
    assert [record.text for record in found] == ["Water from the moor.", "", ""]
    assert [record.metadata["page_status"] for record in found] == ["ok", "empty", "failed"]
    assert len({record.id for record in found}) == 3


def test_blank_pages_can_be_left_out_and_failed_ones_cannot() -> None:
    assert [record.metadata["page_number"] for record in records(DOCUMENT, keep_blank=False)] == [1, 3]


def test_chunks_and_the_whole_file() -> None:
    (chunk,) = chunk_document(DOCUMENT)
    (record,) = records(DOCUMENT, "chunk")
    assert (record.id, record.text) == (chunk.id, chunk.text)
    (whole,) = records(DOCUMENT, "document")
    assert whole.text == DOCUMENT.markdown
    assert record.metadata.keys() == whole.metadata.keys() == next(records(DOCUMENT)).metadata.keys()


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode='pages'"):
        list(records(DOCUMENT, "pages"))  # type: ignore[arg-type]


def test_a_failed_page_can_be_refused() -> None:
    with pytest.raises(PageFailed, match=r"a\.pdf, page 3: .*refused.*failed_pages"):
        check_pages(DOCUMENT)
    check_pages(Document.from_dict(DOCUMENT.to_dict() | {"pages": []}))
