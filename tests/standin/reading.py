"""What the stand-in sees in a picture: the embedded engine's regions, kept by the picture's hash.

The model cannot turn pages, the embedded engine can. So the turn of a picture is found out from where its lines lie,
and the grammar makes nothing, or nonsense, of a picture that is not upright.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

from PIL import Image, ImageOps, UnidentifiedImageError

from deepseek_ocr_rag.engines.local import LocalEngine
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.recognition import Region
from deepseek_ocr_rag.render import WorkerPool
from deepseek_ocr_rag.source import SourceOptions, resolve

Reader = Callable[[bytes], Sequence[Region]]
"""An encoded picture to its regions, as fractions of it: what a fast test passes instead of real reading."""


class NotAPicture(Exception):
    """The bytes are no picture that can be decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A decoded picture, as displayed: its EXIF turn is applied."""

    data: bytes
    digest: str
    width: int
    height: int
    media_type: str
    is_transparent: bool

    @classmethod
    def decode(cls, data: bytes) -> Picture:
        """Look at an encoded picture.

        Raises:
            NotAPicture: If it is none.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(data)) as image:
                    image.load()
                    shown = ImageOps.exif_transpose(image)
                    transparent = "A" in image.getbands() or "transparency" in image.info
                    media_type = Image.MIME.get(image.format or "", "")
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise NotAPicture(str(error)) from error
        return cls(
            data=data,
            digest=hashlib.sha256(data).hexdigest(),
            width=shown.width,
            height=shown.height,
            media_type=media_type,
            is_transparent=transparent,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is to be read in a picture, and whether it stands ``upright``, on its ``side`` or its ``head``."""

    regions: tuple[Region, ...]
    stands: str = "upright"


class Eyes:
    """Reads pictures, each once; an asynchronous context manager.

    Args:
        reader: What to read with instead of the embedded engine.
        workers: Processes of the embedded engine at most.
    """

    def __init__(self, reader: Reader | None = None, *, workers: int = 2) -> None:
        self._reader = reader
        self._workers = workers
        self._stack = AsyncExitStack()
        self._seen: dict[str, asyncio.Task[Sight]] = {}

    async def __aenter__(self) -> Self:
        if self._reader is None:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="standin-")))
            self._pool = await self._stack.enter_async_context(WorkerPool(size=self._workers))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._seen.values():
            task.cancel()
        await asyncio.gather(*self._seen.values(), return_exceptions=True)
        await self._stack.aclose()

    async def read(self, picture: Picture) -> Sight:
        """Read a picture; one that is asked for again, even meanwhile, is not read again."""
        task = self._seen.get(picture.digest)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._seen[picture.digest] = asyncio.create_task(self._look(picture))
        return await asyncio.shield(task)  # a client that leaves does not spoil the reading for the next one

    async def _look(self, picture: Picture) -> Sight:
        if self._reader is not None:
            regions = tuple(await asyncio.to_thread(self._reader, picture.data))
        else:
            regions = await self._read_for_real(picture.data)
        return Sight(regions=regions, stands=stance(regions, width=picture.width, height=picture.height))

    async def _read_for_real(self, data: bytes) -> tuple[Region, ...]:
        options = SourceOptions(allow_urls=False)
        source = await asyncio.to_thread(resolve, data, workspace=self._folder, options=options)
        try:
            page = await self._pool.visit(source, 1, LocalEngine().request)
        finally:
            await asyncio.to_thread(source.path.unlink, missing_ok=True)
        return page.regions or ()


def stance(regions: Sequence[Region], *, width: int, height: int) -> str:
    """``upright``, ``side`` or ``head``, from the shape of the lines and the order in which they are read.

    A single line on its head looks like one that is not.
    """
    lines = [(line.box, line.end - line.start) for region in regions for line in region.lines if line.end > line.start]
    letters = sum(length for _, length in lines)
    tall = sum(length for box, length in lines if length > 2 and box.height * height > 1.2 * box.width * width)
    if letters and tall > 0.5 * letters:
        return "side"
    boxes = [box for box, _ in lines]
    steps = [_falls(box, after) for box, after in pairwise(boxes)]
    return "head" if sum(steps) < 0 else "upright"


def _falls(box: Box, after: Box) -> int:
    """1 where the next line stands below, -1 where it stands above, 0 where it stands beside."""
    if min(box.right, after.right) <= max(box.left, after.left):
        return 0
    return 1 if after.center[1] > box.center[1] else -1
