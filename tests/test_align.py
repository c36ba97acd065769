from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag import align, folding, grounding, tables
from deepseek_ocr_rag.align import align_blocks
from deepseek_ocr_rag.document import Block, BlockKind, Line
from deepseek_ocr_rag.geometry import Box, bounding_box
from deepseek_ocr_rag.recognition import Word

RECORDED = Path(__file__).parents[1].parent / "shared" / "data" / "recorded"
PAGE = Box(left=0, top=0, right=1, bottom=1)


def block(text: str, *boxes: Box, kind: BlockKind = BlockKind.PARAGRAPH) -> Block:
    return Block(id="b", kind=kind, text=text, page_number=1, boxes=boxes or (PAGE,))


def typeset(*lines: str, left: float = 0.1, top: float = 0.1, leading: float = 0.02) -> tuple[Word, ...]:
    """Words of lines set one under another, a hundredth of the page per letter; boxes of lines overlap a little."""
    words = []
    for number, line in enumerate(lines):
        y = top + number * leading
        for found in re.finditer(r"\S+", line):
            x0, x1 = left + found.start() / 100, left + found.end() / 100
            words.append(Word(text=found[0], box=Box.from_fractions(x0, y, x1, y + 1.2 * leading)))
    return tuple(words)


def said(aligned: Block) -> list[str]:
    return [aligned.text[line.start : line.end] for line in aligned.lines]


def one(item: Block, words: tuple[Word, ...]) -> Block:
    [aligned] = align_blocks((item,), words=words)
    return aligned


# --- lines ------------------------------------------------------------------------------------------------------------


def test_lines_of_a_paragraph() -> None:
    words = typeset("The quick brown fox", "jumps over the lazy", "dog, twice.")
    aligned = one(block("The quick brown fox jumps over the lazy dog, twice."), words)
    assert said(aligned) == ["The quick brown fox", "jumps over the lazy", "dog, twice."]
    assert aligned.lines[0].box.as_tuple() == pytest.approx((0.1, 0.1, 0.29, 0.124))
    assert {line.source for line in aligned.lines} == {"text_layer"}


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("a grounded model reads", ("a groun-", "ded model reads"), ["a groun", "ded model reads"]),
        ("a high- quality scan", ("a high-quality", "scan"), ["a high- quality", "scan"]),
        ("“Smart” — quotes’ ﬁt", ('"Smart" - quotes\'', "fit"), ["“Smart” — quotes’", "ﬁt"]),
        ("NAÏVE café", ("nai\u0308ve cafe\u0301",), ["NAÏVE café"]),
        ("energy E = mc² (here)", ("energy E = mc2", "(here)"), ["energy E = mc²", "(here)"]),
        ("the modle is god enough", ("the model is", "good enough"), ["the modle is", "god enough"]),
        (
            "one \\( x_i \\) two three four five",
            ("one x two three", "four five"),
            ["one \\( x_i \\) two three", "four five"],
        ),
        (
            r"let \(\mathsf{p}(\mathsf{y}\mid\mathsf{x})\) be",
            ("let p(y | x) be",),
            [r"let \(\mathsf{p}(\mathsf{y}\mid\mathsf{x})\) be"],
        ),
        ("中文文本没有空格，分两行。", ("中文文本没有", "空格，分两行。"), ["中文文本没有", "空格，分两行。"]),
        ("word- word stays", ("word-word", "stays"), ["word- word", "stays"]),
    ],
)
def test_what_is_written_differently(text: str, lines: tuple[str, ...], expected: list[str]) -> None:
    assert said(one(block(text), typeset(*lines))) == expected


def test_words_of_other_blocks_do_not_matter() -> None:
    words = typeset("the same words here", "the same words here", "the same words here", leading=0.05)
    middle = Box(left=0.1, top=0.15, right=0.5, bottom=0.2)
    aligned = one(block("the same words here", middle), words)
    assert [line.box.top for line in aligned.lines] == [pytest.approx(0.15)]


def test_a_box_that_is_a_little_off_still_holds_its_words() -> None:
    words = typeset("the first line", "the second line")
    tight = Box(left=0.12, top=0.117, right=0.2, bottom=0.127)  # both lines' middles are just outside
    assert len(one(block("the first line the second line", tight), words[1:2] + words[4:5]).lines) == 0
    loose = Box(left=0.1, top=0.117, right=0.25, bottom=0.127)
    assert said(one(block("the first line the second line", loose), words)) == ["the first line", "the second line"]


