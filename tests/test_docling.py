"""Docling's own model takes what we make for it, and says everything that the document says."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.docling import require_docling, to_docling
from deepseek_ocr_rag.document import Block, BlockKind, Cell, Document, Line, Page, Table
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.tables import table_markdown

docling = pytest.importorskip("docling_core.types.doc", reason="the extra docling is not installed")

BOX = Box(left=0.1, top=0.2, right=0.5, bottom=0.25)
AT = (60.0, 600.0, 300.0, 640.0)
"""The box in points from the bottom left: left, bottom, right, top of a page of 600 by 800."""


def block(name: str, kind: str, text: str, page: int = 1, **fields: Any) -> Block:
    fields.setdefault("boxes", (BOX,))
    return Block(id=name, kind=BlockKind(kind), text=text, page_number=page, **fields)


def table(name: str, rows: Sequence[Sequence[str]], page: int = 1, *, header: int = 1, **fields: Any) -> Block:
    cells = tuple(
        Cell(row=row, column=column, text=text, box=BOX)
        for row, line in enumerate(rows)
        for column, text in enumerate(line)
    )
    grid = Table(
        rows=len(rows),
        columns=len(rows[0]),
        cells=cells,
        header_rows=header,
        repeats_header=fields.pop("repeats", False),
    )
    return block(name, "table", table_markdown(grid), page, table=grid, **fields)


def document(*blocks: Block, file_name: str = "in/report.pdf") -> Document:
    numbers = sorted({one.page_number for one in blocks} | {1})
    pages = (
        Page(
            number=number,
            label="",
            width=600,
            height=800,
            blocks=tuple(one for one in blocks if one.page_number == number),
        )
        for number in numbers
    )
    return Document(
        id="sha256:" + "0123456789abcdef" * 4,
        source=file_name,
        file_name=file_name,
        total_pages=len(numbers),
        pages=tuple(pages),
    )


def made_of(*blocks: Block) -> Any:
    """Docling's document, which its own model and rules find valid."""
    return checked(to_docling(document(*blocks)))


def checked(made: Any) -> Any:
    again = docling.DoclingDocument.model_validate(made.export_to_dict())
    again._validate_rules()
    assert again.export_to_dict() == made.export_to_dict()
    return made


def tree(made: Any) -> list[tuple[int, str, str]]:
    layers = set(docling.ContentLayer)
    return [
        (depth, str(item.label.value), getattr(item, "text", ""))
        for item, depth in made.iterate_items(with_groups=True, included_content_layers=layers)
    ][1:]


def places(item: Any) -> list[tuple[int, tuple[int, int]]]:
    return [(prov.page_no, prov.charspan) for prov in item.prov]


def test_every_kind_is_what_docling_calls_it() -> None:
    made = made_of(
        block("h", "page_header", "Head"),
        block("t", "title", "Title", level=1),
        block("s", "heading", "Part", level=2),
        block("u", "heading", "Deeper", level=3),
        block("p", "paragraph", "Words."),
        block("c", "code", "x = 1"),
        block("o", "other", "Stamp"),
        block("n", "footnote", "1 Note", belongs_to="p"),
        block("k", "caption", "Figure 9"),
        block("r", "table", "no grid"),
        block("e", "paragraph", " "),
        block("f", "page_footer", "1"),
    )
    assert tree(made) == [
        (1, "page_header", "Head"),
        (1, "title", "Title"),
        (1, "section_header", "Part"),
        (1, "section_header", "Deeper"),
        (1, "text", "Words."),
        (1, "code", "x = 1"),
        (1, "text", "Stamp"),
        (1, "footnote", "1 Note"),
        (1, "caption", "Figure 9"),
        (1, "text", "no grid"),
        (1, "page_footer", "1"),
    ]
    assert [item.level for item in made.texts if item.label == "section_header"] == [1, 2]
    furniture = [item.text for item in made.texts if item.content_layer == docling.ContentLayer.FURNITURE]
    assert furniture == ["Head", "1"]
    assert "Head" not in made.export_to_markdown()


