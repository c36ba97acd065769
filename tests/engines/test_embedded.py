"""The parts of the embedded engine, one by one, on small drawn pages."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepseek_ocr_rag.engines.embedded.grids import places_of, table_of_places
from deepseek_ocr_rag.engines.embedded.layout import find_regions
from deepseek_ocr_rag.engines.embedded.lines import code_text, rows_of, running_text, split_list
from deepseek_ocr_rag.engines.embedded.ocr import RapidOcr
from deepseek_ocr_rag.engines.embedded.order import reading_order
from deepseek_ocr_rag.engines.embedded.piece import Piece
from deepseek_ocr_rag.engines.embedded.reading import _read_words
from deepseek_ocr_rag.engines.embedded.textlayer import inspect_layer, read_pieces
from deepseek_ocr_rag.engines.embedded.wordboxes import pieces_of, sharpened, strip_of, with_zeros
from deepseek_ocr_rag.geometry import Box, QuarterTurn
from deepseek_ocr_rag.tables import table_markdown

TEXT = "Between April and March the programme collected 686 water samples at 30 stations. " * 3


def drawn(*lines: str, fontname: str = "helv", **options: object) -> pymupdf.Page:
    page = pymupdf.open().new_page()
    page.insert_text((72, 100), "\n".join(lines), fontname=fontname, **options)
    return page


def picture() -> bytes:
    pixels = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 60, 80), False)
    pixels.clear_with(200)
    return pixels.tobytes("png")


# The text layer


def test_a_drawn_page_has_a_layer_to_believe() -> None:
    report = inspect_layer(drawn(TEXT))
    assert (report.verdict, report.turn) == ("text", 0)


def test_an_empty_page_has_none() -> None:
    assert inspect_layer(pymupdf.open().new_page()).verdict == "none"


def test_an_invisible_layer_over_a_picture_is_hidden() -> None:
    page = pymupdf.open().new_page()
    page.insert_image(page.rect, stream=picture())
    page.insert_text((72, 100), TEXT, render_mode=3)
    assert inspect_layer(page).verdict == "hidden"


def test_text_under_a_picture_is_hidden_and_over_it_is_not() -> None:
    under = drawn(TEXT)
    under.insert_image(under.rect, stream=picture())
    assert inspect_layer(under).verdict == "hidden"
    over = pymupdf.open().new_page()
    over.insert_image(over.rect, stream=picture())
    over.insert_text((72, 100), TEXT)
    assert inspect_layer(over).verdict == "text"


def test_a_stamp_on_a_scan_is_no_text_layer() -> None:
    page = pymupdf.open().new_page()
    page.insert_image(page.rect, stream=picture())
    page.insert_text((72, 20), "Received 3 May")
    assert inspect_layer(page).verdict == "picture"


def test_a_long_stamp_on_a_scan_of_one_bit_is_no_text_layer() -> None:
    page = pymupdf.open().new_page()
    page.insert_image(page.rect, stream=picture(), mask=picture())
    page.insert_text((40, 20), "Case 3:16-cv-01234 Document 88-2 Filed 05/03/26 Page 12 of 345 PageID 5678")
    assert inspect_layer(page).verdict == "picture"


def test_text_turned_into_curves_is_no_text_layer_and_a_title_page_is() -> None:
    page = pymupdf.open().new_page()
    for row in range(40):
        for column in range(60):
            page.draw_rect(pymupdf.Rect(70 + 7.5 * column, 100 + 15 * row, 75 + 7.5 * column, 108 + 15 * row), fill=0)
    page.insert_text((300, 820), "7")
    assert inspect_layer(page).verdict == "sparse"
    title = pymupdf.open().new_page()
    title.insert_text((150, 300), "Field Report", fontsize=30)
    title.draw_line((150, 320), (450, 320))
    assert inspect_layer(title).verdict == "text"


def test_right_to_left_words_keep_the_order_of_the_file() -> None:
    words = [
        Piece(word, 300 - 60 * i, 100, 340 - 60 * i, 110, 10, 1, 0) for i, word in enumerate(["שלום", "עולם", "זה"])
    ]
    assert [piece.text for piece in rows_of(words)[0]] == ["שלום", "עולם", "זה"]


def test_soft_hyphens_join_lines_and_are_not_shown() -> None:
    assert joined("the infor\u00ad", "mation is", "co\u00adoperative\u00ad") == "the information is cooperative"


def test_a_long_strip_is_read_piece_by_piece() -> None:
    class Lines:
        """Sees black bars, but none lower than a hundredth of the picture's height."""

        name = "fake"

        def turn(self, picture: Image.Image) -> QuarterTurn:
            return 0

        def skew(self, picture: Image.Image) -> float:
            return 0.0

        def read(self, picture: Image.Image) -> list[Piece]:
            dark = [picture.getpixel((5, y)) == 0 for y in range(picture.height)]
            tops = [y for y in range(1, picture.height) if dark[y] and not dark[y - 1]]
            assert picture.height / 100 < 20
            return [Piece("bar", 0, y, 40, y + 20, 20, n, 0) for n, y in enumerate(tops)]

    strip = Image.new("L", (300, 4000), 255)
    for top in range(30, 4000, 100):
        strip.paste(0, (0, top, 40, top + 20))
    found = _read_words(Lines(), strip)
    assert [piece.y0 for piece in found] == list(range(30, 4000, 100))
    assert len({piece.line for piece in found}) == 40


