"""The sample document is what it promises to be, and its truth is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pymupdf
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
KINDS = ["digital"] * 5 + ["rotated", "scan", "rotated_scan", "blank"]
SCANS = (7, 8)


@pytest.fixture
def document(sample: tuple[Path, dict[str, Any]]) -> Iterator[pymupdf.Document]:
    with pymupdf.open(sample[0]) as opened:
        yield opened


@pytest.fixture
def pages(sample: tuple[Path, dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sample[1]["pages"]
    return found


def blocks_of(page: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for block in page["blocks"] if block["kind"] == kind]


def text_layer(page: pymupdf.Page) -> list[tuple[str, np.ndarray]]:
    """Words in reading order of the file, boxes as fractions of the displayed page."""
    size = [page.rect.width, page.rect.height] * 2
    return [
        (word[4], np.array(pymupdf.Rect(word[:4]) * page.rotation_matrix) / size) for word in page.get_text("words")
    ]


def test_pages_are_of_the_promised_kinds(document: pymupdf.Document, pages: list[dict[str, Any]]) -> None:
    assert [page["kind"] for page in pages] == KINDS
    assert [page["number"] for page in pages] == list(range(1, len(document) + 1))
    for page, truth in zip(document, pages, strict=True):
        assert page.rotation == (90 if truth["kind"] == "rotated" else 0)
        assert (page.rect.width, page.rect.height) == (truth["width"], truth["height"])
        assert bool(page.get_text().strip()) == (truth["kind"] in ("digital", "rotated"))
        assert bool(page.get_images()) == (truth["kind"] in ("scan", "rotated_scan"))
        assert truth["turn"] == (90 if truth["kind"] == "rotated_scan" else 0)


def test_scans_are_jpeg_at_scanner_resolution(document: pymupdf.Document) -> None:
    for number in SCANS:
        page = document[number - 1]
        image = document.extract_image(page.get_images()[0][0])
        assert image["ext"] == "jpeg"
        assert 150 <= image["width"] / page.rect.width * 72 <= 200


def test_truth_words_are_the_text_layer(document: pymupdf.Document, pages: list[dict[str, Any]]) -> None:
    for page, truth in zip(document, pages, strict=True):
        if truth["kind"] not in ("digital", "rotated"):
            continue
        layer = text_layer(page)
        words = [(word, np.array(box)) for block in truth["blocks"] for word, *box in block["words"]]
        assert sorted(word for word, _ in layer) == sorted(word for word, _ in words)
        for word, box in words:
            distance = min(abs(box - other).max() for text, other in layer if text == word)
            assert distance < 0.0005, (truth["number"], word)


def test_ink_of_scans_lies_in_truth_boxes(document: pymupdf.Document, pages: list[dict[str, Any]]) -> None:
    for number in SCANS:
        ink, inside = page_ink(document[number - 1]), word_mask(document[number - 1], pages[number - 1])
        assert ink.sum() > 10_000
        assert (ink & inside).sum() / ink.sum() > 0.97


def test_ink_fills_the_word_boxes_of_scans(document: pymupdf.Document, pages: list[dict[str, Any]]) -> None:
    for number in SCANS:
        ink = page_ink(document[number - 1])
        for block in pages[number - 1]["blocks"]:
            for word, *box in block["words"]:
                part = ink[window(box, ink)]
                upright = np.rot90(part) if number == 8 else part  # its text runs down the page
                rows, columns = np.nonzero(upright)
                assert columns.size, (number, word)
                height, width = upright.shape
                assert max(columns.min(), width - 1 - columns.max()) <= 8, (number, word)  # side bearings
                if len(word) > 3:
                    assert 0.38 < rows.mean() / height < 0.68, (number, word)


def page_ink(page: pymupdf.Page) -> np.ndarray:
    pixels = page.get_pixmap(dpi=150, colorspace=pymupdf.csGRAY)
    return np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width) < 165


def window(box: list[float], ink: np.ndarray) -> tuple[slice, slice]:
    height, width = ink.shape
    left, top, right, bottom = box
    return slice(int(top * height), round(bottom * height) + 1), slice(int(left * width), round(right * width) + 1)


def word_mask(page: pymupdf.Page, truth: dict[str, Any]) -> np.ndarray:
    """Where ink may be: in words; the thin rules of tables hardly count as ink."""
    mask = np.zeros_like(page_ink(page))
    for block in truth["blocks"]:
        for _, *box in block["words"]:
            mask[window(box, mask)] = True
    return mask


def test_boxes_are_on_the_page_and_nested(pages: list[dict[str, Any]]) -> None:
    slack = 0.00002  # two roundings
    for page in pages:
        for block in page["blocks"]:
            boxes = np.array(block["boxes"])
            for left, top, right, bottom in [*block["boxes"], *(word[1:] for word in block["words"])]:
                assert 0 <= left < right <= 1
                assert 0 <= top < bottom <= 1
            for line in block["lines"]:
                left, top, right, bottom = line["box"]
                inside = (boxes[:, :2] <= np.array([left, top]) + slack).all(axis=1) & (
                    boxes[:, 2:] >= np.array([right, bottom]) - slack
                ).all(axis=1)
                assert inside.sum() == 1


def test_words_lines_and_text_say_the_same(pages: list[dict[str, Any]]) -> None:
    for page in pages:
        for block in page["blocks"]:
            words = [word[0] for word in block["words"]]
            assert " ".join(line["text"] for line in block["lines"]).split() == words
            if block["rows"]:
                assert [line["text"] for line in block["lines"]] == [" ".join(row) for row in block["rows"]]
            broken = sum(line["text"].endswith("-") for line in block["lines"])
            assert len(block["text"].split()) == len(words) - broken + block["text"].endswith("-")


def test_words_are_broken_at_line_ends_in_places(pages: list[dict[str, Any]]) -> None:
    lines = [line["text"] for page in pages for block in page["blocks"] for line in block["lines"]]
    assert 3 <= sum(line.endswith("-") for line in lines) <= 20


def test_blocks_do_not_overlap(pages: list[dict[str, Any]]) -> None:
    for page in pages:
        if "scan" in page["kind"]:
            continue  # the hulls of skewed lines touch
        lines = [line["box"] for block in page["blocks"] for line in block["lines"] if block["kind"] != "figure"]
        for index, (left, top, right, bottom) in enumerate(lines):
            for other in lines[index + 1 :]:
                across = min(right, other[2]) - max(left, other[0])
                down = min(bottom, other[3]) - max(top, other[1])
                assert across <= 0 or down * page["height"] < 2.5, (page["number"], lines[index], other)


def test_every_printed_page_has_running_head_and_number(pages: list[dict[str, Any]]) -> None:
    for page in pages[:-1]:
        assert len(blocks_of(page, "page_header")) == 1
        assert [block["text"] for block in blocks_of(page, "page_footer")] == [str(page["number"])]
        assert page["blocks"][-1]["kind"] == "page_footer"
    assert pages[-1]["blocks"] == []


def test_headings_have_three_numbered_levels(pages: list[dict[str, Any]]) -> None:
    assert [(block["text"], block["level"]) for block in blocks_of(pages[0], "title")] == [
        ("Nitrate and Turbidity in the Ostrel Catchment: Field Report 2026", 1)
    ]
    levels = {block["text"].split()[0]: block["level"] for page in pages for block in blocks_of(page, "heading")}
    assert (levels["1"], levels["1.1"], levels["2.1.1"]) == (2, 3, 4)


def test_kinds_that_tests_and_the_demo_rely_on(pages: list[dict[str, Any]]) -> None:
    second, third = pages[1:3]
    assert any(block["continues"] for block in blocks_of(second, "paragraph"))
    markers = [block["text"].split()[0] for block in blocks_of(second, "list_item")]
    assert markers == ["•"] * 4 + ["1.", "2.", "3."]
    assert blocks_of(second, "formula")[0]["text"] == "L = 0.0864 · Q · C (1)"
    assert blocks_of(second, "footnote")[0]["text"].startswith("¹ A sample fails")
    assert any(len(block["boxes"]) == 2 for block in blocks_of(third, "paragraph"))  # goes on in the second column
    assert blocks_of(third, "caption")[0]["text"].startswith("Figure 1. ")
    assert len(blocks_of(third, "figure")) == 1


def test_long_table_runs_over_the_page_and_repeats_its_header(pages: list[dict[str, Any]]) -> None:
    upper, lower = blocks_of(pages[3], "table")[0], blocks_of(pages[4], "table")[0]
    assert (upper["continues"], lower["continues"]) == (False, True)
    assert upper["rows"][0] == lower["rows"][0]
    rows = upper["rows"][1:] + lower["rows"][1:]
    assert len(rows) == 30
    assert min(len(upper["rows"]), len(lower["rows"])) > 5
    for column in (0, 1, 2, 3, 5):
        assert len({row[column] for row in rows}) == len(rows)  # so that one cell can be asked for


def test_questions_are_answered_where_they_say(sample: tuple[Path, dict[str, Any]]) -> None:
    pages, questions = sample[1]["pages"], sample[1]["questions"]
    assert len(questions) >= 6
    for question in questions:
        texts = [block["text"] for block in pages[question["page"] - 1]["blocks"]]
        assert sum(question["answer_quote"] in text for text in texts) == 1
    assert {pages[question["page"] - 1]["kind"] for question in questions} == set(KINDS) - {"blank"}


def test_a_quote_that_stands_nowhere_is_an_error(make_sample: ModuleType, pages: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="not in 0"):
        make_sample.question_truth("Where?", "Not in this report.", pages)


def test_the_same_bytes_every_time(
    make_sample: ModuleType, sample: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    again = make_sample.make_sample(tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes() == sample[0].read_bytes()
    assert json.loads(again.read_text(encoding="utf-8")) == sample[1]
