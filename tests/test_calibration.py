"""The drawn page, and what answers to it tell: rendered in every form and frame, real ones, and any text at all."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepseek_ocr_rag import read
from deepseek_ocr_rag.calibration import KnownLine, Truth, calibration_page
from deepseek_ocr_rag.findings import FrameName, examine
from deepseek_ocr_rag.geometry import WHOLE_PAGE, Box, Frame, bounding_box
from deepseek_ocr_rag.recognition import Piece, Recognition, Region
from deepseek_ocr_rag.tables import table_html, table_markdown

CALIBRATION = calibration_page()
TRUTH = CALIBRATION.truth
SQUARE = Frame.padded_square(TRUTH.width, TRUTH.height)
SIDE = max(TRUTH.width, TRUTH.height)
TOKENS = ("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<td>", "</td>", "<tr>", "</tr>")
END = "<｜end▁of▁sentence｜>"
HEADINGS = {0: "title", 3: "sub_title", 8: "sub_title", 10: "sub_title"}
PARAGRAPHS = ((1, 2), (4, 7), (11, 15), (17, 18))

Counted = tuple[float, float, float, float]
FRAMES: dict[FrameName, Callable[[Box], Counted]] = {
    "per_axis": lambda box: box.to_size(width=999, height=999),
    "per_mille": lambda box: box.to_size(width=1000, height=1000),
    "pixels": lambda box: box.to_size(width=TRUTH.width, height=TRUTH.height),
    "padded_square": lambda box: (
        *((box.left - SQUARE.left) / (SQUARE.right - SQUARE.left) * 999, box.top * TRUTH.height / SIDE * 999),
        *((box.right - SQUARE.left) / (SQUARE.right - SQUARE.left) * 999, box.bottom * TRUTH.height / SIDE * 999),
    ),
}


def answer(*, frame: FrameName = "per_axis", jitter: float = 0.0, seed: int = 0) -> str:
    """What the model says about the page, tagged, off by up to ``jitter`` grid units."""
    noise = random.Random(seed)

    def tag(label: str, box: Box | None) -> str:
        assert box is not None
        numbers = ", ".join(str(round(value + noise.uniform(-jitter, jitter))) for value in FRAMES[frame](box))
        return f"<|ref|>{label}<|/ref|><|det|>[[{numbers}]]<|/det|>\n"

    blocks: list[tuple[int, str]] = []
    wrapped = dict(PARAGRAPHS)
    inner = {at for first, last in PARAGRAPHS for at in range(first + 1, last + 1)}
    for at, line in enumerate(TRUTH.lines):
        if at in inner:
            continue
        lines = TRUTH.lines[at : wrapped.get(at, at) + 1]
        box = bounding_box(known.box for known in lines)
        if line.text.startswith("Table"):
            assert TRUTH.table is not None
            table_box = bounding_box(cell.box for cell in TRUTH.table.cells if cell.box is not None)
            html = table_html(replace(TRUTH.table, cells=tuple(replace(c, is_header=False) for c in TRUTH.table.cells)))
            blocks.append((at, tag("table", table_box) + "\n" + tag("table_caption", box) + f"{line.text}  \n\n{html}"))
        elif line.text.startswith("Figure"):
            blocks.append((at, tag("image", TRUTH.figure)))
            blocks.append((at, tag("image_caption", box) + f"<center>{line.text} </center>"))
        else:
            mark = "## " if at in HEADINGS else ""
            text = mark + " ".join(known.text for known in lines)
            blocks.append((at, tag(HEADINGS.get(at, "text"), box) + text))
    return "  \n\n".join(text for _, text in blocks)


def stripped(text: str) -> str:
    """What a server makes of an answer that takes all special tokens out."""
    for token in TOKENS:
        text = text.replace(token, "")
    return text


def plain() -> str:
    assert TRUTH.table is not None
    return "\n\n".join([*(line.text for line in TRUTH.lines), table_markdown(TRUTH.table)])


def lines_answer(*, frame: FrameName = "per_axis") -> str:
    """The answer to the question for lines: the text stands in the place of the label."""
    return "\n".join(
        f"<|ref|>{line.text}<|/ref|><|det|>[[{', '.join(str(round(v)) for v in FRAMES[frame](line.box))}]]<|/det|>"
        for line in TRUTH.lines
    )


def said(text: str, *, frame: Frame = WHOLE_PAGE, finish_reason: str = "stop") -> Recognition:
    return Recognition(page_number=1, engine="fake", text=text, frame=frame, finish_reason=finish_reason)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_is_the_same_each_time_and_what_it_says_it_is() -> None:
    again = calibration_page()
    assert again == CALIBRATION
    picture = Image.open(io.BytesIO(again.page.data))
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (again.page.width, again.page.height))
    assert Image.open(io.BytesIO(calibration_page(media_type="image/png").page.data)).format == "PNG"
    assert again.page.words == ()
    assert again.page.height / again.page.width > 1.3


def test_ink_stands_in_the_boxes_and_nowhere_else() -> None:
    picture = Image.open(io.BytesIO(calibration_page(media_type="image/png").page.data)).convert("L")
    assert TRUTH.table is not None
    assert TRUTH.figure is not None
    boxes = [line.box for line in TRUTH.lines]
    for box in boxes:
        left, top, right, bottom = (round(v) for v in box.to_size(width=TRUTH.width, height=TRUTH.height))
        ink = (
            picture.crop((left - 4, top - 4, right + 4, bottom + 4)).point(lambda value: 255 * (value < 128)).getbbox()
        )
        assert ink is not None
        assert all(abs(a - b) <= 1 for a, b in zip(ink, (4, 4, right - left + 4, bottom - top + 4), strict=True))
    for box in (*boxes, *(cell.box for cell in TRUTH.table.cells if cell.box), TRUTH.figure):
        left, top, right, bottom = (round(v) for v in box.to_size(width=TRUTH.width, height=TRUTH.height))
        picture.paste(255, (left - 2, top - 2, right + 3, bottom + 3))
    assert picture.getextrema() == (255, 255)


def test_text_stands_near_all_edges_and_most_words_stand_there_once() -> None:
    box = bounding_box(line.box for line in TRUTH.lines)
    assert box is not None
    assert box.left < 0.07
    assert box.top < 0.05
    assert box.right > 0.93
    assert box.bottom > 0.95
    counts = Counter(word for line in TRUTH.lines for word in line.text.lower().split())
    assert sum(count == 1 for count in counts.values()) > 0.8 * len(counts)


def test_the_embedded_engine_reads_the_page() -> None:
    (document,) = read(CALIBRATION.page.data)
    found = examine(said(document.markdown), TRUTH)
    assert found.words >= 0.95
    assert found.numbers >= 0.95
    assert found.cells >= 0.95
    assert found.character_error < 0.02


# --- answers of every form --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("change", [str, stripped], ids=["tagged", "stripped"])
def test_the_frame_is_found(frame: FrameName, change: Callable[[str], str]) -> None:
    found = examine(said(change(answer(frame=frame))), TRUTH)
    assert found.frame == frame
    assert found.frame_error is not None
    assert found.frame_error < 0.001
    assert found.boxes >= 10
    assert found.frame_errors["padded_square" if frame != "padded_square" else "per_axis"] > 0.05


@given(seed=st.integers(0, 10_000), frame=st.sampled_from(["per_axis", "padded_square"]))
@settings(max_examples=30, deadline=None)
def test_the_frame_is_found_where_the_model_is_as_unsure_as_it_is(seed: int, frame: FrameName) -> None:
    found = examine(said(answer(frame=frame, jitter=8, seed=seed)), TRUTH)
    assert found.frame == frame
    assert found.frame_error is not None
    # A step of the grid is 1/999 of the longer side, and so more of the shorter one in a padded square.
    assert found.frame_error < (8 + 1) / 999 * TRUTH.height / TRUTH.width


def test_boxes_in_no_frame_are_told_from_too_few_boxes() -> None:
    upside_down = answer()
    for line in TRUTH.lines:
        numbers = [str(round(v)) for v in FRAMES["per_axis"](line.box)]
        upside_down = upside_down.replace(
            ", ".join(numbers), ", ".join((numbers[1], numbers[0], numbers[3], numbers[2]))
        )
    found = examine(said(upside_down), TRUTH)
    assert found.frame is None
    assert found.frame_error is not None
    assert found.frame_error > 0.03
    few = examine(said(answer()[:200]), TRUTH)
    assert (few.frame, few.frame_error, dict(few.frame_errors)) == (None, None, {})


def test_a_tagged_answer_has_everything() -> None:
    found = examine(said(answer() + END), TRUTH)
    assert (found.form, found.keeps_special_tokens, found.table) == ("tagged", True, "cells")
    assert (found.cells, found.words, found.numbers, found.character_error) == (1, 1, 1, 0)
    assert (found.has_end_mark, found.finish_reason, found.frame_in_use) == (True, "stop", "per_axis")


def test_a_stripped_answer_has_lost_the_cells_of_its_table() -> None:
    found = examine(said(stripped(answer()), finish_reason=""), TRUTH)
    assert (found.form, found.keeps_special_tokens, found.table) == ("stripped", False, "fused")
    assert found.cells == 0
    assert found.words == 1
    assert found.numbers < 0.6
    assert (found.has_end_mark, found.finish_reason) == (False, "")


def test_a_plain_answer_has_no_boxes_but_cells() -> None:
    found = examine(said(plain()), TRUTH)
    assert (found.form, found.keeps_special_tokens, found.table) == ("plain", None, "cells")
    assert (found.cells, found.words, found.boxes, found.frame) == (1, 1, 0, None)


def test_a_plain_answer_may_have_lost_cells_or_the_table() -> None:
    assert TRUTH.table is not None
    html = table_html(TRUTH.table).replace("th>", "td>")
    fused = examine(said(plain().partition("| Station")[0] + stripped(html)), TRUTH)
    assert (fused.form, fused.keeps_special_tokens, fused.table) == ("plain", False, "fused")
    assert examine(said(plain().partition("| Station")[0] + html), TRUTH).keeps_special_tokens is True
    assert examine(said(plain().partition("| Station")[0]), TRUTH).table == "missing"


@pytest.mark.parametrize("change", [str, stripped], ids=["tagged", "stripped"])
def test_the_lines_of_the_other_question_have_boxes(change: Callable[[str], str]) -> None:
    found = examine(said(change(lines_answer(frame="padded_square"))), TRUTH, task="ocr")
    assert (found.frame, found.boxes, found.words) == ("padded_square", len(TRUTH.lines), 1)
    again = replace(said(change(lines_answer())), task="ocr")
    assert examine(again, TRUTH, task="markdown").frame == "per_axis"


def test_the_frame_that_the_engine_uses_is_told() -> None:
    found = examine(said(answer(frame="padded_square"), frame=SQUARE), TRUTH)
    assert (found.frame, found.frame_in_use) == ("padded_square", "padded_square")


def test_what_is_misread_or_repeated_for_ever_counts() -> None:
    wrong = answer().replace("bottle", "battle").replace("lighthouse", "").replace("46.3", "48.3")
    found = examine(said(wrong), TRUTH)
    assert 0.95 < found.words < 1
    assert found.numbers < 1
    assert found.cells == 23 / 24
    assert 0.005 < found.character_error < 0.03
    half = len(answer()) // 2
    looped = replace(said(answer()), repeats_from=half)
    assert examine(looped, TRUTH).words == pytest.approx(examine(said(answer()[:half]), TRUTH).words)
    assert examine(looped, TRUTH).words < 0.8


def test_a_page_read_in_parts_has_words_but_no_frame() -> None:
    pieces = (
        Piece(text=answer(), frame=Frame(bottom=0.5)),
        Piece(text="| never | mind |", frame=WHOLE_PAGE, task="table", retells=True),
    )
    found = examine(Recognition(page_number=1, engine="fake", pieces=pieces), TRUTH)
    assert (found.words, found.cells, found.frame, found.boxes) == (1, 1, None, 0)


def test_ready_regions_are_looked_at_too() -> None:
    lines = (Region(label="text", text=line.text, boxes=(line.box,)) for line in TRUTH.lines)
    regions = (*lines, Region(label="table", text="", table=TRUTH.table))
    found = examine(Recognition(page_number=1, engine="local", regions=regions), TRUTH)
    assert (found.words, found.table, found.cells) == (1, "cells", 1)


@given(st.one_of(st.text(), st.integers(0, 3000).map(lambda at: answer()[:at]), st.text("[]<|>/dettrf 0123,.\n")))
@settings(max_examples=60, deadline=None)
def test_any_text_is_taken(text: str) -> None:
    for task in ("markdown", "ocr"):
        found = examine(said(text), TRUTH, task=task)
        assert min(found.words, found.cells, found.numbers, found.character_error) >= 0
        assert max(found.words, found.cells, found.numbers, found.character_error) <= 1
        assert all(0 <= error <= 1 for error in found.frame_errors.values())


def test_a_page_without_lines_is_no_trouble() -> None:
    found = examine(said(answer()), Truth(width=10, height=20, lines=()))
    assert (found.words, found.boxes) == (0, 0)


# --- real answers -----------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(shared_data: Path) -> Path:
    folder = shared_data / "recorded" / "lacerbi__inscriber"
    if not folder.is_dir():
        pytest.skip("the recorded answers are not here")
    return folder


@pytest.mark.parametrize("name", ["deepseek_calibration_raw.txt", "deepseek_calibration_gundam2048_raw.txt"])
def test_real_answers_of_llama_cpp_are_per_axis(recorded: Path, name: str) -> None:
    facts = json.loads((recorded / "calibration.json").read_text(encoding="utf-8"))
    width, height = facts["page_pt"]
    with pymupdf.open(recorded / "calibration.pdf") as document:
        blocks = document[0].get_text("blocks")
    lines = tuple(
        KnownLine(text=block[4].strip(), box=Box.from_size(block[:4], width=width, height=height))
        for block in blocks
        if block[6] == 0
    )
    figure = Box.from_size(facts["box_pt"], width=width, height=height)
    truth = Truth(width=int(width), height=int(height), lines=lines, figure=figure)
    found = examine(said((recorded / name).read_text(encoding="utf-8")), truth)
    assert (found.form, found.frame, found.boxes) == ("stripped", "per_axis", 3)
    assert found.frame_error is not None
    assert found.frame_error < 0.012
    assert found.frame_errors["padded_square"] > 0.05
    assert found.words == 1


def test_a_real_answer_with_a_fused_table(recorded: Path) -> None:
    found = examine(said((recorded / "deepseek_paper_table_p27_raw.txt").read_text(encoding="utf-8")), TRUTH)
    assert (found.form, found.keeps_special_tokens, found.table) == ("stripped", False, "fused")
