"""Ink on pictures: specks are filtered out as Pillow does it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from deepseek_ocr_rag.ink import without_specks


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 3), (5, 1), (40, 31)])
def test_specks_are_filtered_as_by_pillow(shape: tuple[int, int]) -> None:
    shades = np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)
    picture = Image.fromarray(shades)
    expected = picture.filter(ImageFilter.MedianFilter(3))
    assert np.array_equal(np.asarray(without_specks(picture)), np.asarray(expected))