def test_a_paragraph_that_wraps_into_the_next_column() -> None:
    words = typeset("alpha beta", "gamma delta", left=0.1, top=0.5) + typeset("epsilon zeta", left=0.5, top=0.52)
    columns = Box(left=0.1, top=0.5, right=0.25, bottom=0.55), Box(left=0.5, top=0.5, right=0.7, bottom=0.56)
    aligned = one(block("alpha beta gamma delta epsilon zeta", *columns), words)
    assert said(aligned) == ["alpha beta", "gamma delta", "epsilon zeta"]


def test_a_text_layer_in_wild_order() -> None:
    lines = ["the words of this", "text layer come in", "no order that a", "reader would know"]
    words = list(typeset(*lines))
    random.Random(1).shuffle(words)
    assert said(one(block(" ".join(lines)), tuple(words))) == lines


def test_a_superscript_stays_on_its_line() -> None:
    body = typeset("a claim     that stands", "firm")
    mark = Word(text="12", box=Box(left=0.171, top=0.098, right=0.19, bottom=0.11))
    words = (*body[:2], mark, *body[2:])
    assert said(one(block("a claim12 that stands firm"), words)) == ["a claim12 that stands", "firm"]


def test_single_words_under_each_other_are_lines() -> None:
    words = typeset("apples", "pears", "plums", leading=0.01)
    assert said(one(block("apples pears plums"), words)) == ["apples", "pears", "plums"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing of this is there", typeset("quite another text stands here")),
        ("half of it is there but the rest is invented by the model", typeset("half of it is there")),
        ("text", ()),
        ("— … —", typeset("— … —")),
        ("", typeset("text")),
    ],
)
def test_no_lines_without_evidence(text: str, words: tuple[Word, ...]) -> None:
    item = block(text)
    assert one(item, words) is item


def test_blocks_with_lines_and_without_boxes_stay_as_they_are() -> None:
    words = typeset("some text")
    lined = Block(
        id="l",
        kind=BlockKind.PARAGRAPH,
        text="some text",
        page_number=1,
        boxes=(PAGE,),
        lines=(Line(start=0, end=4, box=PAGE, source="ocr"),),
    )
    boxless = Block(id="n", kind=BlockKind.PARAGRAPH, text="some text", page_number=1)
    blocks = lined, boxless, block("some text")
    aligned = align_blocks(blocks, words=words)
    assert aligned[:2] == blocks[:2]
    assert said(aligned[2]) == ["some text"]
    assert align_blocks(blocks[:2], words=words) == blocks[:2]


def test_absurd_amounts_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(align, "MAX_COMPARISONS", 10)
    item = block("one two three four")
    assert one(item, typeset("one two three four")) is item


# --- words ------------------------------------------------------------------------------------------------------------


def words_said(aligned: Block) -> list[list[str]]:
    return [[aligned.text[word.start : word.end] for word in line.words] for line in aligned.lines]


def test_each_word_has_its_box_and_its_punctuation() -> None:
    page = typeset("“Stop,” he", "said; (loudly)!")
    aligned = one(block("“Stop,” he said; (loudly)!"), page)
    assert words_said(aligned) == [["“Stop,”", "he"], ["said;", "(loudly)!"]]
    found = [word.box.as_tuple() for line in aligned.lines for word in line.words]
    assert found == [pytest.approx(word.box.as_tuple(), abs=1e-5) for word in page]
    assert all(side == round(side, 5) for box in found for side in box)


def test_words_have_their_own_boxes_in_any_order_of_the_text_layer() -> None:
    page = typeset("one two three", "four five six")
    mixed = tuple(page[at] for at in (2, 0, 1, 5, 4, 3))
    aligned = one(block("one two three four five six"), mixed)
    assert words_said(aligned) == [["one", "two", "three"], ["four", "five", "six"]]
    found = [word.box.as_tuple() for line in aligned.lines for word in line.words]
    assert found == [pytest.approx(word.box.as_tuple(), abs=1e-5) for word in page]


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("a grounded model", ("a groun-", "ded model"), [["a", "groun"], ["ded", "model"]]),
        ("high- quality, and/or not", ("high-quality, and/or", "not"), [["high- quality,", "and/or"], ["not"]]),
        (r"let \(\mathsf{p}(y)\) be", ("let p(y) be",), [["let", r"{p}(y)\)", "be"]]),
        ("one two three", ("one", "three"), [["one"], ["three"]]),
        ("中文文本。没有", ("中文文本。", "没有"), [["中文文本。"], ["没有"]]),
    ],
)
def test_words_that_are_written_differently(text: str, lines: tuple[str, ...], expected: list[list[str]]) -> None:
    assert words_said(one(block(text), typeset(*lines))) == expected


