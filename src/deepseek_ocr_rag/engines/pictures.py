"""Pictures made smaller or cut, in threads: what a rung of the ladder shows the model instead of the whole page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .. import cutting
from ..errors import SourceError
from ..geometry import Box
from .question import Picture, Trouble

P = ParamSpec("P")
R = TypeVar("R")


async def cropped(picture: Picture, box: Box, *, quality: int) -> Picture:
    """A part of a picture; ``box`` is in fractions of it.

    Raises:
        Trouble: If the picture cannot be read; pages that others rendered may have any.
    """
    data, width, height = await _worked(
        cutting.crop_picture, picture.data, box, media_type=picture.media_type, quality=quality
    )
    return Picture(data=data, media_type=picture.media_type, width=width, height=height)


async def fitted(picture: Picture, *, long_side: int, max_bytes: int, quality: int) -> Picture:
    """The picture with no side over ``long_side`` pixels and of about ``max_bytes`` at most; 0 is no limit.

    Raises:
        Trouble: If the picture cannot be read.
    """
    side = max(picture.width, picture.height)
    if max_bytes and len(picture.data) > max_bytes:
        # A picture's bytes go with its area; a little less, because smaller ones hold more detail a pixel.
        long_side = min(long_side or side, int(side * (max_bytes / len(picture.data)) ** 0.5 * 0.95))
    if not long_side or side <= long_side:
        return picture
    data, width, height = await _worked(
        cutting.shrink_picture, picture.data, long_side=long_side, media_type=picture.media_type, quality=quality
    )
    return Picture(data=data, media_type=picture.media_type, width=width, height=height)


async def halves(picture: Picture) -> tuple[Box, ...]:
    """Where to cut a picture in two, in fractions of it.

    Raises:
        Trouble: If the picture cannot be read.
    """
    return await _worked(cutting.halves, picture.data)


async def is_blank(picture: Picture) -> bool:
    """Whether a part of a page has no ink: one shade all over, up to the noise of JPEG.

    Raises:
        Trouble: If the picture cannot be read.
    """
    return not await _worked(cutting.has_ink, picture.data)


async def _worked(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except SourceError as error:
        problem = f"the page's picture cannot be cut or made smaller: {error.message}"
        raise Trouble("rejected", problem, hint=error.hint) from error