def test_without_a_title_headings_keep_their_levels() -> None:
    made = made_of(block("s", "heading", "Part", level=1), block("u", "heading", "Deeper", level=200))
    assert [item.level for item in made.texts] == [1, 100]


def test_pages_origin_and_boxes() -> None:
    made = made_of(block("p", "paragraph", "Words."))
    assert {number: page.size.as_tuple() for number, page in made.pages.items()} == {1: (600, 800)}
    assert (made.name, made.origin.filename, made.origin.mimetype) == ("report", "in/report.pdf", "application/pdf")
    assert made.origin.binary_hash == 0x0123456789ABCDEF
    [prov] = made.texts[0].prov
    assert prov.bbox.coord_origin == docling.CoordOrigin.BOTTOMLEFT
    assert prov.bbox.as_tuple() == pytest.approx(AT)
    assert prov.bbox.t > prov.bbox.b
    assert (prov.page_no, prov.charspan) == (1, (0, 6))


def test_a_block_without_boxes_stands_on_its_page() -> None:
    [prov] = made_of(block("p", "paragraph", "Words.", boxes=())).texts[0].prov
    assert prov.bbox.as_tuple() == (0, 0, 600, 800)


def test_a_paragraph_over_pages_is_one_item_with_a_place_on_each() -> None:
    made = made_of(
        block("p", "paragraph", "By the mil-", continued_by="q"),
        block("n", "footnote", "Note."),
        block("f", "page_footer", "1"),
        block("q", "paragraph", "ler's wheel", 2, continues="p", joint="hyphen", continued_by="r"),
        block("r", "paragraph", "it ends.", 3, continues="q"),
    )
    first, note, _ = made.texts
    assert (first.text, note.text) == ("By the miller's wheel it ends.", "Note.")
    assert places(first) == [(1, (0, 10)), (2, (10, 21)), (3, (22, 30))]
    assert [first.text[slice(*prov.charspan)] for prov in first.prov] == ["By the mil", "ler's wheel", "it ends."]


def test_a_paragraph_over_columns_tells_which_characters_stand_in_each() -> None:
    right = Box(left=0.6, top=0.1, right=0.9, bottom=0.2)
    lines = (Line(start=0, end=5, box=BOX, source="ocr"), Line(start=6, end=11, box=right, source="ocr"))
    made = made_of(block("p", "paragraph", "Left. Right", boxes=(BOX, right), lines=lines))
    assert places(made.texts[0]) == [(1, (0, 5)), (1, (6, 11))]
    blind = made_of(block("p", "paragraph", "Left. Right", boxes=(BOX, right)))
    assert places(blind.texts[0]) == [(1, (0, 11)), (1, (0, 11))]


