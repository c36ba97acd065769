"""A second look finds the words of a quote where only its block was known, and never makes a citation worse."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest

from deepseek_ocr_rag.anchors import ChunkRegion
from deepseek_ocr_rag.cite import Citation, locate
from deepseek_ocr_rag.engines import Engine
from deepseek_ocr_rag.errors import EncryptedSource, EngineUnavailable, PageOutOfRange, SourceChanged
from deepseek_ocr_rag.geometry import PAGE_BOX, Box, QuarterTurn, bounding_box
from deepseek_ocr_rag.ondemand import (
    LookOptions,
    alocate,
    is_plausible,
    joined_lines,
    locate_on_page,
    look_again,
    words_passage,
)
from deepseek_ocr_rag.passage import Passage
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import ImageRequest, LocalRequest, PageImage, PageRequest, Recognition, Word

from .fakes import FakeEngine

TEXT = (
    "The reservoir was lowered in spring so that the old spillway could be inspected. Divers found that two of the "
    "seven gates no longer closed. Below them 340 tonnes of concrete had been washed out over a length of nine metres."
)
QUOTE = "Divers found that two of the seven gates no longer closed."
ROWS = textwrap.wrap(TEXT, 50)
WIDTH, HEIGHT, LEFT, TOP, LEADING, SIZE = 600, 800, 60, 100, 16, 12
NO_OCR = LookOptions(ocr=None)


def draw(path: Path, *, rotate: int = 0, rows: Sequence[str] = ROWS) -> Path:
    """A PDF of two pages, of which the second has the text, between two lines that are not of it."""
    with pymupdf.open() as document:
        document.new_page(width=WIDTH, height=HEIGHT).insert_text((LEFT, TOP), "Nothing here.")
        page = document.new_page(width=WIDTH, height=HEIGHT)
        for number, row in enumerate(["Divers found that two of the seven gates no", *rows, "longer closed."], -1):
            page.insert_text((LEFT, TOP + LEADING * number), row, fontname="cour", fontsize=SIZE)
        page.set_rotation(rotate)
        document.save(path)
    return path


def row_box(row: int, first: int = 0, last: int | None = None) -> Box:
    """About where characters of a row stand: Courier's letters are 0.6 wide."""
    last = len(ROWS[row]) if last is None else last
    base = TOP + LEADING * row
    corners = (LEFT + 0.6 * SIZE * first, base - 0.7 * SIZE, LEFT + 0.6 * SIZE * last, base + 0.2 * SIZE)
    return Box.from_size(corners, width=WIDTH, height=HEIGHT)


def block_box() -> Box:
    box = bounding_box(row_box(row) for row in range(len(ROWS)))
    assert box is not None
    return box


def quoted_boxes() -> list[Box]:
    """Where the quote stands, a box a line."""
    start = TEXT.index(QUOTE)
    boxes, at = [], 0
    for number, row in enumerate(ROWS):
        first, last = max(0, start - at), min(len(row), start + len(QUOTE) - at)
        if first < last:
            boxes.append(row_box(number, first, last))
        at += len(row) + 1
    return boxes


def passage(path: Path | None = None, *, box: Box | None = None, page: int = 2) -> Passage:
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" if path else ""
    region = ChunkRegion(page_number=page, box=box or block_box(), start=0, end=len(TEXT))
    return Passage(text=TEXT, regions=(region,), document_id=digest, precision="block")


def words_of_rows(rows: Sequence[str] = ROWS) -> tuple[Word, ...]:
    return tuple(
        Word(text=word, box=row_box(number, at, at + len(word)))
        for number, row in enumerate(rows)
        for at, word in _words(row)
    )


def _words(row: str) -> list[tuple[int, str]]:
    found, at = [], 0
    for word in row.split():
        at = row.index(word, at)
        found.append((at, word))
        at += len(word)
    return found


def assert_at(citation: Citation, wanted: Sequence[Box], *, page: int = 2) -> None:
    (region,) = citation.regions
    assert region.page_number == page
    assert len(region.boxes) == len(wanted)
    for found, box in zip(region.boxes, wanted, strict=True):
        assert found.iou(box) > 0.6, (found, box)


class Locator(FakeEngine):
    """Answers ``locate`` with the boxes that it is given, in the model's grid of the picture that it sees."""

    name = "locator"
    request = PageRequest(image=ImageRequest(long_side=400), words=True)

    def __init__(self, *boxes: Box, error: Exception | None = None) -> None:
        super().__init__()
        self.boxes, self.error, self.asked = boxes, error, list[str]()

    async def recognize(self, page: PageImage, *, task: Task = "markdown", reference: str = "") -> Recognition:
        assert task == "locate"
        assert page.data
        self.asked.append(reference)
        if self.error:
            raise self.error
        found = ", ".join(str([round(side * 999) for side in box.as_tuple()]) for box in self.boxes)
        text = f"<|ref|>{reference}<|/ref|><|det|>[{found}]<|/det|>"
        return Recognition(page_number=page.page_number, engine=self.name, text=text, finish_reason="stop")


