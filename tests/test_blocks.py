from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.blocks import KINDS, build_blocks, kind_of
from deepseek_ocr_rag.document import Block, BlockKind, Cell, Line, LineWord, Table
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.grounding import KNOWN_LABELS, parse
from deepseek_ocr_rag.markup import MOST_PARTS
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import Recognition, Region
from deepseek_ocr_rag.tables import table_markdown, unescape

HERE = Path(__file__).parent
RECORDED = HERE.parents[1] / "shared" / "data" / "recorded"
FIXTURE = (HERE / "fixtures" / "blocks.md").read_text(encoding="utf-8")
PARTS = [part.strip("\n") for part in re.split(r"^\.\n", FIXTURE, flags=re.MULTILINE)]
TRIPLES = list(zip(PARTS[0:-1:3], PARTS[1::3], PARTS[2::3], strict=True))
BOX = Box(left=0.1, top=0.1, right=0.9, bottom=0.2)


def read(text: str = "", *regions: Region, page_number: int = 1) -> tuple[tuple[Block, ...], tuple[str, ...]]:
    return build_blocks(Recognition(page_number=page_number, engine="test", text=text, regions=regions or None))


def line(start: int, end: int, top: float = 0.1) -> Line:
    return Line(start=start, end=end, box=Box(left=0, top=top, right=1, bottom=top + 0.1), source="ocr")


def show(block: Block) -> str:
    return f"{block.kind.value} {block.level} [{block.label}] " + block.text.replace("\n", "⏎")


@pytest.mark.parametrize(("source", "expected"), [pytest.param(*rest, id=title) for title, *rest in TRIPLES])
def test_fixture(source: str, expected: str) -> None:
    blocks, warnings = read(source)
    first, *rest = expected.split("\n")
    if first.startswith("! "):
        assert any(warning.startswith(first[2:]) for warning in warnings)
    else:
        rest = [first, *rest]
    assert [show(block) for block in blocks] == rest


def test_fixtures_are_found() -> None:
    assert len(TRIPLES) == 25


def test_ids_count_on_the_page() -> None:
    blocks, _ = read("# a\n\nb", page_number=7)
    assert [(block.id, block.page_number) for block in blocks] == [("p7-b1", 7), ("p7-b2", 7)]


def test_every_known_label_has_a_kind() -> None:
    assert set(KNOWN_LABELS) <= set(KINDS)


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Section-header", BlockKind.HEADING),
        ("list-item", BlockKind.LIST_ITEM),
        ("PICTURE", BlockKind.FIGURE),
        ("page-header", BlockKind.PAGE_HEADER),
        ("page_footer", BlockKind.PAGE_FOOTER),
        ("Figure caption", BlockKind.CAPTION),
        ("figure_title", BlockKind.CAPTION),
        ("Equation", BlockKind.FORMULA),
        ("nobody knows", BlockKind.PARAGRAPH),
        ("", BlockKind.PARAGRAPH),
    ],
)
def test_labels_of_all_engines(label: str, kind: BlockKind) -> None:
    assert kind_of(label) is kind


def test_an_empty_table_gives_its_place_to_the_html_after_it() -> None:
    blocks, _ = read(
        "<|ref|>table<|/ref|><|det|>[[0, 500, 999, 999]]<|/det|>\n"
        "<|ref|>table_caption<|/ref|><|det|>[[0, 0, 999, 500]]<|/det|>\nTable 1.\n<table><tr><td>a</td></tr></table>"
    )
    assert [(block.kind.value, round(block.boxes[0].top * 999)) for block in blocks] == [("caption", 0), ("table", 500)]
    assert blocks[1].table == Table(rows=1, columns=1, cells=(Cell(row=0, column=0, text="a"),))


def test_an_empty_table_before_plain_text_stays() -> None:
    blocks, warnings = read("", Region(label="table", text="", boxes=(BOX,)), Region(label="text", text="a"))
    assert [block.kind.value for block in blocks] == ["table", "paragraph"]
    assert warnings == ("1 table of the page has no text in any cell",)