def test_lists_are_nested_below_their_items() -> None:
    items = [("• one", 0), ("1. deep", 2), ("2) deep too", 2), ("- mark", 2), ("two", 0), ("12. ten", 0), ("•", 0)]
    blocks = [block(f"l{at}", "list_item", text, at // 2 + 1, level=level) for at, (text, level) in enumerate(items)]
    made = made_of(*blocks[:2], block("f", "page_footer", "1"), *blocks[2:], block("p", "paragraph", "End.", 4))
    assert tree(made) == [
        (1, "list", ""),
        (2, "list_item", "one"),
        (3, "list", ""),
        (4, "list_item", "deep"),
        (4, "list_item", "deep too"),
        (3, "list", ""),
        (4, "list_item", "mark"),
        (2, "list_item", "two"),
        (1, "page_footer", "1"),
        (1, "list", ""),
        (2, "list_item", "ten"),
        (1, "list", ""),
        (2, "list_item", "•"),
        (1, "text", "End."),
    ]
    found = [(item.marker, item.enumerated) for item in made.texts if item.label == "list_item"]
    numbers, bullets = [("1.", True), ("2)", True)], [("-", False), ("", False)]
    assert found == [("•", False), *numbers, *bullets, ("12.", True), ("", False)]
    deep = next(item for item in made.texts if item.text == "deep")
    assert places(deep) == [(1, (0, 4))]


def test_a_table_keeps_its_spans_headers_and_cells() -> None:
    cells = (
        Cell(row=0, column=0, text="Site", row_span=2),
        Cell(row=0, column=1, text="Load", column_span=2),
        Cell(row=1, column=1, text="spring"),
        Cell(row=1, column=2, text="autumn", box=BOX),
        Cell(row=2, column=0, text="Weir", is_header=True),
        Cell(row=2, column=1, text="1", row_span=9),
    )
    grid = Table(rows=3, columns=3, cells=cells, header_rows=2)
    made = made_of(block("t", "table", table_markdown(grid), table=grid))
    data = made.tables[0].data
    assert (data.num_rows, data.num_cols) == (3, 3)
    assert [[cell.text for cell in row] for row in data.grid] == [
        ["Site", "Load", "Load"],
        ["Site", "spring", "autumn"],
        ["Weir", "1", ""],
    ]
    assert [(cell.column_header, cell.row_header) for cell in data.table_cells] == [(True, False)] * 4 + [
        (False, True),
        (False, False),
    ]
    assert data.table_cells[-1].row_span == 1
    box = data.table_cells[3].bbox
    assert (box.coord_origin, box.as_tuple()) == (docling.CoordOrigin.TOPLEFT, (60.0, 160.0, 300.0, 200.0))
    assert places(made.tables[0]) == [(1, (0, 0))]


def test_a_table_over_pages_is_one_with_a_place_on_each() -> None:
    made = made_of(
        table("t", [["a", "b"], ["1", "2"]], continued_by="u"),
        table("u", [["a", "b"], ["3", "4"]], 2, repeats=True, continues="t", continued_by="v"),
        block("c", "caption", "Table 1 (continued)", 2, belongs_to="u"),
        table("v", [["5", "6"]], 3, header=0, continues="u"),
    )
    [found] = made.tables
    assert [[cell.text for cell in row] for row in found.data.grid] == [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"]]
    assert [cell.text for cell in found.data.table_cells if cell.column_header] == ["a", "b"]
    assert [prov.page_no for prov in found.prov] == [1, 2, 3]
    assert all(cell.bbox is None for cell in found.data.table_cells)
    assert found.caption_text(made) == "Table 1 (continued)"


def test_tables_that_docling_would_refuse_are_text() -> None:
    huge = Table(rows=2000, columns=2000, cells=(Cell(row=0, column=0, text="12"),))
    made = made_of(
        block("t", "table", "| 12 |", table=huge), block("u", "table", "", table=Table(rows=0, columns=0, cells=()))
    )
    assert made.tables == []
    assert [item.text for item in made.texts] == ["| 12 |"]


def test_captions_stand_below_what_they_are_of() -> None:
    made = made_of(
        block("c", "caption", "Table 1", belongs_to="t"),
        table("t", [["a"], ["1"]]),
        block("f", "figure", "A mill."),
        block("d", "caption", "Figure 1", belongs_to="f"),
        block("x", "caption", "Of nothing", belongs_to="x"),
        block("n", "footnote", "a of the table", belongs_to="t"),
    )
    assert tree(made) == [
        (1, "table", ""),
        (2, "caption", "Table 1"),
        (1, "picture", ""),
        (2, "caption", "Figure 1"),
        (1, "caption", "Of nothing"),
        (1, "footnote", "a of the table"),
    ]
    assert made.tables[0].caption_text(made) == "Table 1"
    assert made.pictures[0].caption_text(made) == "Figure 1"
    text = made.export_to_markdown()
    assert [text.count(said) for said in ("Table 1", "Figure 1", "A mill.", "a of the table")] == [1, 1, 1, 1]


def test_a_chart_has_its_table_and_what_else_is_said_of_it() -> None:
    chart = table("f", [["Fish", "n"], ["pike", "12"]])
    made = made_of(replace(chart, kind=BlockKind.FIGURE, text=f"Catch\n\n{chart.text}"))
    meta = made.pictures[0].meta
    assert meta.description.text == "Catch"
    assert [cell.text for cell in meta.tabular_chart.chart_data.table_cells] == ["Fish", "n", "pike", "12"]
    assert "pike" in made.export_to_markdown()


@pytest.mark.parametrize(
    ("image", "uri"),
    [
        ("figs/1.png", "figs/1.png"),
        ("s3://bucket/1.jpg", "s3://bucket/1.jpg"),
        ("javascript:alert(1).png", "javascript:alert(1).png"),
        ("file:///etc/passwd.png", None),
        ("figs/1.exe", None),
        ("", None),
    ],
)
def test_pictures_are_referred_to_and_not_read(image: str, uri: str | None) -> None:
    picture = made_of(block("f", "figure", "", image=image)).pictures[0]
    assert (str(picture.image.uri) if picture.image else None) == uri
    if picture.image:
        assert picture.image.size.as_tuple() == pytest.approx((240, 40))
        assert isinstance(picture.image.uri, Path) == ("://" not in image)


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("$$ a_b $$", "a_b"),
        ("\\[\nx = 1\n\\]", "x = 1"),
        ("$x$", "x"),
        (" E = mc ", "E = mc"),
        ("\\[ a \\\\[2pt] b \\]", "a \\\\[2pt] b"),
    ],
)
def test_formulas_are_without_their_signs(text: str, formula: str) -> None:
    [item] = made_of(block("m", "formula", text)).texts
    assert (item.label, item.text, item.orig) == ("formula", formula, text)
    assert places(item) == [(1, (0, len(formula)))]


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("\\[ E=mc^2 \\] (3)", "E=mc^2 \\tag{3}"),
        ("$$ E $$\n(3.1a)", "E \\tag{3.1a}"),
        ("$$ E $$ \\tag{3}", "E \\tag{3}"),
    ],
)
def test_a_formulas_number_is_its_tag(text: str, formula: str) -> None:
    [item] = made_of(block("m", "formula", text)).texts
    assert (item.label, item.text, item.orig) == ("formula", formula, text)
    number = formula[formula.index("{") + 1 : -1]
    assert [item.text[slice(*prov.charspan)] for prov in item.prov] == [formula.partition(" \\tag")[0], number]


