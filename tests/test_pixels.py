"""Pictures keep their pixels and become bytes of the type that was asked for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from deepseek_ocr_rag.pixels import encode, flattened, shows


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
def test_pictures_are_encoded_as_asked(media_type: str) -> None:
    data = encode(Image.new("RGB", (30, 20), "red"), media_type=media_type, quality=85)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.get_format_mimetype(), image.size) == (media_type, (30, 20))


@pytest.mark.parametrize(
    ("darkest", "lightest", "shown"),
    [
        (250 * 257, 253 * 257, (250, 253)),  # an empty page and its noise
        (65_535, 65_535, (255, 255)),
        (0, 65_535, (0, 255)),
        (0, 4095, (0, 255)),  # 12 bits
        (0, 0, (0, 0)),
    ],
)
def test_shades_of_16_bits_stay_what_they_are(darkest: int, lightest: int, shown: tuple[int, int]) -> None:
    shades = np.linspace(darkest, lightest, 100).astype(np.uint16).reshape(10, 10)
    for image in (Image.fromarray(shades), Image.fromarray(shades.astype(np.int32))):
        assert flattened(image).getextrema() == shown


def test_fractions_are_stretched_to_what_is_there() -> None:
    image = Image.fromarray(np.linspace(0.25, 0.5, 100, dtype=np.float32).reshape(10, 10))
    assert flattened(image).getextrema() == (0, 255)


def test_a_jpeg_shows_what_was_drawn_or_not() -> None:
    drawn = Image.linear_gradient("L").resize((300, 200))
    data = encode(drawn, media_type="image/jpeg", quality=85)
    assert shows(data, drawn)
    assert not shows(data, drawn.point(lambda shade: 255 - shade))
    assert not shows(data, drawn.resize((301, 200)))
    assert not shows(encode(drawn, media_type="image/png", quality=85), drawn)
    assert not shows(data[:50], drawn)
    noise = Image.effect_noise((300, 200), 90)
    assert not shows(encode(noise, media_type="image/jpeg", quality=98), noise)