def test_glyphs_without_unicode_are_garbage() -> None:
    page = pymupdf.open().new_page()
    page.insert_font(fontname="F0", fontbuffer=pymupdf.Font("cjk").buffer)
    page.insert_text((72, 100), "\ue001\ue002\ue003 \ue004\ue005 " * 4, fontname="F0")
    assert inspect_layer(page).verdict == "garbage"


@pytest.mark.parametrize(("rotate", "turn"), [(0, 0), (90, 90), (180, 180), (270, 270)])
def test_sideways_text_says_how_to_turn_the_page(rotate: int, turn: int) -> None:
    page = pymupdf.open().new_page()
    page.insert_text((300, 400), "sideways text", rotate=rotate)  # PyMuPDF turns text anticlockwise
    assert inspect_layer(page).turn == turn


def test_words_keep_their_line_size_and_weight() -> None:
    page = drawn("one two", "three")
    page.insert_text((72, 300), "bold", fontname="hebo", fontsize=20)
    pieces = read_pieces(page)
    assert [piece.text for piece in pieces] == ["one", "two", "three", "bold"]
    assert pieces[0].line == pieces[1].line != pieces[2].line
    assert [(piece.size, piece.bold) for piece in pieces[2:]] == [(11.0, False), (20.0, True)]


def test_text_outside_the_visible_page_is_not_read() -> None:
    page = drawn("inside")
    page.insert_text((72, 2000), "outside")
    assert [piece.text for piece in read_pieces(page)] == ["inside"]


# Lines


def piece(text: str, x: float, y: float, line: int, *, size: float = 10) -> Piece:
    return Piece(text, x, y, x + 6 * len(text), y + size, size, line, 0)


def box_of(pieces: object) -> Box:
    return Box(left=0, top=0, right=1, bottom=1)


def joined(*rows: str, words: str = "") -> str:
    pieces = [piece(word, 72 + 50 * j, 20 * i, i) for i, row in enumerate(rows) for j, word in enumerate(row.split())]
    text, lines = running_text(rows_of(pieces), to_box=box_of, source="ocr", words=set(words.split()))
    assert [text[line.start : line.end] for line in lines]
    assert all(a.end <= b.start for a, b in pairwise(lines))
    assert lines[-1].end == len(text)
    return text


def test_lines_are_joined_with_a_blank() -> None:
    assert joined("the river", "rises") == "the river rises"


def test_a_hyphen_at_the_line_end_is_undone() -> None:
    assert joined("the catch-", "ment is") == "the catchment is"


def test_a_hyphen_stays_where_the_page_writes_it_elsewhere() -> None:
    assert joined("a hand-", "held probe", words="hand-held") == "a hand-held probe"


def test_a_hyphen_before_a_capital_stays() -> None:
    assert joined("Solheim-", "Varga") == "Solheim-Varga"
    assert joined("2025 -", "2026") == "2025 - 2026"


def test_chinese_lines_are_joined_without_a_blank() -> None:
    assert joined("水质", "报告") == "水质报告"


def test_a_number_and_its_heading_are_one_line_and_columns_are_not() -> None:
    rows = rows_of([piece("1", 72, 0, 1), piece("Introduction", 95, 0.5, 2)])
    assert [[p.text for p in row] for row in rows] == [["1", "Introduction"]]
    columns = [
        piece(f"{side}{i}", 72 if side == "L" else 320, 20 * i, 2 * i + (side == "R"))
        for i in range(9)
        for side in "LR"
    ]
    assert [row[0].text for row in rows_of(columns)] == [f"L{i}" for i in range(9)] + [f"R{i}" for i in range(9)]


def test_program_text_keeps_its_lines_and_indentation() -> None:
    rows = rows_of(
        [piece("def", 72, 0, 1), piece("f():", 96, 0, 1), piece("return", 96, 20, 2), piece("1", 138, 20, 2)]
    )
    text, lines = code_text(rows, to_box=box_of, source="text_layer")
    assert text == "def f():\n    return 1"
    assert [text[line.start : line.end] for line in lines] == ["def f():", "return 1"]


