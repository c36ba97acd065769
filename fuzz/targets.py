"""What is fuzzed: each target takes any bytes, and raises where the code breaks a promise.

A promise is that nothing but the errors that are documented comes out, that results keep their invariants, and that the
work is in proportion to the input (:mod:`fuzz.__main__` holds the clock).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from deepseek_ocr_rag import ChunkOptions, Document, chunk_markdown, locate
from deepseek_ocr_rag.blocks import build_blocks
from deepseek_ocr_rag.document import Block, BlockKind, Line, Page, Table
from deepseek_ocr_rag.errors import DeepSeekOCRError
from deepseek_ocr_rag.export import document_markdown
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.grounding import parse
from deepseek_ocr_rag.loops import find_loop
from deepseek_ocr_rag.pieces import page_regions
from deepseek_ocr_rag.prompts import PAGE_TASKS
from deepseek_ocr_rag.recognition import Recognition
from deepseek_ocr_rag.tables import parse_html_table, parse_pipe_table, table_html, table_markdown
from deepseek_ocr_rag.webpage import document_html

SPLIT = "\n----\n"
"""What parts the two texts of an input that has two."""

TASKS = sorted(PAGE_TASKS)
GROWTH = 64
"""Characters that a table's markdown has at most for one of its source, rules and padding of short rows included."""

SMALL = ChunkOptions(max_tokens=64, overlap=8)
WIDE = Box(left=0.1, top=0.1, right=0.9, bottom=0.9)


def grounding(data: bytes) -> None:
    """A model's answer: parsed, joined with others of its page, made into blocks."""
    text = _text(data)
    for task in TASKS:
        parsed = parse(text, task=task)
        assert sum(len(region.text) for region in parsed.regions) <= 2 * len(text) + 16
    find_loop(text, is_whole=True)
    recognition = Recognition(page_number=1, engine="fuzz", text=text, finish_reason="stop")
    page_regions(recognition)
    blocks, _ = build_blocks(recognition)
    for block in blocks:
        assert block.page_number == 1
    document_html(_document(blocks))


def tables(data: bytes) -> None:
    """A table in HTML or pipes: read, written, and read again as it was."""
    text = _text(data)
    for table in (parse_html_table(text), parse_pipe_table(text)):
        if table is None:
            continue
        _check_table(table)
        written = table_markdown(table)
        assert len(written) <= GROWTH * (len(text) + 64)
        again = parse_html_table(table_html(table))
        assert again is None or (again.rows, again.columns) == (table.rows, table.columns)


def _check_table(table: Table) -> None:
    for cell in table.cells:
        assert 0 <= cell.row < table.rows
        assert 0 <= cell.column < table.columns
        assert cell.row + cell.row_span <= table.rows
        assert cell.column + cell.column_span <= table.columns


def quotes(data: bytes) -> None:
    """A quote and the text that it is looked for in: places are in the text, and never more than was asked for."""
    quote, _, text = _text(data).partition(SPLIT)
    lines = tuple(
        Line(start=start, end=end, box=WIDE, source="text_layer") for start, end in _line_ranges(text) if end > start
    )
    block = Block(id="p1-b1", kind=BlockKind.PARAGRAPH, text=text, page_number=1, boxes=(WIDE,), lines=lines)
    found = locate(quote, _document([block]))
    assert 0 <= found.score <= 100
    for region in found.regions:
        assert region.page_number == 1


def stored(data: bytes) -> None:
    """A stored document, which anybody may have written: refused by a ValueError, or a document like any other.

    The input is JSON, or changes to a good document, a line each, as ``pages.0.blocks.1.level=-5``.
    """
    text = _text(data)
    try:
        value = json.loads(text) if text.startswith("{") else _changed(text)
    except (ValueError, RecursionError):
        return
    try:
        document = Document.from_dict(value)
    except ValueError:
        return
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document
    document_html(document)
    document_markdown(document)
    try:
        locate("what is said", document)
    except DeepSeekOCRError:
        return


def passages(data: bytes) -> None:
    """Markdown from elsewhere: chunks within their budget, whose parts are where they say."""
    text = _text(data)
    for chunk in chunk_markdown(text, SMALL):
        assert SMALL.token_counter(chunk.embedded_text) <= SMALL.max_tokens


_GOOD = [
    *build_blocks(
        Recognition(
            page_number=1,
            engine="fuzz",
            text="title[[9, 9, 99, 20]]\n# What is said\n\ntext[[9, 30, 99, 40]]\nHere what is said is said.\n\n"
            "table[[9, 50, 99, 99]]\n<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>\n",
            finish_reason="stop",
        )
    )[0]
]

TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {"grounding": grounding, "tables": tables, "quotes": quotes, "stored": stored, "passages": passages}
)


def _text(data: bytes) -> str:
    """Any text: bytes that are no UTF-8 become halves of surrogate pairs, as careless programs make them."""
    return data.decode("utf-8", "surrogateescape")


def _changed(text: str) -> Any:
    value = _document(_GOOD).to_dict()
    for line in text.split("\n"):
        path, _, new = line.partition("=")
        place: Any = value
        *way, last = path.split(".")
        for step in way:
            place = _step(place, step)
        if isinstance(place, dict):
            place[last] = json.loads(new)
        elif isinstance(place, list) and place:
            place[_index(last, place)] = json.loads(new)
    return value


def _step(place: Any, step: str) -> Any:
    if isinstance(place, list) and place:
        return place[_index(step, place)]
    return place.get(step) if isinstance(place, dict) else None


def _index(step: str, place: list[Any]) -> int:
    return (
        sum(step.encode("utf-8", "surrogatepass")) % len(place) if not step.isdecimal() else int(step[:9]) % len(place)
    )


def _line_ranges(text: str) -> list[tuple[int, int]]:
    ranges, start = [], 0
    for line in text.split("\n"):
        ranges.append((start, start + len(line)))
        start += len(line) + 1
    return ranges


def _document(blocks: list[Block] | tuple[Block, ...]) -> Document:
    page = Page(number=1, label="1", width=600, height=800, blocks=tuple(blocks))
    return Document(id="sha256:0", source="a.pdf", file_name="a.pdf", total_pages=1, pages=(page,))
