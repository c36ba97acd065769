"""Rows of ink: found where lines were drawn, level or slanting, through noise, and next to rules."""

from __future__ import annotations

import io
import random

import pymupdf
import pytest
from PIL import Image, ImageFilter

from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.inkrows import find_rows, part_around
from deepseek_ocr_rag.recognition import Inked

SENTENCES = [
    "The quick brown fox jumps over the lazy dog",
    "and goes on to the next line of this text,",
    "which has five of them, of which none is long",
    "nor short, but for the last one, which ends",
    "here.",
]
PITCH, FIRST, SIZE = 16, 100, 12
WIDTH, HEIGHT = 400, 600
BLOCK = Box.from_size((45, FIRST - 12, 330, FIRST + 4 * PITCH + 6), width=WIDTH, height=HEIGHT)


def page(*, rules: bool = False) -> Image.Image:
    made = pymupdf.open().new_page(width=WIDTH, height=HEIGHT)
    for number, text in enumerate(SENTENCES):
        made.insert_text((50, FIRST + number * PITCH), text, fontsize=SIZE, fontname="tiro")
    if rules:
        made.draw_line((45, FIRST + 4), (330, FIRST + 4))
    return Image.open(io.BytesIO(made.get_pixmap(dpi=150).tobytes("png"))).convert("RGB")


def noisy(picture: Image.Image) -> Image.Image:
    grey = picture.convert("L").filter(ImageFilter.GaussianBlur(0.8))
    rnd = random.Random(1)
    for _ in range(grey.width * grey.height // 100):
        grey.putpixel((rnd.randrange(grey.width), rnd.randrange(grey.height)), rnd.choice((0, 255)))
    return grey


def check(found: Inked, *, slope: float = 0.0) -> None:
    """Five rows that hold the middle of their lines' small letters, from the first letter to the last."""
    assert len(found.rows) == 5
    for number, row in enumerate(found.rows):
        middle = (FIRST + number * PITCH - 0.22 * SIZE) / HEIGHT
        assert row.top + slope * 50 / WIDTH < middle < row.bottom + slope * 50 / WIDTH
        assert row.left == pytest.approx(50 / WIDTH, abs=0.012)
    assert all(one.bottom <= other.top for one, other in zip(found.rows, found.rows[1:], strict=False))
    assert found.rows[4].right < 0.25
    assert found.rows[0].right > 0.6


@pytest.mark.parametrize("change", [lambda picture: picture, noisy])
def test_lines_are_rows(change: object) -> None:
    [found] = find_rows(change(page()), [BLOCK])  # type: ignore[operator]
    check(found)
    assert found.slope == 0


@pytest.mark.parametrize("degrees", [-1.5, 0.7, 2.0])
def test_slanting_lines_are_rows_with_a_slope(degrees: float) -> None:
    turned = page().rotate(-degrees, resample=Image.Resampling.BICUBIC, fillcolor="white", center=(0, 0))
    [found] = find_rows(turned, [Box.from_fractions(0.08, 0.1, 0.9, 0.35)])
    expected = degrees * 3.14159 / 180 * WIDTH / HEIGHT
    assert found.slope == pytest.approx(expected, abs=0.0015)
    assert len(found.rows) == 5


@pytest.mark.parametrize("degrees", [0.0, 1.5])
def test_a_part_of_the_page_tells_the_same(degrees: float) -> None:
    whole = page(rules=not degrees).rotate(-degrees, resample=Image.Resampling.BICUBIC, fillcolor="white")
    box = BLOCK if not degrees else Box.from_fractions(0.15, 0.12, 0.85, 0.35)
    part = part_around([box])
    assert part is not None
    assert part.area < 0.5
    left, top, right, bottom = (round(side) for side in part.to_size(width=whole.width, height=whole.height))
    seen = Box.from_size((left, top, right, bottom), width=whole.width, height=whole.height)
    [found], [expected] = find_rows(whole.crop((left, top, right, bottom)), [box], part=seen), find_rows(whole, [box])
    assert found.slope == pytest.approx(expected.slope, abs=1e-5)
    assert found.rules == pytest.approx(expected.rules, abs=1e-5)
    for row, other in zip(found.rows, expected.rows, strict=True):  # columns are shifted by whole pixels
        assert (row.left, row.right) == pytest.approx((other.left, other.right), abs=1e-5)
        assert (row.top, row.bottom) == pytest.approx((other.top, other.bottom), abs=1.1 / whole.height)


def test_the_gaps_between_words_are_told() -> None:
    [found] = find_rows(page(), [BLOCK])
    wide = sorted(right - left for left, right in zip(found.rows[0].gaps[::2], found.rows[0].gaps[1::2], strict=True))
    assert len([gap for gap in wide if gap > 0.15 * SIZE / WIDTH]) == len(SENTENCES[0].split()) - 1


def test_a_rule_is_no_row() -> None:
    [found] = find_rows(page(rules=True), [BLOCK])
    check(found)
    [rule] = found.rules
    assert rule == pytest.approx((FIRST + 4) / HEIGHT, abs=0.003)


@pytest.mark.parametrize("size", [11, 14])
def test_vowels_over_and_under_letters_are_no_rows(size: int) -> None:
    """Thai, set so tightly that all rows touch when they slant."""
    made = pymupdf.open().new_page(width=420, height=300)
    text = "เขื่อนถูกลดระดับในฤดูใบไม้ผลิเพื่อให้ตรวจสอบทางระบายน้ำเก่าได้ " * 5
    made.insert_htmlbox((50, 80, 370, 280), f"<p style='font-size:{size}px'>{text}</p>")
    words = [Box.from_size(word[:4], width=420, height=300) for word in made.get_text("words")]
    box = words[0].union(words[-1])
    picture = Image.open(io.BytesIO(made.get_pixmap(dpi=150).tobytes("png"))).convert("RGB")
    turned = picture.rotate(1.0, resample=Image.Resampling.BICUBIC, fillcolor="white")
    [found] = find_rows(turned, [box])
    assert len(found.rows) == 5


def test_a_neighbours_line_is_not_the_boxs_own() -> None:
    box = Box.from_size((45, FIRST + PITCH - 10, 330, FIRST + 2 * PITCH + 4), width=WIDTH, height=HEIGHT)
    [found] = find_rows(page(), [box])
    assert len(found.rows) == 2
    assert found.rows[0].top > FIRST / HEIGHT


def test_each_place_has_its_own_answer_and_empty_ones_have_none() -> None:
    nothing = Box(left=0.5, top=0.5, right=0.5, bottom=0.5)
    blank = Box(left=0.1, top=0.6, right=0.9, bottom=0.9)
    found = find_rows(page(), [nothing, BLOCK, blank])
    assert [len(inked.rows) for inked in found] == [0, 5, 0]
    assert find_rows(page(), []) == ()
