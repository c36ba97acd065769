from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.grounding import KNOWN_LABELS, Parsed, parse
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import Region

HERE = Path(__file__).parent
RECORDED = HERE.parents[1] / "shared" / "data" / "recorded"
FIXTURE = (HERE / "fixtures" / "grounding.md").read_text(encoding="utf-8")
PARTS = [part.strip("\n") for part in re.split(r"^\.\n", FIXTURE, flags=re.MULTILINE)]
TRIPLES = list(zip(PARTS[0:-1:3], PARTS[1::3], PARTS[2::3], strict=True))


def grid(box: Box) -> str:
    return "[" + " ".join(str(round(value * 999)) for value in box.as_tuple()) + "]"


def show(region: Region) -> str:
    return " ".join([region.label or "-", *map(grid, region.boxes), region.text.replace("\n", "⏎")])


FLAGS = {"broken": "broken", "have no place": "unplaced", "of nothing where": "unplaced"}


def show_all(parsed: Parsed) -> str:
    warned = [flag for words, flag in FLAGS.items() if any(words in warning for warning in parsed.warnings)]
    assert len(warned) == len(parsed.warnings)
    flags = [parsed.form, *["end"] * parsed.has_end_mark, *warned]
    return "\n".join([" ".join(flags), *map(show, parsed.regions)])


@pytest.mark.parametrize(("source", "expected"), [pytest.param(*rest, id=title) for title, *rest in TRIPLES])
def test_fixture(source: str, expected: str) -> None:
    task = next((task for task in get_args(Task) if expected.startswith(f"{task} ")), "markdown")
    assert show_all(parse(source, task=task)) == expected.removeprefix(f"{task} ")


def test_fixtures_are_found() -> None:
    assert len(TRIPLES) == 45


def test_offsets_count_the_answer_itself() -> None:
    tag = "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>"
    answer = f"lead\n\n{tag}\nabc  \n\n{tag}"
    assert [answer[region.start : region.end] for region in parse(answer).regions] == ["lead", f"{tag}\nabc", tag]


def test_a_last_tag_at_the_very_end_is_whole() -> None:
    parsed = parse("<|ref|>image<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>")
    assert parsed.warnings == ()
    assert len(parsed.regions[0].boxes) == 1


@pytest.mark.parametrize("task", ["markdown", "ocr"])
@pytest.mark.parametrize(
    "piece",
    [
        "<|ref|>",
        "<|/ref|>",
        "<|det|>[[",
        "<|ref|>text",
        "text[[1",
        "text[[1\n",
        "[",
        "[[1,",
        "\n",
        "a_",
        "<",
        "<|ref|>a<|/ref|> ",
        "<|det|>[[1,2,3,4],",
        "9",
        "x<|/det|>",
        "a[[1]]\n",
        "<PAGE>\n",
    ],
)
def test_hostile_repetition_is_read_in_linear_time(piece: str, task: Task) -> None:
    parse(piece * 8_000, task=task)
    parse("<|det|>[[" + piece * 8_000, task=task)


def answers() -> Iterator[tuple[str, Task]]:
    for file in sorted(RECORDED.rglob("*")):
        if file.suffix in (".md", ".mmd", ".txt"):
            task: Task = "ocr" if "ocr_this_image" in file.name else "markdown"
            for page in file.read_text(encoding="utf-8").split("<--- Page Split --->"):
                yield page, task


LABEL = "(?:" + "|".join(KNOWN_LABELS) + ")"
NUMBERS = r"[\[\]\d, ]*"
MARKUP = [
    r"<｜end▁of▁sentence｜>",
    rf"<\|ref\|>{LABEL}<\|/ref\|><\|det\|>{NUMBERS}<\|/det\|>",
    rf"(?m:^{LABEL}\[\[\d{NUMBERS}\]\])",
    # what a cut leaves of them
    rf"<\|ref\|>{LABEL}<\|/ref\|>(?:<\|det\|>{NUMBERS})?(?:<(?:\|/?[det]*\|?)?)?$",
    rf"<\|ref\|>{LABEL}<(?:\|/?[ref]*\|?)?$",
    r"<\|ref\|>[a-z_]*$",
    rf"(?m:^{LABEL}\[(?:\[{NUMBERS})?)\Z",
    r"<\|[ref/]*\|?$",
]
OCR_MARKUP = [r"<\|/?ref\|>", rf"<\|det\|>{NUMBERS}<\|/det\|>"]


def visible(text: str, task: Task) -> str:
    """What is left of an answer when the markup is taken out by other means than the parser's."""
    for pattern in MARKUP if task == "markdown" else OCR_MARKUP:
        text = re.sub(pattern, " ", text)
    return "".join(text.split())


def check(answer: str, task: Task) -> None:
    parsed = parse(answer, task=task)
    found = "".join("".join(region.text.split()) for region in parsed.regions)
    assert found == visible(answer, task), answer[-80:]
    assert not re.search(r"<\||\|>|\[\[\d+, ?\d", found)
    ends = [0, *(position for region in parsed.regions for position in (region.start, region.end)), len(answer)]
    assert ends == sorted(ends)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not there")
