"""Text in rows of ink: broken where the rows end, kept apart, and left alone where it does not fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.allot import ink_lines, wants_ink
from deepseek_ocr_rag.document import Block, BlockKind
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.narrow import advances
from deepseek_ocr_rag.recognition import Inked, InkRow
from deepseek_ocr_rag.tables import parse_pipe_table, table_markdown

EM, PITCH, TOP, LEFT = 0.02, 0.024, 0.1, 0.1
BOX = Box(left=0.09, top=0.09, right=0.95, bottom=0.9)
LINES = (
    "Boxes are derived from character spans and are",
    "never stored in place of them, so that a split, an",
    "overlap or a merge narrows or joins these spans,",
    "and boxes fol-",
)


def block(text: str, **more: object) -> Block:
    made = Block(id="p1-b1", kind=BlockKind.PARAGRAPH, text=text, page_number=1, boxes=(BOX,))
    return replace(made, **more)  # type: ignore[arg-type]


def inked(lines: list[str] | tuple[str, ...], *, slope: float = 0.0, stretch: float = 1.0) -> Inked:
    """The rows that lines would make on a square page."""
    rows = []
    for number, line in enumerate(lines):
        right = LEFT + stretch * EM * sum(advances(line))
        top = TOP + number * PITCH
        rows.append(InkRow(left=LEFT, right=max(right, LEFT + 0.001), top=top, bottom=top + 0.9 * EM))
    return Inked(rows=tuple(rows), slope=slope)


def allotted(text: str, found: Inked, **more: object) -> Block:
    [made] = ink_lines([block(text, **more)], {BOX: found}, shape=1.0)
    return made


def shown(made: Block) -> list[str]:
    return [made.text[line.start : line.end] for line in made.lines]


def test_lines_break_where_the_rows_end() -> None:
    made = allotted(" ".join(LINES[:3]), inked(LINES[:3]))
    assert shown(made) == list(LINES[:3])
    assert {line.source for line in made.lines} == {"ink"}
    assert [line.box.left for line in made.lines] == pytest.approx([LEFT] * 3)


def test_a_word_may_be_broken_by_a_hyphen_that_the_text_has_not() -> None:
    made = allotted(
        "Boxes fol low from characters, as do highlightings of them",
        inked(["Boxes fol low from characters, as do high-", "lightings of them"]),
    )
    assert shown(made) == ["Boxes fol low from characters, as do high", "lightings of them"]


def test_newlines_that_fit_are_breaks() -> None:
    made = allotted(
        "Name: A\nAddress, with a long second row\nAge", inked(["Name: A", "Address, with a long second row", "Age"])
    )
    assert shown(made) == ["Name: A", "Address, with a long second row", "Age"]


def test_signs_without_spaces_are_broken_anywhere() -> None:
    text = "日本語の文章は語の間に空白を置かないので、行はどこででも折り返される。"
    made = allotted(text, inked([text[:12], text[12:24], text[24:]]))
    assert shown(made) == [text[:12], text[12:24], text[24:]]


def test_blocks_of_one_region_share_its_rows() -> None:
    blocks = [block(LINES[0]), block(" ".join(LINES[1:3]), id="p1-b2")]
    first, second = ink_lines(blocks, {BOX: inked(LINES[:3])}, shape=1.0)
    assert (shown(first), shown(second)) == ([LINES[0]], list(LINES[1:3]))
    assert second.lines[0].start == 0


def test_the_words_of_a_row_with_clear_gaps_are_known() -> None:
    words, left, gaps, edges = ["here", "are", "some", "words"], LEFT, [], []
    for word in words:
        right = left + EM * sum(advances(word))
        edges.append((left, right))
        gaps += [right, left := right + 0.3 * EM]
    row = InkRow(left=LEFT, right=edges[-1][1], top=0.1, bottom=0.1 + 0.9 * EM, gaps=tuple(gaps[:-2]))
    [line] = allotted(" ".join(words), Inked(rows=(row,))).lines
    assert [(word.box.left, word.box.right) for word in line.words] == [pytest.approx(edge, abs=1e-5) for edge in edges]


def test_slanting_rows_are_boxed_where_they_stand() -> None:
    made = allotted(" ".join(LINES[:3]), inked(LINES[:3], slope=0.02))
    level = allotted(" ".join(LINES[:3]), inked(LINES[:3]))
    for line, flat in zip(made.lines, level.lines, strict=True):
        assert line.box.top == pytest.approx(flat.box.top + 0.02 * flat.box.left)
        assert line.box.bottom == pytest.approx(flat.box.bottom + 0.02 * flat.box.right)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(" ".join(LINES[:3]), inked(LINES[:3] * 2), id="half of the text is missing"),
        pytest.param(" ".join(LINES[:3] * 2), inked(LINES[:3]), id="half of the ink is missing"),
        pytest.param("a b c d", inked(["aa bb cc dd ee ff gg hh ii"] * 3), id="too few words"),
        pytest.param(" ".join(LINES[:3]), Inked(), id="no ink"),
        pytest.param("One.", inked(["One."] * 2), id="more rows than words"),
    ],
)
def test_what_is_not_plausible_gets_no_lines(text: str, found: Inked) -> None:
    assert allotted(text, found).lines == ()


def test_uneven_rows_and_columns_side_by_side_are_not_believed() -> None:
    rows = inked(LINES[:3]).rows
    uneven = Inked(rows=(replace(rows[0], bottom=rows[0].top + 2.5 * EM), *rows[1:]))
    columns = Inked(rows=tuple(replace(row, gaps=(0.4, 0.44)) for row in rows))
    for found in (uneven, columns):
        assert allotted(" ".join(LINES[:3]), found).lines == ()


def test_only_printed_text_without_lines_wants_ink() -> None:
    assert wants_ink(block("text"))
    lined = allotted(LINES[0], inked(LINES[:1]))
    assert lined.lines
    unwanted = [block(""), block("x", boxes=()), block("x", kind=BlockKind.FIGURE), block("x", kind=BlockKind.FORMULA)]
    assert not any(map(wants_ink, [lined, *unwanted]))


WORDS = st.text(alphabet="abcdefghij ,.ABC\n日本語་ก-", min_size=1, max_size=120)
ROWS = st.lists(st.floats(0.01, 0.8), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    text=WORDS, widths=ROWS, slope=st.floats(-0.05, 0.05), kind=st.sampled_from([BlockKind.PARAGRAPH, BlockKind.CODE])
)
def test_lines_ascend_apart_within_the_box_and_miss_nothing(
    text: str, widths: list[float], slope: float, kind: BlockKind
) -> None:
    rows = tuple(
        InkRow(left=LEFT, right=LEFT + width, top=TOP + at * PITCH, bottom=TOP + at * PITCH + 0.9 * EM)
        for at, width in enumerate(widths)
    )
    made = allotted(text, Inked(rows=rows, slope=slope), kind=kind)
    if not made.lines:
        return
    assert len(made.lines) == len(rows)
    assert all(one.end <= other.start for one, other in pairwise(made.lines))
    covered = {at for line in made.lines for at in range(line.start, line.end)}
    assert all(at in covered for at, char in enumerate(text) if not char.isspace())
    for line in made.lines:
        assert line.box.left >= BOX.left
        assert line.box.top >= TOP - 0.06 - EM
        assert line.box.bottom <= TOP + len(rows) * PITCH + 0.06 + EM


def table_rows(count: int, *, columns: tuple[float, ...] = (0.2, 0.21, 0.5, 0.6), wrapped: bool = False) -> Inked:
    heights = [TOP + 2.6 * PITCH * row + PITCH * half for row in range(count) for half in range(1 + wrapped)]
    rows = [InkRow(left=LEFT, right=0.8, top=top, bottom=top + 0.8 * EM, gaps=columns) for top in heights]
    return Inked(rows=tuple(rows))


TABLE = parse_pipe_table("| Name | Total |\n|---|---|\n| Ada | 17 |\n| Boris | 4 |")


@pytest.mark.parametrize("wrapped", [False, True])
def test_cells_stand_where_their_columns_do(*, wrapped: bool) -> None:
    assert TABLE is not None
    made = allotted(table_markdown(TABLE), table_rows(3, wrapped=wrapped), kind=BlockKind.TABLE, table=TABLE)
    assert shown(made) == ["Name", "Total", "Ada", "17", "Boris", "4"]
    assert [(line.box.left, line.box.right) for line in made.lines[2:4]] == [(LEFT, 0.5), (0.6, 0.8)]
    assert made.table is not None
    assert all(cell.box is not None for cell in made.table.cells)


def test_rows_are_bands_where_columns_are_not_clear_and_nothing_where_rows_are_not() -> None:
    assert TABLE is not None
    text = table_markdown(TABLE)
    bands = allotted(text, table_rows(3, columns=(0.2, 0.26, 0.5, 0.56)), kind=BlockKind.TABLE, table=TABLE)
    assert shown(bands) == ["| Name | Total |", "| Ada | 17 |", "| Boris | 4 |"]
    assert allotted(text, table_rows(4), kind=BlockKind.TABLE, table=TABLE).lines == ()
    assert allotted(text, table_rows(2), kind=BlockKind.TABLE, table=TABLE).lines == ()


def test_rows_with_something_beside_several_of_them_are_not_told_apart() -> None:
    assert TABLE is not None
    spanning = replace(TABLE, cells=(*TABLE.cells[:2], replace(TABLE.cells[2], row_span=2), *TABLE.cells[3:]))
    made = allotted(table_markdown(spanning), table_rows(3), kind=BlockKind.TABLE, table=spanning)
    assert made.lines == ()
