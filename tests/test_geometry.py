from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.geometry import Box, PdfView, QuarterTurn, bounding_box, inverse_turn, visual_rows

FRACTION = st.floats(0, 1, allow_nan=False)
BOXES = st.builds(Box.from_fractions, FRACTION, FRACTION, FRACTION, FRACTION)
TURNS: list[QuarterTurn] = [0, 90, 180, 270]


def test_a_box_must_be_ordered_inside_the_page() -> None:
    with pytest.raises(ValueError, match="not ordered inside the page"):
        Box(left=0.5, top=0, right=0.4, bottom=1)
    with pytest.raises(ValueError, match="not ordered inside the page"):
        Box(left=0, top=0, right=1.1, bottom=1)


@given(st.lists(st.floats(), min_size=4, max_size=4))
def test_anything_from_outside_becomes_a_box(values: list[float]) -> None:
    box = Box.from_fractions(*values)
    assert 0 <= box.left <= box.right <= 1
    assert 0 <= box.top <= box.bottom <= 1


def test_the_models_grid_ends_at_999() -> None:
    assert Box.from_model_grid([0, 0, 999, 999]) == Box(left=0, top=0, right=1, bottom=1)
    assert Box.from_model_grid([999, 500, 0, 1200]).as_tuple() == (0, 500 / 999, 1, 1)


@given(BOXES)
def test_integers_for_metadata_lose_less_than_their_unit(box: Box) -> None:
    back = Box.from_ints(box.to_ints())
    assert all(
        math.isclose(a, b, abs_tol=0.5001 / 10_000) for a, b in zip(box.as_tuple(), back.as_tuple(), strict=True)
    )


@given(BOXES, st.sampled_from(TURNS))
def test_a_turn_and_its_inverse_are_nothing(box: Box, turn: QuarterTurn) -> None:
    back = box.turned(turn).turned(inverse_turn(turn))
    assert all(math.isclose(a, b, abs_tol=1e-9) for a, b in zip(box.as_tuple(), back.as_tuple(), strict=True))


def test_a_clockwise_turn_brings_the_top_left_corner_to_the_top_right() -> None:
    corner = Box(left=0, top=0, right=0.25, bottom=0.125)
    assert corner.turned(90).as_tuple() == (0.875, 0, 1, 0.25)
    assert corner.turned(180).as_tuple() == (0.75, 0.875, 1, 1)
    assert corner.turned(270).as_tuple() == (0, 0.75, 0.125, 1)


@given(BOXES, BOXES)
def test_union_holds_both_and_intersection_is_in_both(one: Box, other: Box) -> None:
    both = one.union(other)
    assert both.intersection(one) == pytest.approx(one.area, abs=1e-12)
    assert one.intersection(other) <= min(one.area, other.area) + 1e-12
    assert bounding_box([one, other]) == both


def test_no_boxes_have_no_bounding_box() -> None:
    assert bounding_box([]) is None


def test_rows_are_seen_from_the_top_and_from_the_left() -> None:
    def word(left: float, top: float) -> Box:
        return Box(left=left, top=top, right=left + 0.1, bottom=top + 0.02)

    # The second row is a little askew, and its words do not come in their order.
    assert visual_rows([word(0.5, 0.108), word(0.3, 0.1), word(0.1, 0.104), word(0.1, 0.05)]) == [[3], [2, 1, 0]]
    assert visual_rows([]) == []


@given(st.lists(BOXES, max_size=12))
def test_every_box_is_in_one_row(several: list[Box]) -> None:
    assert sorted(at for row in visual_rows(several) for at in row) == list(range(len(several)))


@given(BOXES, st.sampled_from(TURNS))
def test_user_space_and_back(box: Box, turn: QuarterTurn) -> None:
    view = PdfView(left=-20, bottom=30, right=180, top=430, rotation=turn, user_unit=2)
    x0, y0, x1, y1 = view.to_user_space(box)
    assert -20 <= x0 <= x1 <= 180.001
    assert 29.999 <= y0 <= y1 <= 430
    assert view.from_user_space((x1, y0, x0, y1)).as_tuple() == pytest.approx(box.as_tuple(), abs=1e-9)
