from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag import pieces
from deepseek_ocr_rag.geometry import WHOLE_PAGE, Box, Frame
from deepseek_ocr_rag.grounding import parse
from deepseek_ocr_rag.pieces import PageRegions, fused_tables, page_regions
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import Piece, Recognition, Region
from deepseek_ocr_rag.seams import Overlap, Seam, find_seam

RECORDED = Path(__file__).parents[2] / "shared" / "data" / "recorded"
UPPER = Frame(bottom=0.55)
LOWER = Frame(top=0.45)
LEFT = Frame(right=0.55)
RIGHT = Frame(left=0.45)


def box(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


def tag(frame: Frame, place: Box, text: str, label: str = "text") -> str:
    """What a model writes that sees ``frame`` of the page and reads ``text`` at ``place`` of the page."""
    width, height = frame.right - frame.left, frame.bottom - frame.top
    numbers = (
        (place.left - frame.left) / width,
        (place.top - frame.top) / height,
        (place.right - frame.left) / width,
        (place.bottom - frame.top) / height,
    )
    x0, y0, x1, y1 = (min(999, max(0, round(number * 999))) for number in numbers)
    return f"<|ref|>{label}<|/ref|><|det|>[[{x0}, {y0}, {x1}, {y1}]]<|/det|>\n{text}\n\n"


def read(*parts: tuple[Frame, str], task: Task = "markdown") -> PageRegions:
    pieces = tuple(Piece(text=text, frame=frame, task=task) for frame, text in parts)
    return page_regions(Recognition(page_number=1, engine="test", pieces=pieces))


def texts(found: PageRegions) -> list[str]:
    return [region.text for region in found.regions]


WHOLE = (
    tag(WHOLE_PAGE, box(0.1, 0.1, 0.9, 0.2), "# Rivers", "title")
    + tag(WHOLE_PAGE, box(0.1, 0.3, 0.9, 0.5), "They flow.")
    + "loose words"
)


class TestOneAnswer:
    def test_the_whole_page_is_what_the_scanner_finds(self) -> None:
        found = page_regions(Recognition(page_number=1, engine="test", text=WHOLE))
        assert found.regions == parse(WHOLE).regions
        assert (found.form, found.warnings) == ("tagged", ())

    @given(text=st.text(alphabet="<|/refdt>[], 019\nab|", max_size=80))
    def test_any_whole_page_is(self, text: str) -> None:
        found, parsed = page_regions(Recognition(page_number=1, engine="test", text=text)), parse(text)
        assert (found.regions, found.form) == (parsed.regions, parsed.form)

    def test_boxes_are_placed_by_the_frame(self) -> None:
        answer = "<|ref|>text<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>\nabc"
        found = page_regions(Recognition(page_number=1, engine="test", text=answer, frame=LOWER))
        assert found.regions[0].boxes == (box(0, 0.45, 1, 1),)

    def test_a_padded_square_is_undone(self) -> None:
        answer = "text[[250, 0, 749, 999]]\nabc"
        frame = Frame.padded_square(500, 1000)
        (region,) = page_regions(Recognition(page_number=1, engine="test", text=answer, frame=frame)).regions
        assert region.boxes[0].as_tuple() == pytest.approx((0, 0, 1, 1), abs=0.002)

    def test_repetitions_are_left_out(self) -> None:
        answer = "one two three three three three"
        found = page_regions(Recognition(page_number=1, engine="test", text=answer, repeats_from=13))
        assert texts(found) == ["one two three"]

    def test_the_task_that_was_answered_counts(self) -> None:
        answer = "<|ref|>A line of text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n" * 2
        recognition = Recognition(page_number=1, engine="test", text=answer, task="ocr")
        assert texts(page_regions(recognition, task="markdown")) == ["A line of text"] * 2


class TestPiecesThatTouch:
    def test_nothing_is_dropped_or_joined(self) -> None:
        upper, lower = Frame(bottom=0.5), Frame(top=0.5)
        found = read(
            (upper, tag(upper, box(0.1, 0.4, 0.9, 0.5), "a sentence that")),
            (lower, tag(lower, box(0.1, 0.5, 0.9, 0.6), "that goes on")),
        )
        assert texts(found) == ["a sentence that", "that goes on"]
        assert [region.boxes[0].top for region in found.regions] == pytest.approx([0.4, 0.5], abs=0.002)

    def test_offsets_count_each_piece(self) -> None:
        found = read((Frame(bottom=0.5), "abc"), (Frame(top=0.5), "  defg"))
        assert [(region.start, region.end) for region in found.regions] == [(0, 3), (2, 6)]

    def test_warnings_are_added_up(self) -> None:
        broken = "<|ref|>text<|/ref|>[[1, 2, 3, 4]]\nabc {}"
        found = read(
            (Frame(bottom=0.5), broken.format(1)), (Frame(top=0.5), broken.format(2) + "\n\n" + broken.format(3))
        )
        assert found.warnings == ("3 layout tags of the answer are broken; their text is kept",)


LINES = [
    "the river rose in spring and",
    "the mill stood still for nine",
    "days until the water fell and",
    "work began again",
]


class TestOverlap:
    def test_what_both_show_is_kept_once(self) -> None:
        place = box(0.1, 0.48, 0.9, 0.52)
        found = read((UPPER, tag(UPPER, place, "Said twice.")), (LOWER, tag(LOWER, place, "Said twice.")))
        assert texts(found) == ["Said twice."]

    def test_the_same_words_in_another_place_stay(self) -> None:
        found = read(
            (UPPER, tag(UPPER, box(0.1, 0.46, 0.9, 0.48), "Yes")),
            (LOWER, tag(LOWER, box(0.1, 0.5, 0.9, 0.52), "Yes")),
        )
        assert texts(found) == ["Yes", "Yes"]

    def test_neighbours_that_say_the_same_stay(self) -> None:
        """The lower picture shows a line that the upper one cuts off, and the line before says the same."""
        upper, lower = Frame(bottom=0.5), Frame(top=0.48)
        first, second = box(0.1, 0.482, 0.9, 0.49), box(0.1, 0.494, 0.9, 0.502)
        same = "Not applicable in this case"
        found = read((upper, tag(upper, first, same)), (lower, tag(lower, first, same) + tag(lower, second, same)))
        assert texts(found) == [same, same]

    def test_a_line_is_not_said_by_a_paragraph_beside_it(self) -> None:
        upper, lower = Frame(bottom=0.256), Frame(top=0.244)
        found = read(
            (upper, tag(upper, box(0.1, 0.2, 0.9, 0.252), "It is not applicable here and so on")),
            (lower, tag(lower, box(0.1, 0.255, 0.9, 0.264), "not applicable")),
        )
        assert texts(found) == ["It is not applicable here and so on", "not applicable"]

    def test_words_at_a_cut_that_are_no_reading_of_the_other_are_kept(self) -> None:
        found = read(
            (UPPER, tag(UPPER, box(0.1, 0.3, 0.9, 0.55), " ".join(LINES[:3]) + " 4711")),
            (LOWER, tag(LOWER, box(0.1, 0.45, 0.9, 0.7), "xyz " + " ".join(LINES[1:]))),
        )
        assert sorted(" ".join(texts(found)).split()) == sorted([*" ".join(LINES).split(), "4711", "xyz"])

    def test_other_words_in_the_same_place_stay(self) -> None:
        place = box(0.1, 0.48, 0.9, 0.52)
        found = read((UPPER, tag(UPPER, place, "Apples and pears")), (LOWER, tag(LOWER, place, "Something else")))
        assert len(found.regions) == 2

    def test_the_one_that_is_cut_off_loses(self) -> None:
        found = read(
            (UPPER, tag(UPPER, box(0.1, 0.53, 0.9, 0.55), "A line cut in its rniddle")),
            (LOWER, tag(LOWER, box(0.1, 0.53, 0.9, 0.56), "A line cut in its middle")),
        )
        assert texts(found) == ["A line cut in its middle"]

    def test_else_the_one_nearer_to_its_middle_wins(self) -> None:
        high, low = box(0.1, 0.46, 0.9, 0.48), box(0.1, 0.52, 0.9, 0.54)
        found = read(
            (UPPER, tag(UPPER, high, "Read by the upper one") + tag(UPPER, low, "read by the Iower one")),
            (LOWER, tag(LOWER, high, "Read by the upper 0ne") + tag(LOWER, low, "Read by the lower one")),
        )
        assert texts(found) == ["Read by the upper one", "Read by the lower one"]

    def test_lines_of_one_answer_that_are_a_paragraph_of_the_other(self) -> None:
        tops = [0.46, 0.48, 0.5, 0.52]
        lines = "".join(
            tag(UPPER, box(0.1, top, 0.9, top + 0.015), line) for top, line in zip(tops, LINES, strict=True)
        )
        found = read((UPPER, lines), (LOWER, tag(LOWER, box(0.1, 0.46, 0.9, 0.535), " ".join(LINES))))
        assert texts(found) == [" ".join(LINES)]

    def test_a_paragraph_over_the_cut_is_stitched(self) -> None:
        upper, lower = box(0.1, 0.3, 0.9, 0.55), box(0.1, 0.45, 0.9, 0.7)
        found = read(
            (
                UPPER,
                "".join((tag(UPPER, box(0.1, 0.1, 0.9, 0.2), "Above"), tag(UPPER, upper, " ".join(LINES[:3]) + "."))),
            ),
            (LOWER, tag(LOWER, lower, " ".join(LINES[1:])) + tag(LOWER, box(0.1, 0.8, 0.9, 0.9), "Below")),
        )
        assert texts(found) == ["Above", " ".join(LINES), "Below"]
        assert len(found.regions[1].boxes) == 2

    def test_a_stitched_paragraph_may_be_misread_at_both_edges(self) -> None:
        found = read(
            (UPPER, tag(UPPER, box(0.1, 0.3, 0.9, 0.55), " ".join(LINES[:3]) + " vvork began")),
            (LOWER, tag(LOWER, box(0.1, 0.45, 0.9, 0.7), "river r0se in spring arid " + " ".join(LINES[1:]))),
        )
        assert texts(found) == [" ".join(LINES)]

    def test_a_word_may_be_cut(self) -> None:
        place = 0.3, 0.32
        found = read(
            (LEFT, tag(LEFT, box(0.1, place[0], 0.55, place[1]), "the quick brown fox ju")),
            (RIGHT, tag(RIGHT, box(0.45, place[0], 0.9, place[1]), "own fox jumps over the dog")),
        )
        assert texts(found) == ["the quick brown fox jumps over the dog"]

    def test_columns_are_stitched_each_for_itself(self) -> None:
        left = ["alpha beta gamma delta epsilon", "zeta eta theta iota kappa", "lambda mu nu xi omicron"]
        right = ["one two three four five", "six seven eight nine ten", "eleven twelve thirteen fourteen"]
        above = [tag(UPPER, box(x, 0.3, x + 0.4, 0.55), " ".join(c[:2])) for x, c in ((0.05, left), (0.55, right))]
        below = [tag(LOWER, box(x, 0.45, x + 0.4, 0.7), " ".join(c[1:])) for x, c in ((0.05, left), (0.55, right))]
        assert texts(read((UPPER, "".join(above)), (LOWER, "".join(below)))) == [" ".join(left), " ".join(right)]

    def test_a_table_over_the_cut_is_stitched_by_rows(self) -> None:
        rows = [f"<tr><td>Item {number}</td><td>{number * 7}.50</td></tr>" for number in range(9)]
        found = read(
            (UPPER, tag(UPPER, box(0.1, 0.3, 0.9, 0.55), f"<table>{''.join(rows[:6])}</table>", "table")),
            (LOWER, tag(LOWER, box(0.1, 0.45, 0.9, 0.7), f"<table>{''.join(rows[4:])}</table>", "table")),
        )
        assert texts(found) == [f"<table>{''.join(rows)}</table>"]

    def test_a_picture_over_the_cut_is_one(self) -> None:
        found = read(
            (UPPER, tag(UPPER, box(0.2, 0.4, 0.8, 0.55), "", "image")),
            (LOWER, tag(LOWER, box(0.2, 0.45, 0.8, 0.6), "", "image")),
        )
        assert [tuple(round(value, 2) for value in region.boxes[0].as_tuple()) for region in found.regions] == [
            (0.2, 0.4, 0.8, 0.6)
        ]

    def test_four_tiles_and_a_line_in_all_of_them(self) -> None:
        frames = [Frame(left=x, top=y, right=x + 0.55, bottom=y + 0.55) for y in (0.0, 0.45) for x in (0.0, 0.45)]
        place = box(0.46, 0.48, 0.54, 0.5)
        corners = [tag(frame, box(frame.left + 0.1, frame.top + 0.1, frame.left + 0.3, frame.top + 0.2), f"tile {at}")
                   for at, frame in enumerate(frames)]  # fmt: skip
        found = read(
            *((frame, corner + tag(frame, place, "Centre")) for frame, corner in zip(frames, corners, strict=True))
        )
        assert sorted(texts(found)) == ["Centre", "tile 0", "tile 1", "tile 2", "tile 3"]

    def test_a_paragraph_over_two_cuts(self) -> None:
        frames = [Frame(bottom=0.4), Frame(top=0.3, bottom=0.7), Frame(top=0.6)]
        spans = [(0.2, 0.4, slice(0, 24)), (0.3, 0.7, slice(12, 48)), (0.6, 0.8, slice(36, 60))]
        words = [f"word{number}" for number in range(60)]
        found = read(
            *(
                (frame, tag(frame, box(0.1, top, 0.9, bottom), " ".join(words[part])))
                for frame, (top, bottom, part) in zip(frames, spans, strict=True)
            )
        )
        assert texts(found) == [" ".join(words)]

    def test_text_without_boxes_is_stitched_by_its_words(self) -> None:
        found = read((UPPER, "\n".join(LINES[:3])), (LOWER, "\n".join(LINES[1:])), task="free_ocr")
        assert texts(found) == ["\n".join(LINES)]
        assert found.form == "plain"

    def test_text_without_boxes_that_shares_nothing_stays(self) -> None:
        assert texts(read((UPPER, LINES[0]), (LOWER, LINES[2]), task="free_ocr")) == [LINES[0], LINES[2]]

    @pytest.mark.parametrize("is_upper", [True, False])
    def test_one_part_may_have_boxes_and_the_other_none(self, is_upper: bool) -> None:
        tops = [0.4, 0.46, 0.51, 0.6]
        halves = []
        for frame, part, grounded in ((UPPER, slice(0, 3), is_upper), (LOWER, slice(1, 4), not is_upper)):
            pairs = zip(tops[part], LINES[part], strict=True)
            tags = "".join(tag(frame, box(0.1, top, 0.9, top + 0.02), line) for top, line in pairs)
            halves.append((frame, tags if grounded else "\n".join(LINES[part])))
        assert "\n".join(texts(read(*halves))) == "\n".join(LINES)


def grid(rows: Sequence[str]) -> str:
    return "<table>" + "".join(f"<tr><td>{row.replace('|', '</td><td>')}</td></tr>" for row in rows) + "</table>"


def halves_of_table(
    rows: Sequence[str], cut: float, *, is_v1: bool, misread: Callable[[str], str] = lambda row: row
) -> list[tuple[Frame, str]]:
    """What a model says of the two halves of a page that a table fills, ``is_v1`` with the HTML in the caption."""
    height = 0.9 / len(rows)
    said = []
    for frame in (Frame(bottom=cut + 0.06), Frame(top=cut - 0.06)):
        seen = [
            at
            for at in range(len(rows))
            if frame.top - 0.2 * height <= 0.05 + at * height and 0.05 + (at + 1) * height <= frame.bottom
        ]
        place = box(0.1, 0.05 + seen[0] * height, 0.9, 0.05 + (seen[-1] + 1) * height)
        html = grid([misread(rows[at]) if frame.top else rows[at] for at in seen])
        caption = "" if frame.top else "Table 1. Rivers.\n\n"
        if is_v1:
            said.append((frame, tag(frame, place, "", "table") + tag(frame, place, caption + html, "table_caption")))
        else:
            said.append((frame, tag(frame, place, html, "table")))
    return said


ROWS = [f"Item {number * 37 % 91}|{number * 7}.50|{chr(97 + number) * 5}" for number in range(26)]
CUTS = pytest.mark.parametrize("cut", [0.42, 0.47, 0.5, 0.53, 0.58])


class TestTablesOverTheCut:
    @CUTS
    def test_the_html_in_the_caption_is_married_to_its_empty_table_first(self, cut: float) -> None:
        found = read(*halves_of_table(ROWS, cut, is_v1=True))
        assert [(region.label, region.text) for region in found.regions] == [
            ("table_caption", "Table 1. Rivers."),
            ("table", grid(ROWS)),
        ]
        union = found.regions[1].boxes[0].union(found.regions[1].boxes[-1])
        assert union.as_tuple() == pytest.approx((0.1, 0.05, 0.9, 0.95), abs=0.002)

    @CUTS
    def test_the_table_of_one_part_may_have_its_html_itself(self, cut: float) -> None:
        upper, lower = (halves_of_table(ROWS, cut, is_v1=is_v1)[at] for at, is_v1 in enumerate((True, False)))
        assert texts(read(upper, lower)) == ["Table 1. Rivers.", grid(ROWS)]

    def test_one_answer_stays_as_it_is(self) -> None:
        (_, upper), _ = halves_of_table(ROWS, 0.5, is_v1=True)
        assert [region.label for region in read((WHOLE_PAGE, upper)).regions] == ["table", "table_caption"]

    def test_an_empty_table_without_html_stays(self) -> None:
        empty = tag(UPPER, box(0.1, 0.1, 0.9, 0.2), "", "table") + tag(UPPER, box(0.1, 0.2, 0.9, 0.3), "Words")
        assert [region.label for region in read((UPPER, empty), (LOWER, "")).regions] == ["table", "text"]

    @CUTS
    @pytest.mark.parametrize("every", [1, 2, 3])
    def test_rows_may_be_misread(self, cut: float, every: int) -> None:
        chance = random.Random(every)
        misread = lambda row: row.replace("Item", "ltern") if not chance.randrange(every) else row  # noqa: E731
        (table,) = read(*halves_of_table(ROWS, cut, is_v1=False, misread=misread)).regions
        assert table.text.count("<tr>") == len(ROWS)
        assert [row for row in ROWS if row.split("|")[1] not in table.text] == []

    def test_one_misread_cell_amid_four_rows(self) -> None:
        """Runs of two equal rows at most are left."""
        above, below = grid(ROWS[:12]), grid(ROWS[8:]).replace(ROWS[9].split("|")[0], "ltern 6O")
        seam = find_seam(above, below)
        assert seam is not None
        assert seam.text == grid(ROWS)

    def test_a_row_that_one_part_leaves_out(self) -> None:
        seam = find_seam(grid(ROWS[:12]), grid([*ROWS[5:7], *ROWS[8:]]))
        assert seam is not None
        assert seam.text == grid(ROWS)

    def test_rows_that_count_are_aligned_by_the_best_fit(self) -> None:
        rows = [f"Room {number}|open|thirty square metres" for number in range(101, 131)]
        seam = find_seam(grid(rows[:20]), grid(rows[17:]))
        assert seam is not None
        assert seam.text == grid(rows)

    def test_other_rows_have_no_seam(self) -> None:
        assert find_seam(grid(ROWS[:12]), grid([row[::-1] for row in ROWS[12:]])) is None

    @CUTS
    @pytest.mark.parametrize("kinds", [1, 2])
    @pytest.mark.parametrize("seed", range(6))
    def test_equal_rows_are_never_lost(self, cut: float, kinds: int, seed: int) -> None:
        chance = random.Random(seed)
        rows = chance.choices(["yes|no|yes", "no|no|no"][:kinds], k=chance.randint(24, 60))
        said = "".join(texts(read(*halves_of_table(rows, cut, is_v1=False))))
        counts = [said.count(grid([row])[7:-8]) - rows.count(row) for row in set(rows)]
        assert min(counts) >= 0
        assert sum(counts) <= 2  # a row that the edge of a picture cuts may be in the box, though unread

    def test_equal_rows_are_as_many_as_the_boxes_are_high(self) -> None:
        rows = ["no|no|no"] * 30
        (table,) = read(*halves_of_table(rows, 0.485, is_v1=False)).regions
        assert table.text == grid(rows)

    def test_equal_rows_are_not_dropped_for_those_above(self) -> None:
        """All that the lower part says is said in the upper one, but two of its rows stand further down."""
        rows = ["no|no|no"] * 20
        place = box(0.1, 0.15, 0.9, 0.51), box(0.1, 0.45, 0.9, 0.57)
        found = read(
            (UPPER, tag(UPPER, place[0], grid(rows[:18]), "table")),
            (LOWER, tag(LOWER, place[1], grid(rows[:6]), "table")),
        )
        assert "".join(texts(found)).count("<tr>") >= 21


@dataclass(frozen=True)
class Printed:
    """A line of a page."""

    text: str
    place: Box


def page_of(seed: int, columns: int, height: float) -> list[list[list[Printed]]]:
    """Columns of paragraphs of lines; some lines say the same as others."""
    chance = random.Random(seed)
    page = []
    for column in range(columns):
        paragraphs: list[list[Printed]] = []
        top = 0.03
        while top < 0.95:
            lines = []
            for _ in range(chance.randint(1, 6)):
                words = " ".join(f"{chance.choice('bdfgklmnprst')}{chance.randint(0, 9999)}" for _ in range(5))
                words = "Not applicable in this case" if chance.random() < 0.1 else words
                left = 0.04 + 0.92 * column / columns
                if top > 0.97:
                    break
                lines.append(Printed(words, box(left, top, left + 0.85 / columns, min(1, top + height * 0.7))))
                top += height
            paragraphs.append(lines)
            top += height * 0.6
        page.append(paragraphs)
    return page


def answer(
    page: Sequence[Sequence[Sequence[Printed]]], frame: Frame, jitter: Callable[[], float], *, by_line: bool
) -> str:
    """What a model says that sees ``frame``: the lines that are in it, those that its edge cuts are left out."""
    said = ""
    for column in page:
        for paragraph in column:
            seen = [line for line in paragraph if frame.top <= line.place.top and line.place.bottom <= frame.bottom]
            for group in [[line] for line in seen] if by_line else [seen] if seen else []:
                first, last = group[0].place, group[-1].place
                top, bottom = max(frame.top, first.top + jitter()), min(frame.bottom, last.bottom + jitter())
                place = Box.from_fractions(first.left, top, first.right, bottom)
                said += tag(frame, place, " ".join(line.text for line in group))
    return said


@given(
    seed=st.integers(0, 10**6),
    cut=st.floats(0.25, 0.75),
    overlap=st.floats(0.0, 0.2),
    height=st.sampled_from([0.012, 0.02, 0.035]),
    columns=st.integers(1, 3),
    by_line=st.booleans(),
)
def test_each_line_of_a_page_that_is_cut_anywhere_is_there_once(
    seed: int, cut: float, overlap: float, height: float, columns: int, by_line: bool
) -> None:
    page = page_of(seed, columns, height)
    # An overlap as high as a line and what is between lines: each line is whole in one picture at least.
    reach = (height + overlap) / 2
    upper, lower = Frame(bottom=min(1, cut + reach)), Frame(top=max(0, cut - reach))
    chance = random.Random(seed)
    jitter = lambda: chance.uniform(-0.001, 0.001)  # noqa: E731
    parts = [(frame, answer(page, frame, jitter, by_line=by_line)) for frame in (upper, lower)]
    said = " ".join(texts(read(*parts))).split()
    printed = [word for column in page for paragraph in column for line in paragraph for word in line.text.split()]
    assert sorted(said) == sorted(printed)


@given(
    seed=st.integers(0, 10**6),
    first=st.integers(1, 30),
    shared=st.integers(4, 12),
    last=st.integers(0, 30),
)
def test_plain_text_that_is_cut_anywhere_is_there_once(seed: int, first: int, shared: int, last: int) -> None:
    chance = random.Random(seed)
    lines = [" ".join(f"w{chance.randint(0, 99999)}" for _ in range(5)) for _ in range(first + shared + last)]
    halves = "\n".join(lines[: first + shared]), "\n".join(lines[first:])
    found = read((UPPER, halves[0]), (LOWER, halves[1]), task="free_ocr")
    assert "\n".join(texts(found)).split("\n") == lines


@given(
    parts=st.lists(st.text(alphabet="ab \n<|/refdt>[],019", max_size=60), max_size=4),
    top=st.floats(0, 0.9),
    cut=st.integers(0, 60),
)
def test_any_answers_are_taken(parts: list[str], top: float, cut: int) -> None:
    pieces = tuple(Piece(text=text, frame=Frame(top=top * at / 4), repeats_from=cut) for at, text in enumerate(parts))
    found = page_regions(Recognition(page_number=1, engine="test", pieces=pieces))
    assert all(isinstance(region, Region) for region in found.regions)


def test_a_hostile_number_of_regions_ends() -> None:
    many = "text[[1, 900, 999, 999]]\na b c\n" * 3_000
    found = read((UPPER, many), (LOWER, many.replace("900, 999, 999", "1, 999, 99")))
    assert found.warnings == (
        "the parts of the page have too many regions to compare all, so some text may stand twice",
    )


def test_tables_that_all_overlap_are_not_joined_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def counted(above: str, below: str, *, is_placed: bool = True, overlap: Overlap | None = None) -> Seam | None:
        lengths.append(len(above) + len(below))
        return find_seam(above, below, is_placed=is_placed, overlap=overlap)

    monkeypatch.setattr(pieces, "find_seam", counted)
    table = "<table>" + "<tr>a" * 7900
    upper, lower = (
        "".join(f"table[[1, {top}, 999, {bottom}]]\n{table}{end}</table>\n" for _ in range(12))
        for top, bottom, end in ((500, 999, ""), (1, 500, "x"))
    )
    page = read((Frame(bottom=0.6), upper), (Frame(top=0.4), lower))
    assert page.regions
    assert lengths
    assert max(lengths) <= 2 * 40_000 + 200


@pytest.mark.parametrize("large", ["word " * 100_000, "x" * 500_000, "<tr>" * 100_000, "<table>" * 50_000])
def test_a_large_region_among_many_ends(large: str) -> None:
    many = "".join(f"text[[1, 1, 999, {99 + at % 9}]]\nline {at}\n\n" for at in range(2_000))
    found = read((UPPER, f"text[[1, 1, 999, 999]]\n{large}"), (LOWER, many))
    assert len(found.regions) > 1_000


FUSED = "<table>ModelSpeedKwaiVGI Fast12.5msSlow99.0ms</table>"
RETOLD = "| Model | Speed |\n|---|---|\n| KwaiVGI Fast | 12.5ms |\n| Slow | 99.0ms |"
PLACE = box(0.2, 0.3, 0.8, 0.5)
PAGE = (
    tag(WHOLE_PAGE, PLACE, "", "table")
    + tag(WHOLE_PAGE, box(0.2, 0.25, 0.8, 0.28), f"Table 1: Speeds.\n\n{FUSED}", "table_caption")
    + tag(WHOLE_PAGE, box(0.2, 0.6, 0.8, 0.7), "And so on.")
)


AROUND = Frame(left=0.18, top=0.28, right=0.82, bottom=0.52)


def retell(text: str, frame: Frame = AROUND) -> PageRegions:
    pieces = (Piece(text=text, frame=frame, retells=True),)
    return page_regions(Recognition(page_number=1, engine="test", text=PAGE, pieces=pieces))


HTML = (
    "<table><tr><th>Model</th><th>Speed</th></tr><tr><td>KwaiVGI Fast</td><td>12.5ms</td></tr>"
    "<tr><td>Slow</td><td>99.0ms</td></tr></table>"
)


class TestTablesAskedForAgain:
    def test_those_without_cells_are_told_with_the_place_of_the_table(self) -> None:
        (table,) = fused_tables(parse(PAGE).regions)
        assert table.text == f"Table 1: Speeds.\n\n{FUSED}"
        assert table.boxes[0].as_tuple() == pytest.approx(PLACE.as_tuple(), abs=0.001)

    @pytest.mark.parametrize(
        "text", [HTML, "no table", "<table></table>", "<table><tr><td>a</td></tr></table>", RETOLD]
    )
    def test_others_are_not(self, text: str) -> None:
        assert fused_tables([Region(label="table", text=text, boxes=(PLACE,))]) == ()

    def test_nor_those_without_a_place(self) -> None:
        assert fused_tables([Region(label="", text=FUSED)]) == ()

    def test_an_answer_to_the_task_table_is_a_part_like_others(self) -> None:
        piece = Piece(text=RETOLD, frame=AROUND, task="table")
        found = page_regions(Recognition(page_number=1, engine="test", pieces=(piece,)))
        assert "KwaiVGI Fast" in "".join(texts(found))

    @pytest.mark.parametrize("told", [RETOLD, HTML, f"# Speeds\n\n{RETOLD}\n\nNote.", f"<table>{HTML[7:-8]}"])
    def test_the_cells_take_the_place_of_the_fused_text(self, told: str) -> None:
        found = retell(told)
        assert texts(found) == ["", f"Table 1: Speeds.\n\n{HTML}", "And so on."]
        assert found.warnings == ()
        assert fused_tables(found.regions) == ()

    @pytest.mark.parametrize(
        "told",
        ["", "no table", "| a | b |\n|---|---|\n| c | d |", "| ModelSpeedKwaiVGIFast12.5msSlow99.0ms |\n|---|", FUSED],
    )
    def test_an_answer_that_says_something_else_is_not_believed(self, told: str) -> None:
        found = retell(told)
        assert texts(found) == texts(page_regions(Recognition(page_number=1, engine="test", text=PAGE)))
        assert found.warnings == (
            "1 tables that were asked for again came back unlike the page, so their first reading is kept",
        )

    def test_nor_one_about_another_place(self) -> None:
        assert FUSED in retell(RETOLD, Frame(top=0.6)).regions[1].text

    def test_two_tables_of_one_page(self) -> None:
        other = FUSED.replace("Fast", "Quick")
        page = PAGE + tag(WHOLE_PAGE, box(0.2, 0.75, 0.8, 0.95), other, "table")
        pieces = (
            Piece(text=RETOLD.replace("Fast", "Quick"), frame=Frame(top=0.7), retells=True),
            Piece(text=RETOLD, frame=Frame(top=0.28, bottom=0.55), retells=True),
        )
        found = page_regions(Recognition(page_number=1, engine="test", text=page, pieces=pieces))
        assert [region.text for region in found.regions if "<td>" in region.text] == [
            f"Table 1: Speeds.\n\n{HTML}",
            HTML.replace("Fast", "Quick"),
        ]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not here")
class TestRecorded:
    def test_one_answer_about_the_whole_page_is_what_the_scanner_finds(self) -> None:
        for path in sorted(RECORDED.rglob("*.md")):
            text = path.read_text("utf-8")
            assert page_regions(Recognition(page_number=1, engine="test", text=text)).regions == parse(text).regions

    def test_a_page_that_is_read_in_overlapping_halves_loses_nothing_and_says_nothing_twice(self) -> None:
        """Each half is told those regions of a real answer that lie in it."""
        for path in sorted(RECORDED.glob("LA3D__rlm/*/page_00[1-8].md")):
            regions = parse(path.read_text("utf-8")).regions
            halves = []
            for frame in (UPPER, LOWER):
                seen = (
                    r for r in regions if r.boxes and frame.top <= r.boxes[0].top and r.boxes[0].bottom <= frame.bottom
                )
                halves.append(
                    (frame, "".join(tag(frame, region.boxes[0], region.text, region.label) for region in seen))
                )
            expected = {
                region.text
                for region in regions
                if region.boxes and (region.boxes[0].bottom <= 0.55 or region.boxes[0].top >= 0.45)
            }
            found = [text for text in texts(read(*halves)) if text]
            assert sorted(found) == sorted(replace(Region(label="", text=t), label="").text for t in expected if t), (
                path
            )

    def test_the_table_without_cells_is_found(self) -> None:
        path = next(RECORDED.rglob("deepseek_paper_table_p27_raw.txt"))
        (table,) = fused_tables(parse(path.read_text("utf-8")).regions)
        assert [round(value * 999) for value in table.boxes[0].as_tuple()] == [333, 128, 663, 226]