@pytest.mark.parametrize("text", ["$$a$$ and $$b$$", "$$$$", "$a$ where $b$", "\\[ E \\tag{1} \\] (1)"])
def test_what_is_not_one_formula_is_text(text: str) -> None:
    [item] = made_of(block("m", "formula", text)).texts
    assert (item.label, item.text) == ("text", text)


def test_headings_as_high_as_the_title_keep_their_levels() -> None:
    title = block("t", "title", "Title", level=1)
    for levels, found in (((1, 2), [1, 2]), ((2, 3), [1, 2])):
        headings = (block(f"h{level}", "heading", "Part", level=level) for level in levels)
        made = made_of(title, *headings)
        assert [item.level for item in made.texts if item.label == "section_header"] == found


def test_a_list_over_a_page_break_is_one() -> None:
    made = made_of(
        block("a", "list_item", "1. one"),
        block("n", "footnote", "1 A note."),
        block("f", "page_footer", "1"),
        block("b", "list_item", "2. two", 2),
    )
    found = [(depth, label) for depth, label, _ in tree(made) if label.startswith("list")]
    assert found == [(1, "list"), (2, "list_item"), (2, "list_item")]


def test_of_two_cells_at_one_place_the_last_counts_and_none_is_outside() -> None:
    cells = tuple(
        Cell(row=0, column=column, text=text, column_span=10**9)
        for column, text in ((0, "old"), (0, "new"), (7, "outside"))
    )
    grid = Table(rows=1, columns=2, cells=cells)
    data = made_of(block("t", "table", table_markdown(grid), table=grid)).tables[0].data
    assert [(cell.text, cell.col_span) for cell in data.table_cells] == [("new", 2)]


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docling_core", None)
    monkeypatch.setattr("deepseek_ocr_rag.docling.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "deepseek-ocr-rag\[docling\]"'):
        require_docling()
    with pytest.raises(ModuleNotFoundError, match="docling-core is not installed"):
        to_docling(document())


# Whatever the document


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    texts = st.text("ab •-1.$\n|<_\ud800", max_size=10)
    blocks: list[Block] = []
    for at in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from([kind.value for kind in BlockKind]))
        page, level = draw(st.integers(1, 3)), draw(st.integers(-1, 12))
        belongs = draw(st.sampled_from(["", "b0", "b1", "b2"]))
        if kind == "table" and draw(st.booleans()):
            rows = draw(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=3))
            blocks.append(table(f"b{at}", rows, page, header=draw(st.integers(0, 2)), repeats=draw(st.booleans())))
        else:
            blocks.append(block(f"b{at}", kind, draw(texts), page, level=level, belongs_to=belongs))
    for at, one in enumerate(blocks):
        if at and draw(st.booleans()):
            blocks[at] = replace(one, continues=f"b{at - 1}", joint=draw(st.sampled_from(["space", "none", "hyphen"])))
    return document(*sorted(blocks, key=lambda one: one.page_number))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_any_document_is_valid_and_nothing_of_it_is_lost(made: Document) -> None:
    found = checked(to_docling(made))
    said = "".join(item.text for item in found.texts)
    said += "".join(cell.text for item in found.tables for cell in item.data.table_cells)
    for picture in found.pictures:
        said += picture.meta.description.text if picture.meta and picture.meta.description else ""
    letters = [character for one in made.blocks() for character in one.text if character in "a_"]
    again = [
        character
        for one in made.blocks()
        if one.table is not None and one.table.repeats_header and one.continues
        for character in one.text
    ]
    counts = {letter: said.count(letter) for letter in "a_"}
    assert all(
        letters.count(letter) - again.count(letter) <= counts[letter] <= letters.count(letter) for letter in "a_"
    )
    for item in found.texts:
        assert all(0 <= prov.charspan[0] <= prov.charspan[1] <= len(item.text) for prov in item.prov)
        assert item.prov


