from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.headway import LATELY, Headway


def test_what_a_bar_needs() -> None:
    headway = Headway(100.0)
    headway.known = 10
    assert (headway.rate, headway.left(10), headway.seconds) == (0.0, None, 0.0)
    for now in (101.0, 102.0, 103.0, 104.0):
        headway.page(now)
    assert (headway.done, headway.seconds, headway.rate) == (4, 4.0, 1.0)
    assert headway.left(headway.known - headway.done) == 6.0


def test_the_speed_is_that_of_the_last_while() -> None:
    headway = Headway(0.0)
    for now in range(1, 101):
        headway.page(float(now))
    for tenth in range(1, LATELY + 1):
        headway.page(100 + tenth / 10)
    assert abs(headway.rate - 10) < 0.01
    headway.page(1000.0)  # a long stop
    headway.page(1000.5)
    assert abs(headway.rate - 2) < 0.01


@given(st.lists(st.floats(0, 200)))
def test_it_is_never_negative_or_endless(gaps: list[float]) -> None:
    now = 5.0
    headway = Headway(now)
    for gap in gaps:
        now += gap
        headway.page(now)
        assert headway.rate >= 0
        left = headway.left(7)
        assert left is None or left >= 0
