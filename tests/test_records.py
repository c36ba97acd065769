"""What both frameworks and the command line are given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deepseek_ocr_rag import (
    Block,
    BlockKind,
    ChunkOptions,
    Document,
    EmptyOutput,
    OutputError,
    Page,
    PageFailed,
    RepeatedOutput,
    TruncatedOutput,
    check_pages,
    chunk_document,
    records,
)
from deepseek_ocr_rag.document import PageStatus

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


def test_parents_and_children_are_records_that_know_each_other() -> None:
    text = " ".join(f"Sample {number} was clear." for number in range(30))
    page = replace(DOCUMENT.pages[0], blocks=(replace(TEXT, text=text),))
    options = ChunkOptions(strategy="parent_child", max_tokens=30, parent_tokens=100)
    found = list(records(replace(DOCUMENT, pages=(page,)), "chunk", options=options))
    parents = {record.id: record for record in found if record.metadata["chunk_role"] == "parent"}
    children = [record for record in found if record.metadata["chunk_role"] == "child"]
    assert len(found) == len(parents) + len(children)
    assert len(children) > len(parents) > 1
    for child in children:
        assert child.text in parents[str(child.metadata["parent_id"])].text
    assert {record.metadata["parent_id"] for record in parents.values()} == {""}
    assert {record.metadata["chunk_role"] for record in records(DOCUMENT)} == {""}


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode='pages'"):
        list(records(DOCUMENT, "pages"))  # type: ignore[arg-type]


def test_a_failed_page_can_be_refused() -> None:
    with pytest.raises(PageFailed, match=r"a\.pdf, page 3: .*refused.*failed_pages"):
        check_pages(DOCUMENT)
    check_pages(replace(DOCUMENT, pages=()))


@pytest.mark.parametrize(
    ("status", "blocks", "error", "said"),
    [
        ("truncated", (TEXT,), TruncatedOutput, "stops before the page does. It was cut"),
        ("looped", (TEXT,), RepeatedOutput, "repeats itself"),
        ("suspect", (), EmptyOutput, "is empty, but the page is not"),
        ("suspect", (replace(TEXT, kind=BlockKind.FIGURE, text="", image="a.png"),), EmptyOutput, "is empty"),
    ],
)
def test_a_page_that_was_not_read_to_its_end_can_be_refused(
    status: PageStatus, blocks: tuple[Block, ...], error: type[OutputError], said: str
) -> None:
    page = replace(FAILED, status=status, blocks=blocks, warnings=("It was cut.",))
    with pytest.raises(error, match=rf"a\.pdf, page 3: .*{said}.*pages=.*failed_pages") as caught:
        check_pages(replace(DOCUMENT, pages=(*DOCUMENT.pages[:2], page)))
    assert (caught.value.source, caught.value.page_number) == ("a.pdf", 3)


def test_whole_pages_are_not_refused() -> None:
    statuses: tuple[PageStatus, ...] = ("ok", "retried", "fallback", "suspect")
    check_pages(replace(DOCUMENT, pages=tuple(replace(FAILED, status=status, blocks=(TEXT,)) for status in statuses)))
    check_pages(replace(DOCUMENT, pages=(replace(FAILED, status="empty"),)))
