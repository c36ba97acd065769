"""Modes: the paper's numbers, the official scripts' grids, and what ``auto`` makes of a page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.modes import (
    COARSE,
    LONGEST,
    MODES,
    MOST_TILES,
    V1,
    V2,
    Look,
    Plan,
    gundam_side,
    image_tokens,
    plan,
    tile_grid,
    vision_tokens,
)

A4 = {"width": 595.0, "height": 842.0}
SIDES = st.floats(min_value=0.0, max_value=20_000.0)


def a4(points: float, **more: int) -> Look:
    """An A4 page whose smallest text is of that size."""
    return Look(**A4, text_height=points / 842, **more)


def test_vision_tokens_are_those_of_the_paper() -> None:
    assert [vision_tokens(mode) for mode in MODES] == [64, 100, 256, 400, 256]
    assert vision_tokens("gundam", 6) == 856
    assert vision_tokens("base", 6) == 256


@pytest.mark.parametrize(
    ("size", "grid", "first", "second"),
    [
        ((1191, 1684), (2, 3), 903, 1121),  # A4 at 144 dpi, as in the official script
        ((1684, 1191), (3, 2), 273 + 20 * 31, 1121),
        ((640, 640), (0, 0), 273, 257),
        ((641, 640), (2, 2), 273 + 20 * 21, 257),
        ((1024, 1024), (2, 2), 693, 833),
        ((3000, 500), (6, 1), 273 + 10 * 61, 1121),
    ],
)
def test_context_tokens_follow_the_official_preprocessing(
    size: tuple[int, int], grid: tuple[int, int], first: int, second: int
) -> None:
    assert tile_grid(*size) == grid
    assert image_tokens(*size) == first
    assert image_tokens(*size, vision=V2) == second


def test_of_equally_fitting_grids_the_larger_needs_the_pixels_for_it() -> None:
    # 1.25 lies in the middle between 2:2 and 3:2.
    assert tile_grid(1250, 1000) == (3, 2)
    assert tile_grid(800, 640) == (2, 2)


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([V1, V2]))
def test_grids_have_few_tiles(width: int, height: int, vision: object) -> None:
    columns, rows = tile_grid(width, height, vision)  # type: ignore[arg-type]
    assert columns * rows == 0 or 2 <= columns * rows <= 6
    assert (columns == 0) == (max(width, height) <= vision.tile_side)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("points", "mode", "side"),
    [(24, "tiny", 512), (20, "small", 640), (12, "base", 1024), (10, "large", 1280), (7, "gundam", 1811)],
)
def test_auto_takes_the_smallest_mode_that_shows_the_text(points: float, mode: str, side: int) -> None:
    chosen = plan(a4(points))
    assert (chosen.mode, chosen.long_side, chosen.is_tiled) == (mode, side, False)
    assert f"its smallest text is {100 * points / 842:.2g} % of the page's height" in chosen.reason


def test_unknown_text_gets_gundam_and_the_reason_says_so() -> None:
    assert plan(Look(**A4)).reason == "gundam, 1280x1811 px: the size of its text is unknown"
    assert plan(Look(width=842, height=595)).reason.startswith("gundam, 1811x1280 px")


def test_text_judged_by_its_ink_never_gets_less_than_base() -> None:
    judged = Look(**A4, text_height=24 / 842, is_estimate=True)
    assert (plan(judged).mode, plan(judged).long_side) == ("base", 1024)


def test_fine_print_is_cut_into_rows_before_columns() -> None:
    cut = plan(a4(4.5))
    assert (cut.columns, cut.rows) == (1, 2)
    assert "in 1x2 tiles" in cut.reason
    poster = plan(Look(width=2384, height=3370, text_height=12 / 3370))
    assert (poster.columns, poster.rows) == (2, 2)
    assert poster.long_side / 3370 * 12 > COARSE


def test_text_that_is_nearly_large_enough_is_not_cut() -> None:
    assert not plan(a4(5.2)).is_tiled


def test_more_text_than_one_answer_holds_is_cut() -> None:
    cut = plan(a4(10, characters=40_000))
    assert cut.columns * cut.rows == 3
    assert "40000 characters" in cut.reason


def test_a_picture_is_not_enlarged_and_its_reason_says_why() -> None:
    chosen = plan(a4(5, pixels=900))
    assert (chosen.long_side, chosen.is_tiled) == (900, False)
    assert "all that the picture has" in chosen.reason
    assert plan(Look(**A4, pixels=900), resolution="large").long_side == 900


def test_strips_are_cut_although_nothing_is_known_of_their_text() -> None:
    screenshot = plan(Look(width=750, height=12_000, pixels=12_000))
    assert (screenshot.columns, screenshot.rows) == (1, 5)
    assert not plan(Look(width=750, height=1500)).is_tiled


def test_strips_whose_text_is_judged_by_ink_keep_about_their_pixels() -> None:
    receipt = Look(width=600, height=12_000, pixels=12_000, text_height=20 / 12_000, is_estimate=True)
    assert plan(receipt).long_side > 0.9 * 12_000
    headlines = Look(width=600, height=12_000, pixels=12_000, text_height=80 / 12_000, is_estimate=True)
    assert plan(headlines).long_side < 0.5 * 12_000


def test_a_servers_limit_makes_tiles_only_where_the_text_needs_them() -> None:
    assert plan(Look(**A4), max_side=1024).long_side == 1024
    assert not plan(Look(**A4), max_side=1024).is_tiled
    assert not plan(a4(10), max_side=1024).is_tiled
    limited = plan(a4(6.5), max_side=1024)
    assert limited.is_tiled
    tile = limited.long_side / limited.rows, limited.long_side * 595 / 842 / limited.columns
    assert max(tile) <= 1024


@pytest.mark.parametrize("resolution", ["tiny", "small", "base", "large", "gundam"])
def test_a_fixed_mode_is_taken_as_it_is(resolution: str) -> None:
    chosen = plan(a4(3, characters=90_000), resolution=resolution)  # type: ignore[arg-type]
    sides = {"tiny": 512, "small": 640, "base": 1024, "large": 1280, "gundam": 1811}
    assert (chosen.mode, chosen.long_side, chosen.is_tiled) == (resolution, sides[resolution], False)
    assert chosen.reason.endswith("as asked")


@pytest.mark.parametrize("resolution", ["auto", "base"])
def test_a_page_is_cut_into_as_many_parts_as_are_wanted(resolution: str) -> None:
    chosen = plan(a4(11), resolution=resolution, parts=2)  # type: ignore[arg-type]
    assert (chosen.columns, chosen.rows) == (1, 2)
    assert "characters" not in chosen.reason
    assert plan(a4(11), resolution="auto", parts=1) == plan(a4(11))


@given(
    st.builds(
        Look,
        width=SIDES,
        height=SIDES,
        text_height=st.floats(0, 1),
        characters=st.integers(0, 10**9),
        pixels=st.integers(0, 10**6),
        is_estimate=st.booleans(),
    ),
    st.sampled_from(["auto", "tiny", "gundam"]),
    st.integers(0, 5000),
    st.integers(1, 40),
)
def test_every_page_has_a_bounded_plan(look: Look, resolution: str, max_side: int, parts: int) -> None:
    chosen = plan(look, resolution=resolution, max_side=max_side, parts=parts)  # type: ignore[arg-type]
    assert isinstance(chosen, Plan)
    assert 1 <= chosen.long_side <= min(LONGEST, look.pixels or LONGEST)
    assert 1 <= chosen.columns * chosen.rows <= MOST_TILES
    assert chosen.is_tiled or not max_side or chosen.long_side <= max_side
    assert chosen.reason.startswith(chosen.mode)


@given(st.floats(1, 2000), st.floats(1, 2000))
def test_gundam_fills_what_it_can_use(width: float, height: float) -> None:
    side = gundam_side(Look(width=width, height=height))
    scale = side / max(width, height)
    short, long = sorted((width * scale, height * scale))
    assert short <= 1281
    assert long <= 1921
    assert short > 1270 or long > 1910