def test_an_engine_s_own_table_without_a_grid_is_no_fault_of_a_server() -> None:
    blocks, warnings = read("", Region(label="table", text="a b", boxes=(BOX,), lines=(line(0, 3),)))
    assert (blocks[0].kind, blocks[0].text, blocks[0].table) == (BlockKind.TABLE, "a b", None)
    assert warnings == ("1 table of the page has no grid, so the text is kept line by line",)


def test_empty_and_fused_tables_are_counted() -> None:
    empty, fused, sound = (
        "<table><tr><td></td><td> </td></tr></table>",
        "<table>ab12</table>",
        "<table><td>a</td></table>",
    )
    _, warnings = read("\n\n".join([empty, fused, sound, fused, empty, empty]))
    told = [warning.partition(" no ")[0] for warning in warnings if "table" in warning]
    assert told == ["2 tables of the page have", "3 tables of the page have"]
    assert "skip_special_tokens" in warnings[-2]
    assert not any("table" in warning for warning in read(sound)[1])


def test_header_rows_are_guessed_where_the_model_marks_none() -> None:
    (block,), _ = read("<table><tr><td>Name</td><td>Count</td></tr>" + "<tr><td>x</td><td>12</td></tr>" * 3)
    assert block.table is not None
    assert (block.table.header_rows, block.table.header_is_guessed) == (1, True)
    assert [cell.text for cell in block.table.cells if cell.is_header] == ["Name", "Count"]


def test_the_ocr_task_is_handed_on() -> None:
    answer = "<|ref|>title<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>"
    blocks, _ = build_blocks(Recognition(page_number=1, engine="test", text=answer), task="ocr")
    assert [show(block) for block in blocks] == ["paragraph 0 [text] title"]


@pytest.mark.parametrize("task", ["ocr", "locate", "objects"])
def test_lines_and_names_are_no_markdown(task: Task) -> None:
    answer = "".join(
        f"<|ref|>{said}<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n"
        for said in ("# of items", "- one", "| a | b |", "table")
    )
    blocks, warnings = build_blocks(Recognition(page_number=1, engine="test", text=answer), task=task)
    assert [show(block) for block in blocks] == [
        "paragraph 0 [text] # of items",
        "list_item 0 [text] - one",
        "paragraph 0 [text] | a | b |",
        "paragraph 0 [text] table",
    ]
    assert warnings == ()


def test_empty_tables_give_their_places_in_order() -> None:
    place = "<|ref|>table<|/ref|><|det|>[[0, {0}, 999, {0}]]<|/det|>\n"
    html = "<|ref|>table_caption<|/ref|><|det|>[[0, 0, 9, 9]]<|/det|>\n<table><tr><td>a</td></tr></table>\n"
    blocks, _ = read(place.format(111) + place.format(222) + place.format(333) + html + html)
    assert [(round(block.boxes[0].top * 999), block.text != "") for block in blocks] == [
        (111, True),
        (222, True),
        (333, False),
    ]


def test_more_parts_than_a_page_can_have_are_in_the_last() -> None:
    blocks, _ = read("- a\n" * (MOST_PARTS + 5))
    assert len(blocks) == MOST_PARTS
    assert blocks[-1].text == "\n".join(["- a"] * 6)


def test_an_engine_s_own_words_are_not_touched() -> None:
    text = "x |> f [[1, 2 lan- guage language"
    (block,), _ = read("", Region(label="text", text=text, lines=(line(0, len(text)),)))
    assert block.text == text


def test_lines_move_with_the_text() -> None:
    region = Region(
        label="section-header", text=" ## Heads\nup ", boxes=(BOX,), lines=(line(0, 9), line(10, 13)), level=3
    )
    (block,), _ = read("", region)
    assert (block.kind, block.text, block.level) == (BlockKind.HEADING, "Heads\nup", 3)
    assert [block.text[part.start : part.end] for part in block.lines] == ["Heads", "up"]


