"""Cutting: tiles cover the page and meet in gaps; pictures come out as the parts that were asked for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepseek_ocr_rag.cutting import crop_picture, cut, halves, shrink_picture
from deepseek_ocr_rag.errors import CorruptSource, SourceTooLarge
from deepseek_ocr_rag.geometry import Box


def page(height: int = 1000, width: int = 700, *, pitch: int = 20, ink: int = 14) -> np.ndarray:
    """White paper with lines of text from edge to edge, every third pixel of them black."""
    made = np.full((height, width), 255, np.uint8)
    for top in range(3, height - ink, pitch):
        made[top : top + ink, ::3] = 0
    return made


def encoded(array: np.ndarray, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind)
    return out.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 16),
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    st.integers(0, 9),
)
def test_tiles_cover_the_page_and_hardly_overlap(
    columns: int, rows: int, height: int, width: int, density: float, seed: int
) -> None:
    noise = np.random.default_rng(seed).random((height, width)) < density
    tiles = cut(np.where(noise, 0, 255).astype(np.uint8), columns=columns, rows=rows)
    assert len(tiles) == columns * rows
    assert all(tile.area > 0 for tile in tiles)
    for y in np.linspace(0, 1, 41):
        for x in np.linspace(0, 1, 23):
            holding = [t for t in tiles if t.left <= x <= t.right and t.top <= y <= t.bottom]
            rows_there = {t.top for t in holding}
            assert holding
            assert len(rows_there) <= 2
            assert all(sum(t.top == top for t in holding) <= 2 for top in rows_there)


def test_tiles_come_row_by_row() -> None:
    tiles = cut(page(), columns=2, rows=3)
    assert [(tile.left > 0.2, round(tile.top, 1)) for tile in tiles] == [
        (False, 0.0),
        (True, 0.0),
        (False, 0.3),
        (True, 0.3),
        (False, 0.7),
        (True, 0.7),
    ]


def test_a_cut_between_lines_goes_through_the_gap_without_overlap() -> None:
    lines = page()
    upper, lower = cut(lines, columns=1, rows=2)
    assert upper.bottom == lower.top
    assert lines[round(upper.bottom * len(lines)), 0] == 255


def test_the_widest_gap_wins() -> None:
    lines = page()
    lines[560:600] = 255
    upper, lower = cut(lines, columns=1, rows=2)
    assert upper.bottom == lower.top == pytest.approx(0.58, abs=0.01)


def test_where_there_is_no_gap_both_tiles_hold_what_the_cut_crosses() -> None:
    solid = np.full((1000, 700), 255, np.uint8)
    solid[:, ::3] = 0
    upper, lower = cut(solid, columns=1, rows=2)
    assert upper.bottom - lower.top == pytest.approx(0.08, abs=0.01)


def test_specks_of_a_scan_do_not_close_a_gap() -> None:
    lines = page(width=2000)
    lines[::7, 100] = 0
    upper, lower = cut(lines, columns=1, rows=2)
    assert upper.bottom == lower.top


def test_each_row_of_tiles_is_cut_into_columns_at_its_own_gutter() -> None:
    made = np.full((1000, 1000), 255, np.uint8)
    made[:, ::3] = 0
    made[480:520] = 255
    made[:480, 430:450] = 255
    made[520:, 550:570] = 255
    upper, _, lower, _ = cut(made, columns=2, rows=2)
    assert upper.right == pytest.approx(0.44, abs=0.01)
    assert lower.right == pytest.approx(0.56, abs=0.01)


def test_dark_pages_have_gaps_too() -> None:
    upper, lower = cut(255 - page(), columns=1, rows=2)
    assert upper.bottom == lower.top


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_halves_are_one_above_the_other_or_side_by_side(kind: str) -> None:
    upper, lower = halves(encoded(page(), kind))
    assert (upper.left, upper.right, lower.bottom) == (0, 1, 1)
    left, right = halves(encoded(page().T.copy(), kind))
    assert (left.top, left.bottom, right.right) == (0, 1, 1)
    assert left.right == right.left


@pytest.mark.parametrize(("media_type", "kind"), [("image/jpeg", "JPEG"), ("image/png", "PNG")])
def test_a_crop_is_that_part_of_the_picture(media_type: str, kind: str) -> None:
    made = np.full((400, 300), 255, np.uint8)
    made[200:, 150:] = 0
    data, width, height = crop_picture(
        encoded(made, kind), Box(left=0.5, top=0.5, right=1, bottom=0.75), media_type=media_type, quality=90
    )
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == (kind, (150, 100)) == (kind, (width, height))
        assert np.asarray(image).max() < 10


def test_a_crop_is_never_empty() -> None:
    nothing = Box(left=1, top=0.3, right=1, bottom=0.3)
    assert crop_picture(encoded(page()), nothing, media_type="image/png", quality=80)[1:] == (1, 1)


def test_shrinking_never_enlarges() -> None:
    data = encoded(page())
    assert shrink_picture(data, long_side=500, media_type="image/jpeg", quality=80)[1:] == (350, 500)
    assert shrink_picture(data, long_side=5000, media_type="image/png", quality=80)[1:] == (700, 1000)


@pytest.mark.parametrize(
    "data", [b"", b"junk", b"\x89PNG\r\n\x1a\n", encoded(page())[:900], encoded(page(), "GIF")], ids=repr
)
def test_what_is_not_a_picture_is_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(CorruptSource, match="not a readable JPEG or PNG"):
        crop_picture(data, Box(left=0, top=0, right=1, bottom=1), media_type="image/jpeg", quality=80)


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    data = bytearray(encoded(np.zeros((8, 8), np.uint8), "PNG"))
    data[16:24] = (12_000).to_bytes(4, "big") + (12_000).to_bytes(4, "big")
    data[29:33] = __import__("zlib").crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(SourceTooLarge, match="pixels"):
        shrink_picture(bytes(data), long_side=100, media_type="image/png", quality=80)
