from __future__ import annotations

import pytest

from deepseek_ocr_rag.engines.verdict import Reading, joined, judged, recognized, stops_within
from deepseek_ocr_rag.geometry import WHOLE_PAGE, Frame
from deepseek_ocr_rag.recognition import PageImage, Piece

TAGGED = "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nSome words.\n\n"


def reading(text: str, finish_reason: str = "stop", **more: object) -> Reading:
    return Reading(pieces=(Piece(text=text, frame=WHOLE_PAGE, **more),), finish_reason=finish_reason)  # type: ignore[arg-type]


@pytest.mark.parametrize("whole", [TAGGED, "text[[1, 2, 3, 4]]\nSome words.", "Plain < words | here.", "", TAGGED * 9])
def test_every_place_within_a_tag_is_known(whole: str) -> None:
    assert not stops_within(whole)
    for cut in range(len(whole)):
        rest, part = whole[cut:], whole[:cut]
        in_tag = part.startswith("<|") and "<|/det|>" not in part[part.rfind("<|ref|>") :] and part.rstrip() != ""
        if in_tag and part.count("<|ref|>") == 1 and cut > 2:
            assert stops_within(part), (part, rest)


@pytest.mark.parametrize("cut", ["<table><tr><td>1</td>", "text[[1, 2", "text[[", "<|det|>text [1, 2", TAGGED + "<|re"])
def test_tables_and_stripped_tags_too(cut: str) -> None:
    assert stops_within(cut)


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (reading(TAGGED), "ok"),
        (reading(TAGGED, "length"), "truncated"),
        (reading(TAGGED + "<|ref|>te"), "truncated"),
        (reading(TAGGED, "content_filter"), "filtered"),
        (reading(TAGGED, "length", repeats_from=3), "looped"),
        (reading(" \n"), "empty"),
        (reading("<|ref|>image<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>"), "ok"),
    ],
)
def test_what_is_wrong_with_an_answer(made: Reading, outcome: str) -> None:
    assert judged(made, task="markdown", has_words=False) == outcome


def test_a_picture_and_no_text_on_a_page_with_words() -> None:
    photo = reading("<|ref|>image<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>")
    assert judged(photo, task="markdown", has_words=True) == "empty"
    assert judged(photo, task="locate", has_words=True) == "ok"


def test_letters_are_those_of_the_page() -> None:
    assert reading(TAGGED).letters == len("Somewords")
    assert reading(TAGGED * 2, repeats_from=len(TAGGED)).letters == len("Somewords")


def test_parts_are_as_bad_as_the_worst_of_them() -> None:
    halves = [reading("one"), Reading(pieces=(), outcome="truncated"), reading("two")]
    whole = joined(halves)
    assert whole.outcome == "truncated"
    assert [piece.text for piece in whole.pieces] == ["one", "two"]
    made = recognized(halves, page=PageImage(page_number=4, page_width=1, page_height=1), task="markdown", engine="e")
    assert (made.page_number, made.status, made.text, len(made.pieces)) == (4, "truncated", "", 2)


def test_one_answer_is_the_text_of_the_page() -> None:
    piece = Piece(text="all", frame=Frame(bottom=2.0), task="free_ocr", repeats_from=2)
    page = PageImage(page_number=4, page_width=1, page_height=1)
    made = recognized([Reading(pieces=(piece,), rung="with Free OCR")], page=page, task="markdown", engine="e")
    assert (made.text, made.frame, made.task, made.repeats_from, made.pieces) == ("all", piece.frame, "free_ocr", 2, ())
    assert made.status == "retried"


def test_where_the_server_marks_the_end_an_answer_without_the_mark_is_cut_off() -> None:
    end = "<｜end▁of▁sentence｜>"
    assert judged(reading("Some words."), task="markdown", has_words=False, ends_marked=True) == "truncated"
    assert judged(reading("Some words." + end), task="markdown", has_words=False, ends_marked=True) == "ok"
    assert judged(reading(end), task="markdown", has_words=False, ends_marked=True) == "empty"