def test_words_may_come_from_ocr() -> None:
    [aligned] = align_blocks((block("seen by OCR"),), words=typeset("seen by OCR"), source="ocr")
    assert [(line.source, len(line.words)) for line in aligned.lines] == [("ocr", 3)]


def test_words_of_cells_stay_in_their_cells() -> None:
    aligned = one(block(TABLE, kind=BlockKind.TABLE), typeset("Model         Score", "Small one     0.91"))
    assert words_said(aligned) == [["Model"], ["Score"], ["Small", "one"], ["0.91"]]


# --- tables -----------------------------------------------------------------------------------------------------------

TABLE = "| Model | Score |\n| --- | --- |\n| Small one | 0.91 |\n| Large one | 0.91 |"


@pytest.mark.parametrize("by_column", [False, True])
def test_a_line_per_cell(by_column: bool) -> None:
    words = typeset("Model         Score", "Small one     0.91", "Large one     0.91")
    if by_column:
        words = tuple(sorted(words, key=lambda word: (word.box.left > 0.2, word.box.top)))
    aligned = one(block(TABLE, kind=BlockKind.TABLE), words)
    assert said(aligned) == ["Model", "Score", "Small one", "0.91", "Large one", "0.91"]
    assert aligned.lines[3].box.top == pytest.approx(0.12)
    assert aligned.lines[5].box.top == pytest.approx(0.14)


def test_a_cell_over_two_lines_has_two() -> None:
    words = typeset("a long", "cell", left=0.1) + typeset("next", left=0.4)
    aligned = one(block("| a long cell | next |\n| --- | --- |", kind=BlockKind.TABLE), words)
    assert said(aligned) == ["a long", "cell", "next"]


def test_cells_get_the_boxes_of_their_lines() -> None:
    made = tables.parse_html_table("<table><tr><td>a long cell</td><td>next</td><td>unseen</td></tr></table>")
    assert made is not None
    words = typeset("a long", "cell", left=0.1) + typeset("next", left=0.4)
    item = replace(block(tables.table_markdown(made), kind=BlockKind.TABLE), table=made)
    aligned = one(item, words)
    assert aligned.table is not None
    first, second, third = (cell.box for cell in aligned.table.cells)
    assert first == bounding_box(line.box for line in aligned.lines[:2])
    assert (second, third) == (aligned.lines[2].box, None)
    assert [cell.text for cell in aligned.table.cells] == ["a long cell", "next", "unseen"]


def test_no_line_reaches_over_a_cell_border() -> None:
    text = "|ab|cd|\n|---|---|\n|e\\|f|(g)|"
    aligned = one(block(text, kind=BlockKind.TABLE), typeset("ab cd", "e|f (g)"))
    assert said(aligned) == ["ab", "cd", "e\\|f", "(g)"]
    glued = one(block("| ab | cd |\n|---|---|\n| efgh | ijkl |", kind=BlockKind.TABLE), typeset("abcd", "efgh ijkl"))
    assert said(glued) == ["efgh", "ijkl"]


# --- properties -------------------------------------------------------------------------------------------------------

fractions = st.floats(min_value=0, max_value=1)
boxes = st.builds(Box.from_fractions, fractions, fractions, fractions, fractions)
vocabulary = [
    "a",
    "b",
    "ab",
    "abc",
    "-",
    "ba-",
    "c.",
    "(b",
    "ﬁ",
    "ß",
    "½",
    "e\u0301",
    "中",
    "中文",
    "|",
    "\u00ad",
    "x²",
    "İ",
]
pieces = st.sampled_from(vocabulary) | st.text(max_size=3)
texts = st.lists(st.tuples(pieces, st.sampled_from(["", " ", "\n", "|", " | "])), max_size=25).map(
    lambda parts: "".join(piece + space for piece, space in parts)
)
rows = st.lists(st.builds(Word, text=pieces, box=boxes), max_size=25).map(tuple)
kinds = st.sampled_from([BlockKind.PARAGRAPH, BlockKind.TABLE])