class Desk:
    """Visits to a page whose text layer and OCR say what they are told to."""

    def __init__(self, *, words: Sequence[Word] = (), read: Sequence[Word] = (), turn: QuarterTurn = 0) -> None:
        self.words, self.read, self.turn, self.requests = tuple(words), tuple(read), turn, list[PageRequest]()

    async def visit(self, number: int, request: PageRequest) -> PageImage:
        self.requests.append(request)
        page = PageImage(page_number=number, page_width=WIDTH, page_height=HEIGHT, data=b"a picture", turn=self.turn)
        return replace(page, words=self.words if request.words else (), read=self.read if request.evidence else ())


def look(
    desk: Desk, *, ocr: LocalRequest | None = None, engine: Engine | None = None, where: Passage | None = None
) -> Citation:
    where = where or passage()
    known = locate(QUOTE, where)
    return asyncio.run(look_again(known, where, visit=desk.visit, engine=engine, ocr=ocr, pages=[2]))


def test_the_text_layer_tells_the_words(tmp_path: Path) -> None:
    path = draw(tmp_path / "dam.pdf")
    where = passage(path)
    before = locate(QUOTE, where)
    assert before.precision == "block"
    after = locate_on_page(QUOTE, where, source_path=path, options=NO_OCR)
    assert (after.precision, after.box_source, after.status) == ("word", "text_layer", "verified")
    assert_at(after, quoted_boxes())
    kept = ("quote", "start", "end", "context", "document_id", "prefix")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]


def test_a_turned_page(tmp_path: Path) -> None:
    path = draw(tmp_path / "dam.pdf", rotate=90)
    after = locate_on_page(QUOTE, passage(path, box=block_box().turned(90)), source_path=path, options=NO_OCR)
    assert (after.precision, after.box_source) == ("word", "text_layer")
    wanted = bounding_box(box.turned(90) for box in quoted_boxes())
    found = bounding_box(after.regions[0].boxes)
    assert wanted is not None
    assert found is not None
    assert found.iou(wanted) > 0.8


def test_where_only_the_page_is_known(tmp_path: Path) -> None:
    path = draw(tmp_path / "dam.pdf")
    quote = "340 tonnes of concrete had been washed out"
    where = passage(path)
    nowhere = replace(where, regions=())
    assert locate_on_page(quote, nowhere, source_path=path, options=NO_OCR).precision == "none"
    after = locate_on_page(quote, nowhere, source_path=path, page_number=2, options=NO_OCR)
    assert (after.precision, after.page_number) == ("word", 2)


def test_a_quote_that_is_not_there_is_not_looked_for(tmp_path: Path) -> None:
    engine = Locator(block_box())
    where = passage()
    missing = tmp_path / "missing.pdf"
    for quote in ("Penguins live in the far south of the world.", "the"):
        assert locate_on_page(quote, where, source_path=missing, engine=engine) == locate(quote, where)
    assert engine.asked == []
    assert engine.closed == 2


def test_a_fine_citation_stays(tmp_path: Path) -> None:
    lines = ChunkRegion(page_number=2, box=row_box(0), start=0, end=len(TEXT))
    where = replace(passage(), regions=(lines,), precision="line")
    assert locate_on_page(QUOTE, where, source_path=tmp_path / "missing.pdf") == locate(QUOTE, where)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = draw(tmp_path / "dam.pdf")
    where = passage(path)
    draw(path, rows=[*ROWS, "More."])
    with pytest.raises(SourceChanged):
        locate_on_page(QUOTE, where, source_path=path, options=NO_OCR)


def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    path = draw(tmp_path / "dam.pdf")
    with pytest.raises(PageOutOfRange, match=r"page 9: .* pages 1 to 2"):
        locate_on_page(QUOTE, passage(path, page=9), source_path=path, options=NO_OCR)
    with pymupdf.open(path) as document:
        document.save(tmp_path / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="a", owner_pw="b")
    with pytest.raises(EncryptedSource):
        locate_on_page(QUOTE, passage(), source_path=tmp_path / "locked.pdf", options=NO_OCR)


def test_a_page_that_says_something_else_changes_nothing(tmp_path: Path) -> None:
    path = draw(tmp_path / "dam.pdf", rows=[row.replace("seven", "eight") for row in ROWS])
    where = passage(path)
    number = "Below them 350 tonnes of concrete had been washed out"
    other = replace(where, text=TEXT.replace("340", "350"))
    assert locate_on_page(number, other, source_path=path, options=NO_OCR) == locate(number, other)


