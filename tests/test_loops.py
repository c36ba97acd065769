from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.loops import find_loop

RECORDED = Path(__file__).parents[2] / "shared" / "data" / "recorded"
LOOPING = {
    "result_00.mmd": "Tibetan digits that go round and round, by 36 to 31 characters",
    "result_00_ori.mmd": "the same, raw",
    "task_489b13cc_result.txt": "186 empty images",
    "task_e5f85711_result.txt": "one cell of a table",
}
"""Recorded answers that really loop, found by reading all of them."""

LEAD = "# Report\n\nThe river rose in spring, and the mill stood still for nine days.\n\n"
BOTH = pytest.mark.parametrize("is_whole", [False, True])


def words(seed: int, count: int) -> str:
    """Healthy text: words of a large vocabulary, in lines."""
    chance = random.Random(seed)
    made = ("".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(count))
    return "".join(word + chance.choice("      \n") for word in made)


def row(*cells: object) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def kept(text: str) -> str:
    place = find_loop(text, is_whole=False)
    assert place is not None
    return text[:place]


TAGGED = "<|ref|>text<|/ref|><|det|>[[{0}, {1}, 481, {2}]]<|/det|>\nThe same words again and again.\n\n"
UNLIMITED = "<|det|>text [{0}, {1}, 481, {2}]<|/det|>The same words again and again.\n"
STRIPPED = "text[[{0}, {1}, 481, {2}]]\nThe same words again and again.\n\n"


def test_a_letter_for_ever() -> None:
    assert kept(LEAD + "ooo" + "h" * 5_000) == LEAD + "oooh"


def test_a_line_for_ever() -> None:
    assert kept(LEAD + "the end is near\n" * 60 + "the end i") == LEAD + "the end is near"


def test_a_table_row_for_ever() -> None:
    rows = "<table>" + row("Item", "Price")
    assert kept(LEAD + rows + row("Bolt", "9.50") * 200 + "<tr><td>Bo") == LEAD + rows + row("Bolt", "9.50")


@pytest.mark.parametrize("block", [TAGGED, STRIPPED, UNLIMITED], ids=["tagged", "stripped", "unlimited"])
@pytest.mark.parametrize("cut", range(0, 90, 7))
def test_a_block_for_ever_with_changing_boxes(block: str, cut: int) -> None:
    chance = random.Random(cut)
    blocks = [block.format(*(chance.randint(0, 999) for _ in range(3))) for _ in range(30)]
    answer = (LEAD + "".join(blocks))[: -cut or None]
    assert kept(answer).strip() == (LEAD + blocks[0]).strip()


@pytest.mark.parametrize("head", ["image[[0, {}, 18, {}]]", "<|ref|>image<|/ref|><|det|>[[0, {}, 18, {}]]<|/det|>"])
def test_empty_images_for_ever(head: str) -> None:
    heads = [head.format(19 * at, 19 * at + 19) for at in range(52)]
    assert kept(LEAD + "\n\n".join(heads) + "\n\n" + head[:10]) == LEAD + heads[0]


def test_boxes_of_one_tag_for_ever() -> None:
    answer = LEAD + "text[[1, 2, 3, 4], " + "[5, 6, 7, 8], " * 200
    assert len(kept(answer)) < len(LEAD) + 60


def test_numbers_that_count_on() -> None:
    answer = LEAD + "".join(f"{number}. the best " for number in range(1, 400))
    assert kept(answer).startswith(LEAD + "1. the best 2. the best ")
    assert len(kept(answer)) < len(LEAD) + 80


def test_numbers_that_do_not_count_are_data() -> None:
    chance = random.Random(3)
    rows = "".join(row("Room", chance.randint(1, 99), "sqm", chance.randint(100, 999), "open") for _ in range(300))
    assert find_loop(LEAD + "<table>" + rows, is_whole=False) is None


def test_the_same_lines_in_any_order() -> None:
    chance = random.Random(4)
    lines = ["The committee met on Monday.\n", "Nobody objected to the plan.\n", "It was agreed to go on.\n"]
    answer = LEAD + "".join(lines) + "".join(chance.choices(lines, k=200))
    assert kept(answer).startswith(LEAD + "".join(lines))
    assert len(kept(answer)) < len(LEAD) + 700


