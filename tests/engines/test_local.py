"""The embedded engine on the sample document: every page's words, structure and boxes against the drawing script."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from deepseek_ocr_rag import (
    Block,
    BlockKind,
    Box,
    ChunkOptions,
    Document,
    LocalEngine,
    ReadOptions,
    chunk_document,
    parse_regions,
    read,
    records,
)

pytest.importorskip("rapidocr", reason="OCR needs the [local] extra")
Truth = dict[str, Any]
SCANS = {7, 8}


def letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def truth_blocks(truth: Truth, page: int, *kinds: str) -> Iterator[dict[str, Any]]:
    yield from (block for block in truth["pages"][page - 1]["blocks"] if not kinds or block["kind"] in kinds)


def pages_with_text(truth: Truth) -> list[int]:
    return [page["number"] for page in truth["pages"] if page["blocks"]]


def test_every_page_is_there_and_says_who_read_it(sample_document: Document) -> None:
    expected = ["local/text-layer"] * 6 + ["local/rapidocr"] * 2 + ["local/blank"]
    assert [page.engine for page in sample_document.pages] == expected
    assert [page.status for page in sample_document.pages] == ["ok"] * 8 + ["empty"]
    assert [page.number for page in sample_document.pages] == list(range(1, 10))


def test_no_visible_character_is_lost(sample: tuple[Path, Truth], sample_document: Document) -> None:
    for number in pages_with_text(sample[1]):
        said = sorted(letters(" ".join(word[0] for b in truth_blocks(sample[1], number) for word in b["words"])))
        page = sample_document.pages[number - 1]
        heard = sorted(letters(" ".join(block.text for block in page.blocks)))
        lost = Levenshtein.distance(said, heard) / len(said)
        assert lost <= (0.01 if number in SCANS else 0.0), f"page {number}: {lost:.2%} of the letters differ"


def test_headings_have_the_levels_of_the_drawing(sample: tuple[Path, Truth], sample_document: Document) -> None:
    drawn = [
        (page["number"], block["text"], block["level"])
        for page in sample[1]["pages"]
        for block in page["blocks"]
        if block["kind"] in ("title", "heading") and block["text"] != "Abstract"
    ]
    found = {(heading.page_number, letters(heading.text)): heading.level for heading in sample_document.headings}
    assert {(number, letters(text)) for number, text, _ in drawn} <= set(found)
    for number, text, level in drawn:
        if re.match(r"\d", text):
            assert found[number, letters(text)] == level, text


def test_tables_come_out_cell_by_cell(sample: tuple[Path, Truth], sample_document: Document) -> None:
    for number in (4, 5, 6, 8):
        drawn = [block["rows"] for block in truth_blocks(sample[1], number, "table")]
        found = [block.table for block in sample_document.pages[number - 1].blocks if block.table]
        assert len(found) == len(drawn), f"page {number}"
        for rows, table in zip(drawn, found, strict=True):
            assert (table.rows, table.columns) == (len(rows), len(rows[0]))
            assert {(c.row, c.column): letters(c.text) for c in table.cells} == {
                (r, c): letters(cell) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell
            }
            assert table.header_rows == 1


def test_the_table_over_the_page_break_is_one(sample_document: Document) -> None:
    first = [block for block in sample_document.pages[3].blocks if block.kind is BlockKind.TABLE][-1]
    second = next(block for block in sample_document.pages[4].blocks if block.kind is BlockKind.TABLE)
    assert second.continues == first.id
    assert second.table is not None
    assert second.table.repeats_header


def test_columns_are_read_one_after_the_other(sample: tuple[Path, Truth], sample_document: Document) -> None:
    drawn = [block["text"] for block in truth_blocks(sample[1], 3, "paragraph")]
    text = " ".join(block.text for block in sample_document.pages[2].blocks)
    places = [text.find(paragraph[:40]) for paragraph in drawn]
    assert -1 not in places
    assert places == sorted(places)


def test_captions_and_figure_are_known_as_such(sample_document: Document) -> None:
    page = sample_document.pages[2]
    assert any(block.kind is BlockKind.FIGURE for block in page.blocks)
    assert any(block.kind is BlockKind.CAPTION and block.text.startswith("Figure 1.") for block in page.blocks)


def lines_of(block: Block) -> Iterator[tuple[str, Box]]:
    for line in block.lines:
        yield block.text[line.start : line.end], line.box


@pytest.mark.parametrize("number", range(1, 9))
def test_every_line_lies_on_its_words(sample: tuple[Path, Truth], sample_document: Document, number: int) -> None:
    """The words whose middle is in a line's box are the words that the line says."""
    words = [
        (text, Box.from_fractions(*corners))
        for block in truth_blocks(sample[1], number)
        for text, *corners in block["words"]
    ]
    checked = 0
    for block in sample_document.pages[number - 1].blocks:
        for said, box in lines_of(block):
            there = " ".join(text for text, place in words if box.holds_center_of(place))
            assert fuzz.ratio(letters(said), letters(there)) > 85, f"{said!r} stands on {there!r}"
            checked += 1
    assert checked > 5


