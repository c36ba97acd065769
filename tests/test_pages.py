from __future__ import annotations

from dataclasses import replace

import pytest

from deepseek_ocr_rag.document import Page
from deepseek_ocr_rag.errors import PageFailed
from deepseek_ocr_rag.geometry import Box, QuarterTurn
from deepseek_ocr_rag.pages import (
    MOST_PLACES,
    better_page,
    blank_page,
    evidence_request,
    failed_page,
    read_page,
    with_evidence,
)
from deepseek_ocr_rag.recognition import DocumentFacts, Inked, InkRow, PageImage, Recognition, Word
from deepseek_ocr_rag.usage import Usage

IMAGE = PageImage(page_number=3, page_width=600, page_height=800, label="iii", source="a.pdf")


def recognition(text: str, **more: object) -> Recognition:
    made = Recognition(page_number=3, engine="chat", text=text, usage=Usage(requests=2), history=("once",))
    return replace(made, **more)  # type: ignore[arg-type]


def page(text: str, **more: object) -> Page:
    return read_page(IMAGE, recognition(f"text[[100, 100, 900, 200]]\n{text}", **more), task="markdown")


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_what_was_read_upright_lies_where_the_page_shows_it(turn: QuarterTurn) -> None:
    shown = Box(left=0.1, top=0.2, right=0.3, bottom=0.9)
    upright = shown.turned(turn)
    left, top, right, bottom = (round(side * 999) for side in upright.as_tuple())
    image = replace(IMAGE, turn=turn, words=(Word(text="sideways", box=shown),))
    made = read_page(image, recognition(f"text[[{left}, {top}, {right}, {bottom}]]\nsideways"), task="markdown")
    [block] = made.blocks
    assert block.boxes[0].iou(shown) > 0.98
    assert block.lines[0].box.iou(shown) > 0.98
    assert (made.number, made.label, made.history) == (3, "iii", ("once",))


def test_a_failed_page_has_a_reason_and_no_text() -> None:
    made = failed_page(IMAGE, "chat", PageFailed("was too slow.", source="a.pdf", page_number=3))
    assert (made.status, made.blocks, made.warnings) == ("failed", (), ("a.pdf, page 3: was too slow.",))


def test_a_blank_page_of_a_repaired_file_is_doubtful() -> None:
    assert blank_page(IMAGE, DocumentFacts(page_count=1), task="markdown").warnings == ()
    made = blank_page(IMAGE, DocumentFacts(page_count=1, is_repaired=True), task="markdown")
    assert made.status == "empty"
    assert "may be lost" in made.warnings[0]


def test_the_reading_that_says_clearly_more_is_kept_and_known_as_such() -> None:
    partial = page("a" * 100, status="truncated", warnings=("cut off",))
    whole = page("b" * 200, engine="local/rapidocr", history=())
    made = better_page(partial, whole)
    assert (made.status, made.engine, made.blocks) == ("fallback", "local/rapidocr", whole.blocks)
    assert made.warnings == ("cut off", "This page was read by local/rapidocr instead.")
    assert made.usage == Usage(requests=4)
    assert made.history == ("once", "local/rapidocr: 200 letters, used in place of 100")


def test_a_partial_answer_that_says_as_much_stays() -> None:
    partial = page("a" * 100, status="truncated", warnings=("cut off",))
    made = better_page(partial, page("b" * 105, engine="local/rapidocr", history=()))
    assert (made.status, made.blocks, made.warnings) == ("truncated", partial.blocks, ("cut off",))
    assert made.history[-1] == "local/rapidocr: 105 letters, not used"


def test_where_both_fail_both_reasons_are_told() -> None:
    first = failed_page(IMAGE, "chat", PageFailed("one."))
    second = failed_page(IMAGE, "local", PageFailed("two."))
    made = better_page(first, second)
    assert (made.status, made.warnings) == ("failed", ("one.", "two."))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_ink_on_the_upright_page_lies_where_the_page_shows_it(turn: QuarterTurn) -> None:
    upright = Box(left=0.2, top=0.4, right=0.4, bottom=0.45)
    left, top, right, bottom = (round(side * 999) for side in upright.as_tuple())
    made = read_page(
        replace(IMAGE, turn=turn),
        recognition(f"text[[{left}, {top}, {right}, {bottom}]]\nA few words"),
        task="markdown",
    )
    wanted = evidence_request(made)
    assert wanted is not None
    assert wanted.turn == turn
    assert wanted.boxes[0].iou(upright) > 0.95
    row = InkRow(left=0.2, right=0.4, top=0.41, bottom=0.44)
    found = with_evidence(made, replace(IMAGE, turn=turn, inked=(Inked(rows=(row,)),), warnings=("no OCR",)))
    [block] = found.blocks
    [line] = block.lines
    assert (line.source, found.warnings[-1]) == ("ink", "no OCR")
    assert block.boxes == made.blocks[0].boxes
    assert line.box.turned(turn).iou(Box(left=0.2, top=0.41, right=0.4, bottom=0.44)) > 0.6
    assert evidence_request(found) is None


def test_words_that_were_read_come_before_ink() -> None:
    made = page("two words")
    words = (
        Word(text="two", box=Box(left=0.11, top=0.11, right=0.3, bottom=0.15)),
        Word(text="words", box=Box(left=0.32, top=0.11, right=0.6, bottom=0.15)),
    )
    row = InkRow(left=0.11, right=0.6, top=0.11, bottom=0.15)
    found = with_evidence(made, replace(IMAGE, read=words, inked=(Inked(rows=(row,)),)))
    assert [line.source for line in found.blocks[0].lines] == ["ocr"]


def test_a_model_cannot_ask_for_any_number_of_places() -> None:
    answer = "".join(f"text[[0, {top}, 999, {top + 9}]]\nline {top}\n\n" for top in range(990))
    wanted = evidence_request(read_page(IMAGE, recognition(answer), task="markdown"))
    assert wanted is not None
    assert len(wanted.boxes) <= MOST_PLACES
    whole = "".join(f"text[[0, 0, {999 - number}, 999]]\nline {number}\n\n" for number in range(50))
    wanted = evidence_request(read_page(IMAGE, recognition(whole), task="markdown"))
    assert wanted is not None
    assert len(wanted.boxes) < 10