def test_a_period_that_drifts() -> None:
    answer = LEAD + "".join("4" * (14 - at // 20) + "5" * 13 + "3" * (12 - at // 30) for at in range(120))
    assert len(LEAD) < len(kept(answer)) < len(LEAD) + 400


@pytest.mark.parametrize("end", ["", "\n", "</table>", "</table>\n<｜end▁of▁sentence｜>", "�"])
def test_marks_may_follow_the_loop(end: str) -> None:
    assert kept(LEAD + "<table>" + row("Bolt", "9") * 300 + end) == LEAD + "<table>" + row("Bolt", "9")


def test_the_first_saying_is_kept_whole_where_it_begins_like_what_stands_before() -> None:
    same = "text[[1, 2, 3, 4]]\nAnother text\n\n"
    assert kept("text[[5, 6, 7, 8]]\nSome text\n\n" + same * 60).rstrip().endswith("Another text")


HEALTHY = {
    "equal rows": "<table>" + row("yes", "no", "-", "n/a") * 40 + "</table>",
    "zeros": "<table>" + row(*"000000000000") * 30 + "</table>",
    "empty cells": "<table>" + row(*[""] * 6) * 25 + "</table>",
    "yes and no": "<table>" + "".join(row(*random.Random(at).choices(["Yes", "No"], k=6)) for at in range(200)),
    "numbered rows": "<table>" + "".join(row(f"Room {at}", "open", "30 sqm") for at in range(101, 131)) + "</table>",
    "contents": "\n".join(f"{words(at, 3)} {'.' * 90} {7 * at}".replace("\n", " ") for at in range(40)),
    "leader": "Name " + "." * 300,
    "underscores": "\n".join(f"{name} {'_' * 80}" for name in ("Name", "Street", "City", "Date", "Signature") * 3),
    "line numbers": "\n".join(map(str, range(1, 61))),
    "answer sheet": "\n".join(f"{number}. A B C D E" for number in range(1, 101)),
    "icons": "".join(f"image[[{at % 5 * 200}, {at // 5 * 90}, 99, 99]]\n\n" for at in range(30)),
    "boxes to tick": "".join(f"text[[1, {at * 20}, 90, 99]]\n☐ Not applicable\n\n" for at in range(20)),
    "survey": "\n".join(f"{words(at, 8)}?\nStrongly agree\nAgree\nNeutral\nDisagree" for at in range(40)),
    "matrix": "\\[" + " \\\\ ".join(" & ".join("0" * 10) for _ in range(10)) + "\\]",
    "nothing": "",
    "blank": " \n\n ",
}


@BOTH
@pytest.mark.parametrize("page", HEALTHY.values(), ids=HEALTHY.keys())
def test_forms_tables_and_leaders_are_no_loops(page: str, is_whole: bool) -> None:
    assert find_loop(page, is_whole=is_whole) is None
    assert find_loop(LEAD + page, is_whole=is_whole) is None


def test_an_answer_that_ended_by_itself_needs_more() -> None:
    labels = LEAD + "Mr. John Smith\n12 High Street\nLondon\n\n" * 24
    assert find_loop(labels, is_whole=True) is None
    assert find_loop(labels, is_whole=False) is not None
    assert find_loop(LEAD + "the end is near\n" * 400, is_whole=True) == len(LEAD) + 15


@given(seed=st.integers(0, 10**9), count=st.integers(0, 600), is_whole=st.booleans())
def test_healthy_text_is_never_flagged(seed: int, count: int, is_whole: bool) -> None:
    assert find_loop(words(seed, count), is_whole=is_whole) is None


@given(
    seed=st.integers(0, 10**9),
    before=st.integers(0, 200),
    size=st.integers(1, 80),
    tail=st.integers(0, 400),
    is_whole=st.booleans(),
)
def test_repetitions_are_cut_after_the_first_or_second(
    seed: int, before: int, size: int, tail: int, is_whole: bool
) -> None:
    lead, block = words(seed, before), words(seed + 1, size)
    times = max(6, 1_000 // len(block)) if not is_whole else 200 + 4_000 // len(block)
    place = find_loop((lead + block * times + block * 400)[: len(lead + block * times) + tail], is_whole=is_whole)
    assert place is not None
    # A last word or blank that the first saying shares with what stands before it may be cut off with the rest.
    assert len(lead + block) - 2 <= place <= len(lead + 2 * block) + 2


@given(text=st.text(alphabet="a1 \n[],<|>/tdr0é", max_size=3_000), times=st.integers(1, 200), is_whole=st.booleans())
def test_any_text_is_taken(text: str, times: int, is_whole: bool) -> None:
    place = find_loop(text * times, is_whole=is_whole)
    assert place is None or 0 < place < len(text) * times
    assert place == find_loop(text * times, is_whole=is_whole)


ENDLESS = [
    "a" * 10**6,
    "[" * 10**6,
    "<" * 10**6,
    "[[1, " * 200_000,
    "text[[1, 2, 3, 4]]\nfoo bar\n\n" * 33_000,
    "a" * 500_000 + "b" + "a" * 500_000,
    " ".join(map(str, range(150_000))),
]


@pytest.mark.parametrize("text", ENDLESS, ids=range(len(ENDLESS)))
def test_a_megabyte_is_no_trouble(text: str) -> None:
    assert find_loop(text, is_whole=False) is not None  # quadratic work would take hours


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not here")
class TestRecorded:
    def answers(self) -> list[Path]:
        return [path for path in sorted(RECORDED.rglob("*")) if path.suffix in (".md", ".mmd", ".txt")]

    def test_those_that_loop_are_found_and_no_others(self) -> None:
        found = {path.name for path in self.answers() if find_loop(path.read_text("utf-8"), is_whole=False) is not None}
        assert found == set(LOOPING)

    def test_no_healthy_one_is_flagged_when_whole(self) -> None:
        for path in self.answers():
            if path.name not in LOOPING:
                assert find_loop(path.read_text("utf-8"), is_whole=True) is None, path

    def test_no_healthy_one_is_flagged_wherever_it_is_cut(self) -> None:
        for path in self.answers():
            text = path.read_text("utf-8")
            if path.name not in LOOPING:
                cuts = range(0, len(text), max(499, len(text) // 20))
                assert {find_loop(text[:cut], is_whole=False) for cut in cuts} == {None}, path

    def test_the_empty_images_go_and_the_text_stays(self) -> None:
        text = next(RECORDED.rglob("task_489b13cc_result.txt")).read_text("utf-8")
        assert kept(text).count("image[[") == 1
        assert "ubuntu截图快捷键" in kept(text)


LINE = "<|ref|>text<|/ref|><|det|>[[100, 300, 900, 340]]<|/det|>\nThe same line at the same place.\n\n"


def test_one_line_at_one_place_is_not_on_a_page_four_times() -> None:
    before = LINE.replace("300", "100").replace("same", "first")
    assert find_loop(before + LINE * 2, is_whole=True) is None
    place = find_loop(before + LINE * 30, is_whole=True)
    assert place is not None
    assert (before + LINE * 30)[:place].rstrip() == (before + LINE).rstrip()


def test_one_line_at_many_places_may_be_a_form() -> None:
    form = "".join(LINE.replace("300", str(at)).replace("340", str(at + 9)) for at in range(100, 900, 40))
    assert find_loop(form, is_whole=True) is None


def test_a_phrase_is_not_said_thirty_times_within_a_line() -> None:
    text = "The report begins. " + "and so it goes " * 80
    place = find_loop(text, is_whole=True)
    assert place is not None
    assert place < 60
    assert find_loop("and so it goes\n" * 80, is_whole=True) is None  # lines of a form
    assert find_loop("<td>no</td>" * 80, is_whole=True) is None


CITING = {
    "citations": "<table>" + row("no significant difference found", "[12, 13]") * 6 + "</table>",
    "piped citations": "| no significant difference found | [12, 13] |\n" * 6,
    "vectors": "[0, 0, 0, 0],\n" * 16,
    "yes": "| yes | [1, 2] |\n" * 14,
    "notes": "ibid. [4, 5]\n" * 13,
    "intervals": "x \\in [0, 1], " * 14,
    "nested lists": "a = [[0, 0, 0, 0]]\n" * 14,
}


@pytest.mark.parametrize("page", CITING.values(), ids=CITING.keys())
def test_brackets_with_numbers_are_no_boxes(page: str) -> None:
    assert find_loop(page, is_whole=True) is None
    assert find_loop(LEAD + page + "\nThe end.", is_whole=True) is None
    assert find_loop(LEAD + page, is_whole=True) is None


@pytest.mark.parametrize("block", [TAGGED, STRIPPED, UNLIMITED], ids=["tagged", "stripped", "unlimited"])
@pytest.mark.parametrize("times", [4, 5, 20])
def test_a_tagged_block_at_one_place_is_a_loop_also_in_a_whole_answer(block: str, times: int) -> None:
    said = block.format(100, 300, 340)
    first = block.format(100, 100, 140).replace("same", "first")
    assert find_loop(first + said, is_whole=True) is None
    place = find_loop(LEAD + first + said * times, is_whole=True)
    assert place is not None
    assert (LEAD + first + said * times)[:place].rstrip() == (LEAD + first + said).rstrip()
