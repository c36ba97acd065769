"""Answers about geometry are read as far as they make sense, and never run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.drawings import LONGEST, Circle, Segment, read_drawing

WHOLE = (
    "{'Line': {'line': ['(0, 0) -- (3, 0)', '(3, 0) -- (-1.50, 2)'], 'line_type': ['--', '-.'], "
    "'line_endpoint': ['A: (0, 0)', 'B: (3.0, 0)', 'C: (9, 9)']}, "
    "'Circle': {'circle_center': ['O: (1, 1)'], 'radius': [1.5]}}"
)


def text_of(answer: str) -> str | None:
    drawing = read_drawing(answer)
    return None if drawing is None else drawing.text


def test_a_drawing_is_read_with_its_numbers_as_they_are_written() -> None:
    drawing = read_drawing(WHOLE)
    assert drawing is not None
    assert drawing.segments == (
        Segment(points=(("0", "0"), ("3", "0")), start_name="A", end_name="B", style="solid"),
        Segment(points=(("3", "0"), ("-1.50", "2")), start_name="B", style="-."),
    )
    assert drawing.circles == (Circle(center=("1", "1"), radius="1.5", name="O"),)
    assert drawing.points == (("C", ("9", "9")),)
    assert (drawing.start, drawing.end) == (0, len(WHOLE))
    assert drawing.text.split("\n") == [
        "Line A-B, solid, from (0, 0) to (3, 0)",
        "Line, -., from B (3, 0) to (-1.50, 2)",
        "Circle O, center (1, 1), radius 1.5",
        "Point C (9, 9)",
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        # lower case, and without the sections
        ("{'line': ['(0, 0) -- (3, 0)'], 'line_type': ['--']}", "Line, solid, from (0, 0) to (3, 0)"),
        # JSON
        (
            '{"Circle": {"circle_center": ["(1, 2)"], "radius": [3]}, "Line": {}}',
            "Circle, center (1, 2), radius 3",
        ),
        # nested lists, tuples and names as keys
        (
            "{'Line': {'line': [[(0, 0), (3, 0)], [0, 1, 2, 3]], 'line_endpoint': {'A': (0, 0), 'B': (3, 0)}}}",
            "Line A-B, from (0, 0) to (3, 0)\nLine, from (0, 1) to (2, 3)",
        ),
        ("{'Circle': [{'center': '(1, 2)', 'radius': 2}]}", "Circle, center (1, 2), radius 2"),
        ("{'Circles': ['O: (1, 2), 2']}", "Circle O, center (1, 2), radius 2"),
        # points in between, as in a way that is followed
        ("{'Line': {'line': ['(0, 0) -- (1, 1) -- (2, 2)']}}", "Line, from (0, 0) via (1, 1) to (2, 2)"),
        ("{'line': ['AB: (0, 0) -- (1, 1)']}", "Line AB, from (0, 0) to (1, 1)"),
        # a name with a quote that is not escaped, and one that is
        ("{'line': ['(1, 0) -- (2, 0)'], 'points': ['A'': (1, 0)']}", "Line, from A (1, 0) to (2, 0)"),
        (r"{'line': ['(1, 0) -- (2, 0)'], 'points': ['A\': (1, 0)']}", "Line, from A' (1, 0) to (2, 0)"),
        # a minus that is none on keyboards
        ("{'line': ['(\u22121, 0) -- (2, 0)']}", "Line, from (-1, 0) to (2, 0)"),
        # brackets that are missing or too many
        (
            "{'Line': {'line': ['(0, 0) -- (3, 0)'}, 'Circle': {'circle_center': ['(1, 1)'], 'radius': [2]}}",
            "Line, from (0, 0) to (3, 0)\nCircle, center (1, 1), radius 2",
        ),
        ("{'Line': {'line': ['(0, 0) -- (3, 0)']])}}", "Line, from (0, 0) to (3, 0)"),
        # what has no place is kept
        (
            "{'Line': {'line': ['(0, 0) -- (3, 0)', 'AB'], 'angle': '90'}, 'Title': 'Fig. 1'}",
            "Line, from (0, 0) to (3, 0)\nLine: AB\nLine: angle: 90\nTitle: Fig. 1",
        ),
        ("{'Line': {'line': ['(0, 0) -- (3, 0)', '(3, 0) -- (4", "Line, from (0, 0) to (3, 0)\nLine: (3, 0) -- (4"),
    ],
)
def test_forms_that_models_find(answer: str, expected: str) -> None:
    assert text_of(answer) == expected


def test_what_stands_around_is_left_to_others() -> None:
    answer = r"As \frac{1}{2} shows: " + WHOLE + " That is all.<｜end▁of▁sentence｜>"
    drawing = read_drawing(answer)
    assert drawing is not None
    assert answer[drawing.start : drawing.end] == WHOLE


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "A line: [see above]",
        "{'line': [1, 2, 3, 4]}",  # a chart
        '{"type": "line", "line": {"2019": 3, "2020": 4}}',
        "{'Line': {}, 'Circle': {'circle_center': [], 'radius': []}}",
        "<table><tr><td>Line: {1}</td></tr></table>",
        "{'Line': {'line': __import__('os').getcwd()}}",
        "{'line': " + "[" * 5000,
        WHOLE + " " * LONGEST,
    ],
)
def test_what_is_no_drawing_is_none(answer: str) -> None:
    assert read_drawing(answer) is None


@given(st.integers(0, len(WHOLE)))
def test_any_beginning_is_read_as_far_as_it_goes(end: int) -> None:
    drawing = read_drawing(WHOLE[:end])
    segments = 0 if drawing is None else len(drawing.segments)
    assert segments >= (end > WHOLE.index("'(3, 0)")) + (end > WHOLE.index(", 'line_type'"))


PIECES = st.sampled_from([*"{}[](),:'\"\\ 1-", "--", "'Line'", "'line'", "'(0, 0) -- (1, 2)'", "A: ", "\n", "9" * 400])


@given(
    st.text()
    | st.lists(PIECES, max_size=60).map("".join)
    | st.lists(PIECES, max_size=40).map(lambda some: "{'line': [" + "".join(some))
)
def test_any_text_is_fine(text: str) -> None:
    drawing = read_drawing(text)
    assert drawing is None or (0 <= drawing.start < drawing.end <= len(text) and drawing.text)


@pytest.mark.parametrize("piece", ["'", "'a' ", "[", "[(1, 2),", "'(0, 0) -- (3, 0)',", "{'a':", "line:[", "\\", "'\\"])
def test_hostile_answers_end(piece: str) -> None:
    """A quadratic reader would take minutes for these."""
    answer = ("{'line': [" + piece * LONGEST)[:LONGEST]
    for cut in (answer, answer[:-1]):
        drawing = read_drawing(cut)
        assert drawing is None or drawing.text.startswith("Line, from (0, 0) to (3, 0)")