def test_words_move_with_the_text() -> None:
    text = " ## Heads up, all "
    words = tuple(LineWord.at(*found.span(), BOX) for found in re.finditer(r"\S+", text))
    whole = replace(line(0, len(text)), words=words)
    (block,), _ = read("", Region(label="section-header", text=text, boxes=(BOX,), lines=(whole,)))
    (part,) = block.lines
    assert [block.text[word.start : word.end] for word in part.words] == ["Heads", "up,", "all"]


def test_a_table_keeps_the_lines_of_its_cells() -> None:
    cells = tuple(Cell(row=row, column=0, text=text, box=BOX) for row, text in enumerate(["a b", "c"]))
    table = Table(rows=2, columns=1, cells=cells)
    text = table_markdown(table)
    lines = line(2, 3), line(4, 5), line(16, 17)
    (block,), _ = read("", Region(label="table", text=text, lines=lines, table=table, boxes=(BOX,)))
    assert [block.text[part.start : part.end] for part in block.lines] == ["a", "b", "c"]


def test_a_text_with_lines_is_the_page_s_own() -> None:
    text = "# 1 &lt; <center> | 2"
    (block,), _ = read("", Region(label="text", text=text, lines=(line(0, len(text)),)))
    assert (block.kind, block.text) == (BlockKind.PARAGRAPH, text)


def test_a_list_item_is_seen_behind_lines() -> None:
    (block,), _ = read("", Region(label="text", text="• one", lines=(line(0, 5),), font_size=9.5))
    assert (block.kind, block.text, block.font_size) == (BlockKind.LIST_ITEM, "• one", 9.5)


def test_cells_boxes_become_lines() -> None:
    cells = (
        Cell(row=0, column=0, text="a|b", box=BOX),
        Cell(row=0, column=1, text="", box=BOX),
        Cell(row=1, column=0, text="c"),
        Cell(row=1, column=1, text="d", box=BOX),
    )
    table = Table(rows=2, columns=2, cells=cells)
    (block,), _ = read("", Region(label="table", text="a|b c d", lines=(line(0, 3),), table=table, boxes=(BOX,)))
    assert block.table == table
    assert [(block.text[part.start : part.end], part.source) for part in block.lines] == [
        ("a\\|b", "ocr"),
        ("d", "ocr"),
    ]


def test_wrong_lines_are_cut_to_the_text() -> None:
    lines = (line(0, 3), line(2, 4), line(1, 2), line(3, 99), line(50, 60))
    (block,), _ = read("", Region(label="text", text="abcdef", lines=lines))
    assert [(part.start, part.end) for part in block.lines] == [(0, 3), (3, 4), (4, 6)]


@pytest.mark.parametrize(
    "piece",
    [
        "<table>",
        "</table>",
        "|\n",
        "|a|b|\n",
        "- a\n",
        "# a\n",
        "```\n",
        "$$\n",
        "\\[\n",
        "- - ",
        "#",
        "<table",
        "|-|\n",
        "a | b\n",
        " ",
        "<tr><td>",
        "&amp;",
        "*",
        "1. ",
    ],
)
def test_hostile_repetition_is_read_in_linear_time(piece: str) -> None:
    read(piece * 5_000)
    read("x" + piece * 5_000)


def visible(texts: Iterable[str]) -> str:
    """The characters that must not get lost: no markup of HTML or markdown, no blanks."""
    text = re.sub(r"</?[a-z]+(?: [^<>]*)?>", "", unescape("\n".join(texts)))
    return re.sub(r"[\s|#`*_\\-]", "", text)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not there")
def test_recorded_answers_lose_nothing() -> None:
    count = 0
    for file in sorted(RECORDED.rglob("*")):
        if file.suffix not in (".md", ".mmd", ".txt"):
            continue
        for page in file.read_text(encoding="utf-8").split("<--- Page Split --->"):
            blocks, _ = read(page)
            assert visible(block.text for block in blocks) == visible(region.text for region in parse(page).regions)
            assert len({block.id for block in blocks}) == len(blocks)
            count += sum(block.table is not None for block in blocks)
    assert count == 10