def test_the_model_is_asked_where_nobody_else_knows(tmp_path: Path) -> None:
    path = draw(tmp_path / "dam.pdf", rows=["Other words"])
    engine = Locator(*quoted_boxes())
    after = asyncio.run(alocate(QUOTE, passage(path), source_path=path, engine=engine, options=NO_OCR))
    assert engine.asked == [QUOTE]
    assert engine.closed == 0
    assert (after.precision, after.box_source) == ("line", "model")
    assert_at(after, quoted_boxes())


def test_the_model_sees_the_page_upright() -> None:
    after = look(Desk(turn=90), engine=Locator(*(box.turned(90) for box in quoted_boxes())))
    assert_at(after, quoted_boxes())


@pytest.mark.parametrize(
    "boxes",
    [
        (),
        (Box(left=0.1, top=0.6, right=0.5, bottom=0.62),),
        (block_box(),),
        (PAGE_BOX,),
        (Box(left=0.2, top=0.14, right=0.2, bottom=0.15),),
        (Box(left=0.2, top=0.13, right=0.21, bottom=0.14),),
        (*quoted_boxes(), Box(left=0.1, top=0.6, right=0.5, bottom=0.62)),
        (quoted_boxes()[0],) * 5,
        (row_box(3), row_box(4)),
    ],
)
def test_boxes_of_the_model_that_cannot_be_are_not_used(boxes: tuple[Box, ...]) -> None:
    assert look(Desk(), engine=Locator(*boxes)) == locate(QUOTE, passage())


def test_rows_of_a_sideways_page_are_counted_from_its_upper_edge() -> None:
    desk = Desk(turn=90)
    for boxes, source in (([row_box(3), row_box(4)], "block"), (quoted_boxes(), "model")):
        after = look(desk, engine=Locator(*boxes), where=passage(box=block_box().turned(270)))
        assert after.box_source == source


@pytest.mark.parametrize("error", [EngineUnavailable("the server is down."), RuntimeError("a bug"), TypeError("what?")])
def test_what_goes_wrong_is_logged_and_costs_nothing(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        after = look(Desk(), engine=Locator(error=error))
    assert after == locate(QUOTE, passage())
    assert "locator" in caplog.text


def test_ocr_tells_where_there_is_no_text_layer() -> None:
    desk = Desk(read=words_of_rows())
    assert look(desk).precision == "block"
    after = look(desk, ocr=LocalRequest(language="deu"))
    assert (after.precision, after.box_source) == ("word", "ocr")
    assert_at(after, quoted_boxes())
    evidence = desk.requests[-1].evidence
    assert evidence is not None
    assert evidence.ocr == LocalRequest(language="deu")


@pytest.mark.parametrize("found", ["foumd", "f0und"])
def test_words_misread_by_ocr_are_still_the_words(found: str) -> None:
    rows = [row.replace("found", found).replace("gates", "gales") for row in ROWS]
    after = look(Desk(read=words_of_rows(rows)), ocr=LocalRequest())
    assert_at(after, quoted_boxes())


def test_words_in_any_order_and_outside_of_the_block() -> None:
    far = tuple(Word(text=word, box=Box(left=0.1, top=0.8, right=0.2, bottom=0.81)) for word in QUOTE.split())
    after = look(Desk(words=(*far, *reversed(words_of_rows()))))
    assert_at(after, quoted_boxes())
    assert look(Desk(words=far)).precision == "block"


def test_nothing_is_asked_twice_when_the_first_look_succeeds() -> None:
    desk = Desk(words=words_of_rows(), read=words_of_rows())
    assert look(desk, ocr=LocalRequest()).box_source == "text_layer"
    assert len(desk.requests) == 1


def test_words_become_a_passage_and_lines() -> None:
    words = words_of_rows()
    made = words_passage((7, word) for word in (*words, Word(text=" ", box=row_box(0))))
    assert made.text == " ".join(ROWS)
    assert all(
        made.text[region.start : region.end] == word.text for region, word in zip(made.regions, words, strict=True)
    )
    assert [box.iou(row_box(row)) > 0.99 for row, box in enumerate(joined_lines(word.box for word in words))] == [
        True
    ] * len(ROWS)
    assert joined_lines([]) == ()


def test_no_block_no_box_of_the_model() -> None:
    box = row_box(0)
    assert not is_plausible([box], [], share=0.5)
    assert not is_plausible([box] * 201, [block_box()], share=0.5)
    assert is_plausible([box], [block_box()], share=0.25)
