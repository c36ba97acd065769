"""Pictures cut for a model that sees too little of a whole one: where to cut, and the cutting itself.

A page is cut where it is emptiest near the nominal place, so that lines stay whole. Tiles come row by row; a newspaper
whose columns run over several rows of tiles is put together by whoever reads them, from the boxes. The helpers at the
end work on encoded pictures, in the caller's process: they take JPEG and PNG only, and bound what they decode.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import CorruptSource, SourceTooLarge
from .geometry import Box

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    Pixels = np.ndarray[Any, Any]

REACH = 0.15
"""How far from its nominal place a cut may be, as a share of the page, and at most of :data:`TILE_REACH` of a tile."""

TILE_REACH = 0.3

OVERLAP = 0.04
"""How far tiles reach over a cut through ink, as a share of the page (more than a line of text is high), and at most
:data:`TILE_OVERLAP` of a tile."""

TILE_OVERLAP = 0.15

GAP = 0.002
"""Height of the emptiness, as a share of the page, that counts as a gap between lines and not between letters' dots."""

INK = 48
"""Shades by which ink differs from the paper around it."""

SPECKS = 0.002
"""Share of a row of pixels that may be ink in an empty row of a noisy scan."""

MAX_PIXELS = 89_478_485
"""Where Pillow begins to warn of decompression bombs; a page in 16 tiles has half as many."""


def cut(grey: Pixels, *, columns: int, rows: int) -> tuple[Box, ...]:
    """Cut a page into ``columns`` times ``rows`` tiles, row by row from the top left.

    Tiles cover the page. Where a cut runs through a gap, tiles meet there; elsewhere both reach over it, so that
    what it crosses is whole in one of them. Each row of tiles is cut into columns at its own places.

    Args:
        grey: The upright page in shades of grey, of shape ``(height, width)``; 1000 pixels along a side are plenty.
        columns: Tiles side by side, at least 1.
        rows: Tiles one above the other, at least 1.
    """
    ink = _ink(grey)
    tiles = []
    for top, bottom in _spans(ink.mean(axis=1), rows):
        band = ink[int(top * len(ink)) : max(int(top * len(ink)) + 1, round(bottom * len(ink)))]
        tiles += [
            Box(left=left, top=top, right=right, bottom=bottom) for left, right in _spans(band.mean(axis=0), columns)
        ]
    return tuple(tiles)


def halves(data: bytes) -> tuple[Box, Box]:
    """Cut an encoded picture in two: one above the other, or side by side where it is wider than high.

    Raises:
        CorruptSource: If it is not a readable JPEG or PNG picture.
        SourceTooLarge: If it has too many pixels.
    """
    import numpy as np

    with _opened(data) as image:
        is_wide = image.width > image.height
        image.draft("L", (1000, 1000))
        image.thumbnail((2000, 2000))
        first, second = cut(np.asarray(image.convert("L")), columns=1 + is_wide, rows=2 - is_wide)
    return first, second


def crop_picture(data: bytes, box: Box, *, media_type: str, quality: int) -> tuple[bytes, int, int]:
    """A part of an encoded picture as a picture of its own: ``(data, width, height)``.

    Raises:
        CorruptSource: If it is not a readable JPEG or PNG picture.
        SourceTooLarge: If it has too many pixels.
    """
    with _opened(data) as image:
        left, top, right, bottom = box.to_size(width=image.width, height=image.height)
        x, y = min(int(left), image.width - 1), min(int(top), image.height - 1)
        return _encoded(image.crop((x, y, max(x + 1, round(right)), max(y + 1, round(bottom)))), media_type, quality)


def shrink_picture(data: bytes, *, long_side: int, media_type: str, quality: int) -> tuple[bytes, int, int]:
    """An encoded picture with ``long_side`` pixels along its longer side, never more than it has.

    Raises:
        CorruptSource: If it is not a readable JPEG or PNG picture.
        SourceTooLarge: If it has too many pixels.
    """
    from PIL import Image

    with _opened(data) as image:
        scale = min(1.0, long_side / max(image.size))
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image.draft(image.mode, size)
        smaller = image.resize(size, Image.Resampling.LANCZOS) if size != image.size else image
        return _encoded(smaller, media_type, quality)


def has_ink(data: bytes) -> bool:
    """Whether anything is to be seen on an encoded picture.

    Raises:
        CorruptSource: If it is not a readable JPEG or PNG picture.
        SourceTooLarge: If it has too many pixels.
    """
    import numpy as np

    with _opened(data) as image:
        return bool(_ink(np.asarray(image.convert("L"))).sum() > 2)


def _ink(grey: Pixels) -> Pixels:
    """Which pixels differ from the paper: the middle shade of a page, light or dark."""
    import numpy as np

    shades = np.asarray(grey).astype(np.int16)
    ink: Pixels = np.abs(shades - np.median(shades)) > INK
    return ink


def _spans(profile: Pixels, parts: int) -> Iterator[tuple[float, float]]:
    """Where tiles begin and end along one axis, as fractions; ``profile`` is the share of ink at each place."""
    places = [_place(profile, number / parts, parts) for number in range(1, parts)]
    cuts = [(0.0, 0.0), *places, (1.0, 0.0)]
    for (start, before), (end, after) in itertools.pairwise(cuts):
        yield max(0.0, start - before), min(1.0, end + after)


def _place(profile: Pixels, nominal: float, parts: int) -> tuple[float, float]:
    """A cut near ``nominal``, through the widest gap or where ink is least, and by how much tiles reach over it."""
    reach = min(REACH, TILE_REACH / parts)
    first = max(0, int((nominal - reach) * len(profile)))
    window = profile[first : int((nominal + reach) * len(profile)) + 1]
    start, end = _widest_gap(window <= SPECKS)
    if end - start >= max(2.0, GAP * len(profile)):
        place, overlap = first + (start + end) / 2, 0.0
    else:
        faint = (window <= window.min() + SPECKS).nonzero()[0]
        place = first + 0.5 + int(min(faint, key=lambda at: abs(at - len(window) / 2)))
        overlap = min(OVERLAP, TILE_OVERLAP / parts)
    return min(max(place / len(profile), nominal - reach), nominal + reach), overlap


def _widest_gap(empty: Pixels) -> tuple[int, int]:
    """Start and end of the widest run of empty places; of equals the one nearest to the middle."""
    edges = [0, *(at for at in range(1, len(empty)) if empty[at] != empty[at - 1]), len(empty)]
    runs = [(start, end) for start, end in itertools.pairwise(edges) if empty[start]]
    middle = len(empty) / 2
    return max(runs, key=lambda run: (run[1] - run[0], -abs((run[0] + run[1]) / 2 - middle)), default=(0, 0))


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open a picture; what goes wrong while it is decoded is the picture's fault, too."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SourceTooLarge(
                    f"{image.width} x {image.height} pixels are more than {MAX_PIXELS}.", hint="Scale the picture down."
                )
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SourceTooLarge("the picture has too many pixels.", hint="Scale the picture down.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise CorruptSource(
            f"not a readable JPEG or PNG picture ({type(error).__name__}).", hint="Send the page's picture as it came."
        ) from error


def _encoded(image: Image.Image, media_type: str, quality: int) -> tuple[bytes, int, int]:
    out = io.BytesIO()
    colours = image if image.mode in ("L", "RGB") else image.convert("RGB")
    if media_type == "image/png":
        colours.save(out, "PNG", compress_level=1)
    else:
        colours.save(out, "JPEG", quality=quality)
    return out.getvalue(), image.width, image.height