def test_recorded_answers_lose_nothing_and_keep_no_marks() -> None:
    forms = [parse(answer, task=task).form for answer, task in answers()]
    for answer, task in answers():
        check(answer, task)
    assert {form: forms.count(form) for form in forms} == {"tagged": 56, "plain": 41, "stripped": 11}


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not there")
def test_recorded_answers_cut_anywhere_lose_nothing() -> None:
    for answer, task in answers():
        if task == "markdown" and "[[" in answer:
            tag = answer.find("[[")
            near = range(max(1, tag - 50), min(len(answer), tag + 60))
            for cut in {*near, *range(97, len(answer), max(97, len(answer) // 20))}:
                if answer[cut - 1 : cut + 1] != "<|":  # a lone < may be the page's own and stays
                    check(answer[:cut], task)


marks = [
    "<|ref|>",
    "<|/ref|>",
    "<|det|>",
    "<|/det|>",
    "text",
    "title",
    "image",
    "[[1, 2, 3, 4]]",
    "[[1, 2",
    "]]",
    "[",
    ", 7",
]
marks += [
    "[[1, 2000, 3, -4], [5, 6 7, 8]]",
    " ",
    "\n",
    "\n\n",
    "<｜end▁of▁sentence｜>",
    "<|gr",
    "<",
    "大为",
    "text[[5, 6, 7, 8]]",
]
words = [f"\nWORD{number}\n" for number in range(6)]


@given(st.lists(st.sampled_from(marks + words), max_size=30), st.sampled_from(["markdown", "ocr"]))
def test_any_mix_of_marks_parses_and_keeps_whole_lines(parts: list[str], task: Task) -> None:
    answer = "".join(parts)
    parsed = parse(answer, task=task)
    text = "\n".join(region.text for region in parsed.regions)
    assert re.findall(r"WORD\d", text) == re.findall(r"WORD\d", answer)
    assert "<|ref|>" not in text
    assert "<|/det|>" not in text
    ends = [0, *(position for region in parsed.regions for position in (region.start, region.end)), len(answer)]
    assert ends == sorted(ends)
    assert all(region.text or region.boxes for region in parsed.regions)


@given(st.text())
def test_any_text_parses(text: str) -> None:
    parse(text)
    parse(text, task="ocr")


LABELS = st.sampled_from(["text", "title", "sub_title", "equation", "table_caption", "image_footnote", "list"])
BOXES = st.lists(st.tuples(*[st.integers(0, 499)] * 2, *[st.integers(500, 999)] * 2), min_size=1, max_size=3)
SAYINGS = st.sampled_from(
    ["One line.", "1. In [3] and f[[i]]", "a < b | c", "two\nlines", "\\[ x \\]", "中文，第2页。", "[x]"]
)
PIECES = st.lists(st.tuples(LABELS, BOXES, SAYINGS), min_size=1, max_size=5)


def numbers(boxes: Iterable[tuple[int, ...]]) -> str:
    return ", ".join(str(list(box)) for box in boxes)


def tagged(label: str, boxes: list[tuple[int, ...]], text: str) -> str:
    return f"<|ref|>{label}<|/ref|><|det|>[{numbers(boxes)}]<|/det|>\n{text}"


def stripped(label: str, boxes: list[tuple[int, ...]], text: str) -> str:
    return f"{label}[{numbers(boxes)}]\n{text}"


def unlimited(label: str, boxes: list[tuple[int, ...]], text: str) -> str:
    return f"<|det|>{label} {numbers(boxes)}<|/det|>{text}"


@given(PIECES, st.sampled_from([(tagged, "\n\n"), (tagged, "  \n\n"), (stripped, "  \n\n"), (unlimited, "\n")]))
def test_whole_answers_of_all_forms_come_back(pieces, written) -> None:  # type: ignore[no-untyped-def]
    write, between = written
    parsed = parse(between.join(write(*piece) for piece in pieces))
    found = [
        (region.label, [tuple(round(value * 999) for value in box.as_tuple()) for box in region.boxes], region.text)
        for region in parsed.regions
    ]
    assert found == pieces
    assert parsed.warnings == ()


JUNK = ["大为", "raw ", "text", " ", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "[[", "]]", ", ", "44"]


@given(
    st.lists(st.tuples(LABELS, BOXES), min_size=3, max_size=3),
    st.data(),
)
def test_a_broken_tag_costs_no_text_and_no_neighbour(tags, data) -> None:  # type: ignore[no-untyped-def]
    whole = [tagged(label, boxes, f"Saying of number {at}.") for at, (label, boxes) in enumerate(tags)]
    tokens = re.findall(r"<\|/?(?:ref|det)\|>|\[+|\]+|, |\d+|\w+", whole[1].split("\n")[0])
    at = data.draw(st.integers(0, len(tokens) - 1))
    kind = data.draw(st.sampled_from(["lost", "replaced", "added", "doubled"]))
    junk = data.draw(st.sampled_from(JUNK))
    tokens[at : at + 1] = {"lost": [], "replaced": [junk], "added": [junk, tokens[at]], "doubled": [tokens[at]] * 2}[
        kind
    ]
    answer = "\n\n".join([whole[0], "".join(tokens) + "\nSaying of number 1.", whole[2]])
    parsed = parse(answer)
    text = "\n".join(region.text for region in parsed.regions)
    assert re.findall(r"Saying of number \d\.", text) == [f"Saying of number {number}." for number in range(3)]
    assert "<|" not in text
    places = {grid(box) for region in parsed.regions for box in region.boxes}
    assert {grid(Box.from_model_grid(box)) for _, boxes in (tags[0], tags[2]) for box in boxes} <= places