@pytest.mark.parametrize("number", range(1, 9))
def test_every_word_stands_where_it_was_drawn(
    sample: tuple[Path, Truth], sample_document: Document, number: int
) -> None:
    """Of the two scans one is askew: upright boxes are compared with tilted words there."""
    drawn = [
        (letters(text), Box.from_fractions(*corners))
        for block in truth_blocks(sample[1], number)
        for text, *corners in block["words"]
    ]
    ious = [
        max((box.iou(word.box) for text, box in drawn if text == letters(block.text[word.start : word.end])), default=0)
        for block in sample_document.pages[number - 1].blocks
        for line in block.lines
        for word in line.words
        if letters(block.text[word.start : word.end])
    ]
    assert len(ious) > 0.9 * len(drawn)
    assert statistics.mean(ious) > (0.7 if number in SCANS else 0.9)


def test_every_region_of_every_chunk_lies_on_its_words(sample: tuple[Path, Truth], sample_document: Document) -> None:
    words = {
        page["number"]: [
            (text, Box.from_fractions(*corners)) for block in page["blocks"] for text, *corners in block["words"]
        ]
        for page in sample[1]["pages"]
    }
    chunks = list(chunk_document(sample_document, ChunkOptions(max_tokens=256)))
    assert {region.page_number for chunk in chunks for region in chunk.regions} == set(range(1, 9))
    for chunk in chunks:
        assert chunk.token_count <= 256
        for region in chunk.regions:
            said = letters(chunk.text[region.start : region.end])
            there = letters(" ".join(t for t, place in words[region.page_number] if region.box.holds_center_of(place)))
            # A region may show a part of its line only, so its words are among the line's.
            assert fuzz.partial_ratio(said, there) > 85, f"{said!r} stands on {there!r}"


def test_regions_in_metadata_are_those_of_the_chunk(sample_document: Document) -> None:
    """What a vector store gives back is enough: the JSON string holds the chunk's regions to 1/10000 of the page.

    Where a chunk shows a part of a line, the metadata's box is of that part.
    """
    options = ChunkOptions(max_tokens=128)
    chunks = list(chunk_document(sample_document, options))
    for chunk, record in zip(chunks, records(sample_document, "chunk", options=options), strict=True):
        assert (record.id, record.text) == (chunk.id, chunk.text)
        assert record.metadata["regions_precision"] == "line"
        told = parse_regions(str(record.metadata["regions"]))
        assert [(r.page_number, r.start, r.end) for r in told] == [
            (r.page_number, r.start, r.end) for r in chunk.regions
        ]
        assert all(line.box.covers(r.box) > 0.97 for r, line in zip(told, chunk.regions, strict=True))


def test_ocr_can_be_forced_and_switched_off(sample: tuple[Path, Truth]) -> None:
    scanned = next(iter(read(sample[0], ReadOptions(pages="7", engine=LocalEngine(ocr="none"))))).pages[0]
    assert (scanned.status, scanned.blocks) == ("failed", ())
    assert 'pip install "deepseek-ocr-rag[local]"' in scanned.warnings[0]
    assert "sample.pdf, page 7" in scanned.warnings[0]


def test_a_layer_is_used_after_all_where_ocr_sees_nothing(tmp_path: Path) -> None:
    """A line that is mostly glyphs without Unicode, in letters that are too large for OCR."""
    document = pymupdf.open()
    page = document.new_page(width=300, height=200)
    page.insert_font(fontname="F0", fontbuffer=pymupdf.Font("cjk").buffer)
    page.insert_text((20, 120), "\ue001\ue002\ue003\ue004", fontname="F0", fontsize=4)
    page.insert_text((20, 160), "_", fontsize=60)
    document.save(tmp_path / "odd.pdf")
    (page_read,) = next(iter(read(tmp_path / "odd.pdf"))).pages
    assert page_read.engine == "local/text-layer"
    assert "OCR saw less" in page_read.warnings[0]


def test_tesseract_is_used_where_it_is_asked_for(sample: tuple[Path, Truth], monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing Tesseract is said so; an installed one reads the page."""
    import shutil

    if shutil.which("tesseract"):
        page = next(iter(read(sample[0], ReadOptions(pages="7", engine=LocalEngine(ocr="tesseract"))))).pages[0]
        assert page.engine == "local/tesseract"
        assert "Marlpit Lane" in page.markdown
    monkeypatch.setenv("PATH", "")
    page = next(iter(read(sample[0], ReadOptions(pages="7", engine=LocalEngine(ocr="tesseract"))))).pages[0]
    assert page.status == "failed"
    assert "Tesseract was asked for but is not installed" in page.warnings[0]
