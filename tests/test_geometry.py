from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.geometry import Box, QuarterTurn, bounding_box, inverse_turn

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
