"""Pictures as plain grey or RGB pixels, and as bytes."""

from __future__ import annotations

import io

from PIL import Image, ImageChops

_HARMLESS = {"jfif", "dpi", "adobe", "progressive", "progression", "icc"}
"""What may be beside a JPEG's pixels, up to the underscore of Pillow's names."""

_MOST_BYTES = 0.5
"""Bytes for a pixel; scans have .1 to .3."""

_SQUARE, _ALIKE = 64, 24
"""Squares of so many pixels differ by fewer shades."""


def encode(image: Image.Image, *, media_type: str, quality: int) -> bytes:
    """Compress a picture; Pillow's JPEG writer is 14 times faster than MuPDF's own (field measurement)."""
    out = io.BytesIO()
    if media_type == "image/png":
        image.save(out, "PNG", compress_level=1)
    else:
        image.save(out, "JPEG", quality=quality, comment=b"")  # else the one of the file it came from goes along
    return out.getvalue()


def shows(data: bytes, drawn: Image.Image) -> bool:
    """Whether a JPEG can be sent in place of a picture: the same pixels, not far more bytes, and nothing beside them.

    Cameras write into their files where and by whom they were made. What a document says of its pictures (inverted,
    masked, of other colours) is not in their data, so that the two are compared.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            is_plain = image.mode in ("L", "RGB") and {str(key).partition("_")[0] for key in image.info} <= _HARMLESS
            if not is_plain or image.size != drawn.size or len(data) > _MOST_BYTES * drawn.width * drawn.height:
                return False
            image.draft("L", (image.width // 8, image.height // 8))
            small = max(1, drawn.width // _SQUARE), max(1, drawn.height // _SQUARE)
            one, other = (each.convert("L").resize(small, Image.Resampling.BOX) for each in (image, drawn))
            return not any(ImageChops.difference(one, other).histogram()[_ALIKE:])
    except (OSError, ValueError, SyntaxError):
        return False


def flattened(image: Image.Image) -> Image.Image:
    """Bring any mode to grey or RGB, transparency over white, 16 bits to 8."""
    if image.mode in ("L", "RGB"):
        return image.copy()
    if image.mode.startswith("I") or image.mode == "F":
        image = image.convert("I") if image.mode.startswith("I;") else image  # I;16B knows no other conversion
        low, high = _shades(image)
        scale = 255 / (high - low) if high > low else 1.0
        return image.convert("F").point(lambda value: (value - low) * scale + 0.5).convert("L")
    if image.mode == "1":
        return image.convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")


def _shades(image: Image.Image) -> tuple[float, float]:
    """Black and white of a picture of more than 8 bits.

    Whole numbers begin at 0 and fill the bits that are in use, 12 of the 16 for example. Stretching what happens to be
    there would make ink of an empty page's noise. Fractions have no scale of their own, so it must do for them.
    """
    low, high = image.getextrema()
    assert isinstance(low, int | float)  # noqa: S101 - one band has a pair of numbers; tells the type checker
    assert isinstance(high, int | float)  # noqa: S101
    return (low, high) if image.mode == "F" else (0, (1 << int(high).bit_length()) - 1)


def register_heif() -> None:
    """Have Pillow open HEIC pictures, where that is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return  # source.py has already said what to install where the file is HEIC
    register_heif_opener()