def test_a_list_is_cut_at_its_marks() -> None:
    words = [["•", "one"], ["more"], ["•", "two"], ["(3)", "three"], ["4.", "four"]]
    rows = [[piece(word, 72 + 20 * j, 20 * i, i) for j, word in enumerate(row)] for i, row in enumerate(words)]
    assert [len(item) for item in split_list(rows)] == [2, 1, 1, 1]


# Words of lines


def places(pieces: Iterable[Piece]) -> Box:
    corners = [(p.x0, p.y0, p.x1, p.y1) for p in pieces]
    return Box.from_size(
        (
            min(c[0] for c in corners),
            min(c[1] for c in corners),
            max(c[2] for c in corners),
            max(c[3] for c in corners),
        ),
        width=3000,
        height=3000,
    )


LETTERS = st.text("aB9-.,\u00ad水é", min_size=1, max_size=6)


@given(st.lists(st.lists(LETTERS, min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_words_are_the_characters_of_their_pieces(rows: list[list[str]], is_code: bool) -> None:
    drawn_rows = [[piece(word, 72 + 60 * j, 20 * i, i) for j, word in enumerate(row)] for i, row in enumerate(rows)]
    if is_code:
        text, lines = code_text(drawn_rows, to_box=places, source="text_layer")
    else:
        text, lines = running_text(drawn_rows, to_box=places, source="text_layer", words=set())
    end = 0
    for line in lines:
        assert end <= line.start
        end = line.start
        for word in line.words:
            assert end <= word.start < word.end <= line.end
            own = [p for row in drawn_rows for p in row if places([p]).iou(word.box) > 0.9]
            assert len(own) == 1
            said, there = text[word.start : word.end], own[0].text
            assert said == there if is_code else there.replace("\u00ad", "").startswith(said.rstrip("\u00ad"))
            end = word.end
        end = line.end


def test_a_hyphenated_word_has_a_part_on_each_line_and_guesses_are_no_words() -> None:
    rows = [[piece("the", 72, 0, 1), piece("catch-", 100, 0, 1)], [piece("ment", 72, 20, 2)]]
    text, lines = running_text(rows, to_box=places, source="ocr", words=set())
    assert [[text[word.start : word.end] for word in line.words] for line in lines] == [["the", "catch"], ["ment"]]
    guessed = [[replace(each, is_placed=False) for each in row] for row in rows]
    assert [line.words for line in running_text(guessed, to_box=places, source="ocr", words=set())[1]] == [(), ()]


def test_lines_of_a_table_are_those_of_its_cells() -> None:
    words = [("a|b", 10, 0), ("c", 60, 0), ("long", 10, 20), ("cell", 10, 32), ("d", 60, 20)]
    pieces = [piece(text, x, y, number) for number, (text, x, y) in enumerate(words)]
    grid = SimpleNamespace(v_lines=[0, 50, 100], h_lines=[0, 15, 50])
    cells = places_of({"table_grid": grid, "group_bbox": (0, 0, 100, 50)}, pieces)
    found = table_of_places(cells, to_box=places, source="ocr")
    assert found is not None
    table, text, lines = found
    assert text == table_markdown(table)
    assert [text[line.start : line.end] for line in lines] == ["a\\|b", "c", "long", "cell", "d"]
    assert [[(word.start, word.end) for word in line.words] for line in lines] == [[(x.start, x.end)] for x in lines]
    assert lines[3].box.top > lines[2].box.top


def test_ocr_words_are_put_together_from_the_parts_that_are_placed() -> None:
    strip = strip_of([(0, 0), (100, 0), (100, 10), (0, 10)])
    found = [(part, 0.9, [(x, 0), (x + 8, 0), (x + 8, 10), (x, 10)]) for part, x in [("a", 0), ("bc", 10), ("de", 40)]]
    boxes = [(p.text, p.x0, p.x1, p.is_placed) for p in pieces_of("abc de", strip, found, 0)]
    assert boxes == [("abc", 0, 18, True), ("de", 40, 48, True)]
    assert [p.is_placed for p in pieces_of("another line", strip, found, 0)] == [False, False]
    assert [p.is_placed for p in pieces_of("ab cde", strip, found, 0)] == [False, False]
    assert [p.text for p in pieces_of("", strip, (), 0)] == []


@pytest.mark.parametrize(
    ("read", "shown"),
    [
        ("1,5oo-foot-long", "1,500-foot-long"),
        ("9,ooo,", "9,000,"),
        ("2o07", "2007"),
        ("1.O2", "1.02"),
        ("25o", "25o"),  # degrees, most likely
        ("H2O", "H2O"),
        ("good", "good"),
        ("3oom", "3oom"),
    ],
)
def test_letters_in_numbers_are_zeros(read: str, shown: str) -> None:
    assert with_zeros(read) == shown


@pytest.mark.parametrize("is_dark", [False, True])
def test_words_move_to_the_ink(is_dark: bool) -> None:
    page = drawn("The happy fox, (quickly) gyrating, jumps", "over all the lazy dogs of the town by day")
    gray = page.get_pixmap(dpi=150, colorspace=pymupdf.csGRAY)
    pixels = np.frombuffer(gray.samples, np.uint8).reshape(gray.height, gray.stride)
    scale = 150 / 72
    words = [(w[4], [side * scale for side in w[:4]]) for w in page.get_text("words")]
    for row in (words[:6], words[6:]):
        dice = random.Random(1)
        high = 3 + dice.random() * 3
        guesses = [
            Piece(t, x0 + dice.uniform(-4, 4), y0 + high, x1 + dice.uniform(-4, 4), y1 - high, 20, 0, 0)
            for t, (x0, y0, x1, y1) in row
        ]
        found = sharpened(guesses, 255 - pixels if is_dark else pixels)
        for each, (text, (x0, y0, x1, y1)) in zip(found, row, strict=True):
            assert each.text == text
            assert (each.x0, each.x1) == pytest.approx((x0, x1), abs=2)
            true = Box.from_size((x0, y0, x1, y1), width=2000, height=2000)
            assert true.iou(Box.from_size((each.x0, each.y0, each.x1, each.y1), width=2000, height=2000)) > 0.75


def test_words_without_clear_ink_stay() -> None:
    guesses = [Piece("two", 10, 10, 50, 30, 20, 0, 0), Piece("words", 60, 10, 110, 30, 20, 0, 0)]
    for shade in (np.full((100, 200), 240, np.uint8), np.tile(np.array([0, 255], np.uint8), (100, 100))):
        found = sharpened(list(guesses), shade)
        assert [(p.x0, p.x1) for p in found] == [(10, 50), (60, 110)]
    assert sharpened([], np.zeros((5, 5), np.uint8)) == []


# Reading order

RECTS = st.tuples(*[st.floats(0, 500)] * 4).map(
    lambda r: (min(r[0], r[2]), min(r[1], r[3]), max(r[0], r[2]), max(r[1], r[3]))
)


@given(st.lists(RECTS, max_size=30))
def test_reading_order_is_an_order(boxes: list[tuple[float, float, float, float]]) -> None:
    assert sorted(reading_order(boxes, gap=5)) == list(range(len(boxes)))


def test_columns_under_a_common_title() -> None:
    title = (50.0, 50.0, 550.0, 80.0)
    left = [(50.0, 100.0 + 50 * i, 290.0, 140.0 + 50 * i) for i in range(4)]
    right = [(310.0, 100.0 + 50 * i, 550.0, 140.0 + 50 * i) for i in range(4)]
    foot = (50.0, 700.0, 550.0, 720.0)
    mixed = [foot, *[box for pair in zip(left, right, strict=True) for box in pair], title]
    assert [mixed[index] for index in reading_order(mixed, gap=5)] == [title, *left, *right, foot]


# The layout model


def test_every_word_is_in_exactly_one_region(sample: tuple[Path, dict[str, object]]) -> None:
    with pymupdf.open(sample[0]) as document:
        for number in (0, 2, 3):
            pieces = read_pieces(document[number])
            regions = find_regions(document[number], pieces, source="text_layer")
            said = sorted("".join(p.text for p in pieces).replace("-", ""))
            heard = sorted("".join("".join(r.text.split()) for r in regions if not r.table).replace("-", ""))
            cells = sorted(
                "".join("".join(c.text.split()) for r in regions if r.table for c in r.table.cells).replace("-", "")
            )
            assert sorted(heard + cells) == said


def test_the_detector_looks_once_and_its_answer_is_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rapidocr", reason="OCR needs the [local] extra")
    page = drawn("The samples of the river were taken", "by thirty stations in the spring.", fontsize=16)
    pixels = page.get_pixmap(dpi=100)
    picture = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
    reader = RapidOcr(1)
    plain = reader._engine(np.asarray(picture)[:, :, ::-1].copy())
    looks: list[object] = []
    detector = reader._detector()
    session = detector.session
    monkeypatch.setattr(detector, "session", lambda pixels: looks.append(1) or session(pixels))
    assert (reader.turn(picture), round(reader.skew(picture))) == (0, 0)
    words = [piece.text for piece in reader.read(picture)]
    assert words == " ".join(plain.txts).split()
    assert len(looks) == 1
    assert reader._engine.text_det is detector
