"""What both frameworks and the command line are given."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from deepseek_ocr_rag.assemble import DocumentInfo, assemble
from deepseek_ocr_rag.chunk import Strategy
from deepseek_ocr_rag.document import PageStatus
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.records import Mode, Record, RecordStream
from deepseek_ocr_rag.tables import parse_html_table, table_markdown

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


# As the pages come

INFO = DocumentInfo(id="sha256:1", source="b.pdf", file_name="b.pdf", total_pages=0)
COLUMN = Box(left=0.1, top=0.1, right=0.9, bottom=0.9)


def page_of(number: int, *blocks: tuple[str, str]) -> Page:
    return Page(
        number=number,
        label=str(number),
        width=595,
        height=842,
        status="ok" if blocks else "empty",
        blocks=tuple(
            made_block(f"p{number}-b{at}", BlockKind(kind), text, number) for at, (kind, text) in enumerate(blocks)
        ),
    )


def made_block(name: str, kind: BlockKind, text: str, number: int) -> Block:
    table = None
    if kind is BlockKind.TABLE:
        rows = "".join(f"<tr><td>{row}</td><td>{number}</td></tr>" for row in text.split())
        table = parse_html_table(f"<table><tr><th>Name</th><th>Page</th></tr>{rows}</table>")
        text = table_markdown(table) if table else ""
    image = "figures/1.png" if kind is BlockKind.FIGURE else ""
    return Block(id=name, kind=kind, text=text, page_number=number, boxes=(COLUMN,), table=table, image=image, level=1)


def streamed(
    pages: list[Page], mode: Mode, options: ChunkOptions, *, info: DocumentInfo = INFO, keep_blank: bool = True
) -> list[Record]:
    stream = RecordStream(info, mode, options=options, keep_blank=keep_blank)
    return [*(record for page in pages for record in stream.push(page)), *stream.end()]


TEXTS = st.sampled_from(
    [
        ("paragraph", "It goes on over the break of this page and"),
        ("paragraph", "ends on the next one. There it says a little more."),
        ("heading", "2 Methods"),
        ("footnote", "1 A note at the foot."),
        ("table", "one two three"),
        ("caption", "Table 1: What was found."),
        ("figure", ""),
        ("list_item", "- an item"),
        ("paragraph", "Annual report"),
    ]
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(TEXTS, max_size=5), max_size=45),
    st.sampled_from(["section", "page", "block", "parent_child"]),
    st.integers(16, 60),
    st.booleans(),
)
def test_records_of_pages_that_come_are_those_of_the_document(
    given_pages: list[list[tuple[str, str]]], strategy: Strategy, budget: int, keep_blank: bool
) -> None:
    pages = [page_of(number, *blocks) for number, blocks in enumerate(given_pages, start=1)]
    options = ChunkOptions(max_tokens=budget, overlap=5, strategy=strategy, parent_tokens=3 * budget)
    document = assemble(pages, info=INFO)
    modes: tuple[Mode, ...] = ("chunk", "page")
    for mode in modes:
        whole = list(records(document, mode, options=options, keep_blank=keep_blank))
        assert streamed(pages, mode, options, keep_blank=keep_blank) == whole


def test_the_record_of_a_whole_file_is_not_there_before_its_end() -> None:
    with pytest.raises(ValueError, match="mode='document'"):
        RecordStream(INFO, "document")


def long_report(count: int) -> Iterator[Page]:
    """Pages with a table that goes on over all of them, texts that do, too, notes and figures."""
    for number in range(1, count + 1):
        yield page_of(
            number,
            ("paragraph", f"Annual report {number}"),
            *([("heading", f"{number} Chapter")] if number % 7 == 0 else []),
            ("paragraph", f"ends here. Text of page {number} goes on over the break and"),
            *([("footnote", "1 See above.")] if number % 3 == 0 else []),
            *([("table", f"a{number} b{number}")] if number < count // 2 else [("figure", "")]),
        )


def live_pages() -> int:
    gc.collect()
    return sum(type(thing) is Page for thing in gc.get_objects())


@pytest.mark.parametrize("strategy", ["section", "page", "block", "parent_child"])
@pytest.mark.parametrize("mode", ["chunk", "page"])
def test_a_long_document_is_not_held_in_memory(mode: Mode, strategy: Strategy) -> None:
    stream = RecordStream(INFO, mode, options=ChunkOptions(max_tokens=100, parent_tokens=300, strategy=strategy))
    before, most, found = live_pages(), 0, 0
    for number, page in enumerate(long_report(300)):
        found += len(stream.push(page))
        if number % 50 == 49:
            most = max(most, live_pages() - before)
    assert found > 100
    assert most < 60
