"""Every recorded answer is read whole, whatever served it and wherever it is cut off.

What an answer says is found here by other means than the package's: marks, boxes, tags and markdown are taken out of
the raw text with a few patterns, and what is left must be the blocks' text, in the same order.
"""

from __future__ import annotations

import csv
import html
import re
from functools import cache
from pathlib import Path

import pytest

from deepseek_ocr_rag.blocks import build_blocks
from deepseek_ocr_rag.document import Block, BlockKind
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import Recognition

RECORDED = Path(__file__).parents[2] / "../shared/data/recorded"
POST_PROCESSED = re.compile(r"(?:/TB|/result(?:_\d+)?)\.mmd$")
TASKS: dict[str, Task] = {
    "novita_ocr_this_image.txt": "ocr",
    "cloud_temple_tables.md": "table",
    "cloud_temple_latex.md": "latex",
    "output_extract_text.txt": "free_ocr",
}
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not there")

LABELS = "text|sub_title|title|image_caption|image|equation|table_caption|table_footnote|table|figure_title"
NUMBERS = r"\[\[?[\d, \[\]]*"
LEAK = re.compile(r"<\||\|>|\[\[\s*\d+\s*,\s*\d")
MARKUP = [
    r"<｜end▁of▁sentence｜>",
    rf"<\|ref\|>(?:{LABELS})<\|/ref\|>",
    rf"<\|det\|>{NUMBERS}<\|/det\|>",
    rf"(?m:^(?:{LABELS}){NUMBERS}\]\])",
    r"<\|/?ref\|>",
    r"(?m:^(?:```|---$).*)",
    r"</?[a-z]+(?: [a-z]+=[^<>]*)?>",
]
TAILS = [
    rf"<\|ref\|>(?:{LABELS})<\|/ref\|><(?:\|d?e?t?\|?)?\Z",
    rf"(?:<\|ref\|>(?:{LABELS})<\|/ref\|>)?<\|det\|>(?:{NUMBERS})?(?:<(?:\|/?d?e?t?\|?)?)?\Z",
    rf"<\|ref\|>(?:{LABELS})<(?:\|/?r?e?f?\|?)?\Z",
    r"<\|ref\|>[a-z_]*\Z",
    rf"(?m:^(?:{LABELS})(?:\[|{NUMBERS}\]?))\Z",
    r"<[|｜][^<>]*\Z",
    r"</?(?:t[a-z]*(?: [^<>]*)?)?\Z",
]
"""What is left of a tag that the end of the answer cuts in two."""
DRAWN = re.compile(r"[\s|\-#*_`\\]")


def raw_answers() -> list[tuple[str, str, Task]]:
    if not RECORDED.is_dir():
        return []
    with (RECORDED / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    found = []
    for name in names:
        if name.endswith((".md", ".mmd", ".txt")) and not POST_PROCESSED.search(name):
            text = (RECORDED / name).read_text(encoding="utf-8")
            for number, page in enumerate(text.split("<--- Page Split --->")):
                found.append((f"{name}:{number}", page, TASKS.get(name.rsplit("/", 1)[1], "markdown")))
    return found


ANSWERS = raw_answers()


def read(text: str, task: Task = "markdown") -> tuple[tuple[Block, ...], tuple[str, ...]]:
    return build_blocks(Recognition(page_number=1, engine="test", text=text), task=task)


@cache
def visible(text: str) -> str:
    for pattern in MARKUP:
        text = re.sub(pattern, " ", text)
    return DRAWN.sub("", html.unescape(html.unescape(text)))


def readings(text: str) -> set[str]:
    """What an answer says, with and without what may be the beginning of a tag at its end."""
    stripped = text.rstrip()
    tail = next((match for pattern in TAILS if (match := re.search(pattern, stripped))), None)
    return {visible(text), visible(stripped[: tail.start()])} if tail else {visible(text)}


def shown(blocks: tuple[Block, ...]) -> str:
    return DRAWN.sub("", "".join(block.text for block in blocks).replace("<br>", ""))


def check_sound(blocks: tuple[Block, ...]) -> None:
    for block in blocks:
        assert not LEAK.search(block.text), block.text
        assert all(0 <= value <= 1 for box in block.boxes for value in box.as_tuple())
        assert block.table is None or (block.kind is BlockKind.TABLE and block.table.cells)
        for cell in block.table.cells if block.table else ():
            assert not LEAK.search(cell.text), cell.text
    assert len({block.id for block in blocks}) == len(blocks)


@needs_recordings
def test_the_recordings_are_found() -> None:
    assert len(ANSWERS) > 70
    assert {task for *_, task in ANSWERS} == {"markdown", "ocr", "table", "latex", "free_ocr"}


@needs_recordings
@pytest.mark.parametrize(("text", "task"), [pytest.param(*rest, id=name) for name, *rest in ANSWERS])
def test_an_answer_is_read_whole(text: str, task: Task) -> None:
    blocks, warnings = read(text, task)
    check_sound(blocks)
    assert shown(blocks) in readings(text)
    tables = [block for block in blocks if block.kind is BlockKind.TABLE]
    raw = re.findall(r"<table\b.*?(?:</table>|\Z)", text, re.DOTALL)
    with_cells = sum("<td>" in table for table in raw)
    assert sum(block.table is not None for block in tables if "<table" in text) == with_cells
    assert with_cells == len(raw) or any("no cells" in warning for warning in warnings)
    if "[[" in text:
        unplaced = [block for block in blocks if not block.boxes]
        assert bool(unplaced) == any("no place" in warning for warning in warnings)


@needs_recordings
def test_answers_cut_anywhere_are_read_whole() -> None:
    for name, text, task in ANSWERS:
        tag = max(text.find("[["), text.find("<td"), 0)
        near = range(max(1, tag - 45), min(len(text), tag + 50), 3)
        step = max(61, len(text) // 12)
        for cut in sorted({*near, *range(1, len(text), step), *range(len(text) - 30, len(text), 4)}):
            if cut > 0:
                blocks, _ = read(text[:cut], task)
                check_sound(blocks)
                assert shown(blocks) in readings(text[:cut]), (name, cut)