@settings(max_examples=200, deadline=None)
@given(text=texts, words=rows, kind=kinds, cut=st.integers(0, 9), places=st.lists(boxes, max_size=2))
def test_whatever_comes_lines_are_sound(
    text: str, words: tuple[Word, ...], kind: BlockKind, cut: int, places: list[Box]
) -> None:
    mine = tuple(Word(text=piece, box=PAGE) for piece in text.split())[cut:] + words
    item = block(text, *places, PAGE, kind=kind)
    aligned = one(item, mine)
    end = 0
    for line in aligned.lines:
        assert end <= line.start < line.end <= len(text)
        assert "\n" not in text[line.start : line.end] or kind is not BlockKind.TABLE
        end, at = line.end, line.start
        assert line.words
        for word in line.words:
            assert at <= word.start < word.end <= line.end
            at = word.end
    if kind is BlockKind.TABLE:
        assert all(not re.search(r"(?<!\\)\|", text[line.start : line.end]) for line in aligned.lines)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text("abcdefgh", min_size=1, max_size=6), min_size=1, max_size=5).map(" ".join),
        min_size=1,
        max_size=8,
    )
)
def test_what_the_page_says_is_found_line_by_line(lines: list[str]) -> None:
    text = " ".join(lines)
    aligned = one(block(text), typeset(*lines))
    assert said(aligned) == lines
    assert words_said(aligned) == [line.split() for line in lines]


# --- recorded answers of the model, and the pages that they are of ----------------------------------------------------

PAPER = "lacerbi__inscriber/sample_paper.pdf", "lacerbi__inscriber/deepseek_paper_p1_raw.txt"
DOCLING = "docling-project__docling/2305.03393v1-pg9.pdf", "docling-project__docling/deepseek_example.md"


def recorded(pdf: str, answer: str) -> tuple[tuple[Block, ...], tuple[Word, ...]]:
    """The model's paragraphs, headings and tables, and the page's words."""
    pymupdf = pytest.importorskip("pymupdf")
    if not (RECORDED / pdf).is_file():
        pytest.skip("the recorded pages are not there")
    with pymupdf.open(RECORDED / pdf) as document:
        page = document[0]
        size = {"width": page.rect.width, "height": page.rect.height}
        words = tuple(Word(text=word[4], box=Box.from_size(word[:4], **size)) for word in page.get_text("words"))
    blocks: list[Block] = []
    table_boxes: tuple[Box, ...] = ()
    for region in grounding.parse((RECORDED / answer).read_text("utf-8")).regions:
        table = tables.parse_html_table(region.text) if "<table" in region.text else None
        if table is not None:
            blocks.append(block(tables.table_markdown(table), *table_boxes, kind=BlockKind.TABLE))
        elif region.label == "table":
            table_boxes = region.boxes  # its body follows under the next label, as this model does it
        elif region.boxes and region.text:
            text = re.sub(r"^#+ |</?center>", "", region.text).strip()
            blocks.append(block(text, *region.boxes))
    return tuple(blocks), words


def bare(text: str) -> str:
    text = re.sub(r"\\[a-z]+", "", text)  # LaTeX's own words are not on the page
    return "".join(token.folded for token in folding.tokens(text))


@pytest.mark.parametrize(("pdf", "answer"), [PAPER, DOCLING])
def test_recorded_pages_get_their_lines(pdf: str, answer: str) -> None:
    from rapidfuzz import fuzz

    blocks, words = recorded(pdf, answer)
    aligned = [item for item in align_blocks(blocks, words=words) if item.kind is BlockKind.PARAGRAPH]
    assert len(aligned) >= 5
    assert sum(bool(item.lines) for item in aligned) >= 0.85 * len(aligned)
    for item in aligned:
        for line in item.lines:
            there = " ".join(word.text for word in words if line.box.holds_center_of(word.box))
            assert fuzz.ratio(bare(item.text[line.start : line.end]), bare(there)) > 90


def test_a_recorded_table_gets_a_line_per_cell() -> None:
    blocks, words = recorded(*DOCLING)
    [table] = [item for item in align_blocks(blocks, words=words) if item.kind is BlockKind.TABLE]
    assert len(table.lines) >= 60
    for line in table.lines:
        there = " ".join(word.text for word in words if line.box.holds_center_of(word.box))
        assert bare(table.text[line.start : line.end]) == bare(there)
