"""Pictures keep their pixels and become bytes of the type that was asked for."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from deepseek_ocr_rag.pixels import encode


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
def test_pictures_are_encoded_as_asked(media_type: str) -> None:
    data = encode(Image.new("RGB", (30, 20), "red"), media_type=media_type, quality=85)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.get_format_mimetype(), image.size) == (media_type, (30, 20))