def test_the_sample_says_the_same_in_docling(sample_document: Document) -> None:
    made = checked(to_docling(sample_document))
    text = made.export_to_markdown(escape_html=False, escape_underscores=False)
    missing = set(words_of(sample_document.markdown)) - set(words_of(text))
    assert missing == set()
    assert len(words_of(text)) >= len(words_of(sample_document.markdown))
    assert sorted(made.pages) == [page.number for page in sample_document.pages]


class TestChunkers:
    """Docling's chunkers take our documents."""

    def test_by_the_hierarchy(self, sample_document: Document) -> None:
        pytest.importorskip("tree_sitter", reason="docling-core[chunking] is not installed")
        from docling_core.transforms.chunker.hierarchical_chunker import HierarchicalChunker

        chunks = list(HierarchicalChunker().chunk(to_docling(sample_document)))
        assert all(chunk.text and chunk.meta.doc_items[0].prov for chunk in chunks)
        assert sum(1 for chunk in chunks if chunk.meta.headings) > len(chunks) / 2

    def test_hybrid(self, sample_document: Document) -> None:
        pytest.importorskip("tree_sitter", reason="docling-core[chunking] is not installed")
        pytest.importorskip("semchunk", reason="docling-core[chunking] is not installed")
        from docling_core.transforms.chunker.hybrid_chunker import HybridChunker
        from docling_core.transforms.chunker.tokenizer.base import BaseTokenizer

        class Words(BaseTokenizer):
            def count_tokens(self, text: str) -> int:
                return len(text.split())

            def get_max_tokens(self) -> int:
                return 50

            def get_tokenizer(self) -> Any:
                return self.count_tokens

        chunks = list(HybridChunker(tokenizer=Words()).chunk(to_docling(sample_document)))
        assert len(chunks) > 10
        assert all(chunk.meta.doc_items for chunk in chunks)