parts = [
    "<table>",
    "</table>",
    "<tr>",
    "<td>",
    "</td>",
    "<caption>",
    "| a | b |\n",
    "|---|---|\n",
    "```",
    "$$",
    "\\[",
    "\\]",
    "- ",
    "1. ",
]
parts += ["# ", "\n", "\n\n", " ", "---\n", "<center>", "</center>", "&lt;", *(f"w{number} " for number in range(6))]
labels = st.sampled_from(
    ["", "text", "title", "sub_title", "table", "table_caption", "code", "equation", "image", "list-item"]
)


@given(st.lists(st.tuples(labels, st.lists(st.sampled_from(parts), max_size=15).map("".join)), min_size=1, max_size=5))
def test_any_regions_keep_their_words(pairs: list[tuple[str, str]]) -> None:
    blocks, _ = read("", *(Region(label=label, text=text, boxes=(BOX,)) for label, text in pairs))
    words = re.findall(r"w\d", " ".join(text for _, text in pairs))
    assert sorted(re.findall(r"w\d", " ".join(block.text for block in blocks))) == sorted(words)
    assert [block.id for block in blocks] == [f"p1-b{number}" for number in range(1, len(blocks) + 1)]
    assert all((block.table is None) or block.kind is BlockKind.TABLE for block in blocks)


@given(labels, st.text(st.sampled_from("ab# -\n•"), min_size=1, max_size=30), st.lists(st.integers(0, 32), max_size=8))
def test_lines_stay_true(label: str, text: str, cuts: list[int]) -> None:
    edges = sorted(set(cuts))
    lines = tuple(line(start, end, top=index / 20) for index, (start, end) in enumerate(pairwise(edges)))
    blocks, _ = read("", Region(label=label, text=text, lines=lines, boxes=(BOX,)))
    by_top = {part.box.top: text[part.start : part.end] for part in lines}
    for block in blocks:
        at = 0
        for part in block.lines:
            assert at <= part.start < part.end <= len(block.text)
            assert block.text[part.start : part.end] in by_top[part.box.top]
            at = part.end


LEAK = re.compile(r"<\||\|>|\[\[\s*\d+\s*,\s*\d")
FRAGMENTS = [
    *("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|", "|>", "<", ">", "<PAGE>", "<｜end▁of▁sentence｜>"),
    *("[[1, 2, 3, 4]]", "[[12, 34", "[[", "]]", "[", "]", ", 7", "text[[5, 6, 7, 8]]", "title [5, 6, 7, 8]", "大为"),
    *("text", "image", "table", "table_caption", "\n", "\n\n", " ", "- ", "# ", "1. ", "---\n", "```", "```\n"),
    *("<table>", "</table>", "<tr>", "<td>", "</td>", '<td rowspan="2">', "<th>", "<br>", "<center>", "<caption>"),
    *("| a | b |\n", "|---|---|\n", "$$", "\\[", "&lt;", "&amp;lt;|ref|&gt;", "\\begin{align}", "co- op ", "<table 5"),
    *(f" {letter * 20} " for letter in "ABCDEFG"),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join), st.sampled_from(get_args(Task)))
def test_no_answer_loses_a_word_or_leaks_a_mark(answer: str, task: Task) -> None:
    blocks, _ = build_blocks(Recognition(page_number=1, engine="test", text=answer), task=task)
    text = "\n".join(block.text for block in blocks)
    assert not LEAK.search(text)
    assert sorted(re.findall(r"[A-G]{20}", text)) == sorted(re.findall(r"[A-G]{20}", answer))
    assert all(block.table is None or block.table.cells for block in blocks)


@given(st.text(st.sampled_from("<|>/refdt[]123, \n\\#x") | st.characters(), max_size=80))
def test_any_text_becomes_blocks_without_marks(answer: str) -> None:
    blocks, _ = read(answer)
    assert not any(LEAK.search(block.text) for block in blocks)
