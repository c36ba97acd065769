"""Page pictures as WebP: drawn in worker processes that can be killed, and kept on disk.

They show the page as displayed, which is the frame of all boxes, so a highlight lies where it would lie on the PDF.
"""

from __future__ import annotations

import asyncio
import io
import shutil
from pathlib import Path
from typing import Self

from deepseek_ocr_rag import ImageRequest, PageRequest
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.render import WorkerPool
from deepseek_ocr_rag.source import Source

from .store import Entry

WIDTHS = (400, 900, 1600, 2400)
"""Pixels of the longer side that can be had: a few, so that nobody fills the disk with all sizes."""

_QUALITY = 82


class Pictures:
    """Draws pages of the files in ``files``; use as an asynchronous context manager."""

    def __init__(self, files: Path, cache: Path, *, page_seconds: float = 60.0) -> None:
        self._files, self._cache = files, cache
        self._pool = WorkerPool(size=1, limits=Limits(page_seconds=page_seconds))

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._pool.__aexit__(None, None, None)

    def source(self, entry: Entry) -> Source:
        """The file that a document's pages are drawn from."""
        path = self._files / entry.shown
        return Source(name=entry.name, file_name=entry.name, path=path, media_type=entry.media_type, sha256=entry.id)

    async def page_count(self, source: Source) -> int:
        """How many pages a file has.

        Raises:
            SourceError: If it cannot be opened.
        """
        return (await self._pool.open(source)).page_count

    async def page(self, entry: Entry, number: int, *, width: int) -> bytes:
        """A page as WebP, its longer side the smallest of :data:`WIDTHS` that is enough.

        Raises:
            SourceError: If it cannot be drawn, or not in time.
        """
        side = next((known for known in WIDTHS if known >= width), WIDTHS[-1])
        kept = self._cache / entry.id / f"{number}-{side}.webp"
        if kept.is_file():
            return await asyncio.to_thread(kept.read_bytes)
        wish = ImageRequest(long_side=side, upright=False, media_type="image/png")
        image = await self._pool.visit(self.source(entry), number, PageRequest(image=wish))
        size = image.page_width, image.page_height
        data = await asyncio.to_thread(_webp, image.data, side, size)
        await asyncio.to_thread(_keep, kept, data)
        return data

    def forget(self, document: str) -> None:
        """Drop what is kept of a document."""
        shutil.rmtree(self._cache / document, ignore_errors=True)


def _webp(png: bytes, side: int, size: tuple[float, float]) -> bytes:
    """The picture in another format; of a blank page, of which none is drawn, a white one."""
    from PIL import Image

    out = io.BytesIO()
    if png:
        with Image.open(io.BytesIO(png)) as picture:
            picture.convert("RGB").save(out, "WEBP", quality=_QUALITY)
    else:
        scale = min(1.0, side / max(*size, 1.0)) if max(size) > side else 1.0
        shape = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        Image.new("RGB", shape, "white").save(out, "WEBP")
    return out.getvalue()


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_bytes(data)
    partial.replace(path)
