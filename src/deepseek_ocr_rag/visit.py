"""One visit to an open page: its picture at the size that shows its text, its words, what the embedded engine reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .errors import DeepSeekOCRError, EngineUnavailable
from .geometry import Box, inverse_turn
from .modes import Look, Plan, plan
from .recognition import EvidenceRequest, ImageRequest, LocalRequest, PageImage, PageRequest, Region, Word, Words

if TYPE_CHECKING:
    from PIL import Image

    from .engines.embedded.reading import Reading
    from .measure import Measured
    from .paging import OpenPage

CROP_DPI = 300
"""A part of a drawn page gets no more pixels than this for an inch of paper."""

CUT_SIDE = 800
"""Pixels of a tile's side in which gaps between lines are looked for."""

EVIDENCE_DPI = 150
EVIDENCE_SIDES = (1200, 2600)
"""Rows of ink are looked for at 150 dpi; the longer side of the picture has so many pixels at least and at most."""


def visit(page: OpenPage, request: PageRequest, *, name: str) -> PageImage:
    """Bring back of one page what ``request`` asks for.

    Raises:
        SourceError: If the page cannot be drawn or read.
        EngineUnavailable: If it needs an engine that is not there.
    """
    visited = PageImage(
        page_number=page.number,
        page_width=page.width,
        page_height=page.height,
        label=page.label,
        rotation=page.rotation,
        view=page.view,
        source=name,
    )
    if request.image is not None:
        visited = _with_picture(visited, page, request.image, request.crop)
    if request.words:
        visited = replace(visited, words=page.words())
    if request.local is not None:
        try:
            reading = _read(page, request.local)
        except DeepSeekOCRError as error:
            raise type(error)(error.message, source=name, page_number=page.number, hint=error.hint) from error
        visited = replace(
            visited,
            regions=reading.regions,
            engine=reading.engine,
            is_blank=reading.is_blank,
            warnings=reading.warnings,
        )
    if visited.is_blank and (said := page.trouble()):
        note = f"The page is blank, and drawing it went wrong ({said}): its content may be lost."
        visited = replace(visited, warnings=(*visited.warnings, note))
    return visited if request.evidence is None else _with_evidence(visited, page, request.evidence)


def _read(page: OpenPage, wish: LocalRequest) -> Reading:
    if not page.is_picture and page.mupdf is None:
        raise EngineUnavailable(
            "the embedded engine reads documents by PyMuPDF, which this renderer does without.",
            hint="Leave renderer=... away, or pass the engine of a server.",
        )
    from .engines.embedded.reading import read_page

    return read_page(page, wish)


def _with_picture(visited: PageImage, page: OpenPage, wish: ImageRequest, crop: Box | None) -> PageImage:
    from .paging import is_blank
    from .pixels import encode

    own = None
    if crop is not None:
        if is_blank(page):
            return replace(visited, is_blank=True)
        planned, drawn = _draw_part(page, wish, crop)
    else:
        seen = _measured(page, wish)
        planned = _planned(seen.look, wish)
        if seen.is_blank:
            return replace(visited, is_blank=True)
        drawn = _draw_upright(page, planned, seen)
        if seen.picture is None and is_blank(page, drawn):
            return replace(visited, is_blank=True)
        is_sent_whole = wish.media_type == "image/jpeg" and not planned.is_tiled
        own = _own_jpeg(page, drawn, seen) if is_sent_whole else None
        visited = replace(visited, turn=seen.turn, warnings=(*visited.warnings, *seen.warnings))
    drawn, tiles = _cut(drawn, planned, max_side=wish.max_side)
    return replace(
        visited,
        data=own or encode(drawn, media_type=wish.media_type, quality=wish.quality),
        media_type=wish.media_type,
        width=drawn.width,
        height=drawn.height,
        tiles=tiles,
        resolution=planned.reason,
    )


def _own_jpeg(page: OpenPage, drawn: Image.Image, seen: Measured) -> bytes | None:
    """The page's own JPEG, where it is what was drawn: it loses nothing by being compressed again."""
    from .pixels import shows

    if seen.turn or seen.look.pixels != max(drawn.size):
        return None
    data = page.jpeg()
    return data if data is not None and shows(data, drawn) else None


def _measured(page: OpenPage, wish: ImageRequest) -> Measured:
    from .measure import measure

    is_fixed = wish.long_side > 0 or (wish.resolution != "auto" and wish.parts == 1)
    return measure(page, upright=wish.upright, sizes=not is_fixed)


def _with_evidence(visited: PageImage, page: OpenPage, wish: EvidenceRequest) -> PageImage:
    """Rows of ink on the page's picture, turned upright; and by option what OCR reads, which may fail by itself."""
    from .inkrows import find_rows, part_around

    if wish.ocr is not None:
        try:
            reading = _read(page, wish.ocr)
            visited = replace(visited, read=Words.of(_words_read(reading.regions)), engine=reading.engine)
        except DeepSeekOCRError as error:
            visited = replace(visited, warnings=(*visited.warnings, f"OCR could not place its lines: {error.message}"))
    part = part_around(wish.boxes)
    if part is None:
        return replace(visited, turn=wish.turn)
    seen = part.turned(inverse_turn(wish.turn))
    share = max(page.width * seen.width, page.height * seen.height) / max(page.width, page.height, 1e-6)
    picture = page.picture(long_side=max(1, round(_evidence_side(page) * share)), part=seen)
    upright = picture.rotate(-wish.turn, expand=True) if wish.turn else picture
    return replace(visited, turn=wish.turn, inked=find_rows(upright, wish.boxes, part=part))


def _evidence_side(page: OpenPage) -> float:
    """Pixels of the page's longer side when rows of ink are looked for."""
    longer, shorter = max(page.width, page.height), max(1.0, min(page.width, page.height))
    side = EVIDENCE_SIDES[1] if page.is_picture else longer / 72 * EVIDENCE_DPI
    return min(max(side, EVIDENCE_SIDES[0]), EVIDENCE_SIDES[1] * max(1.0, longer / shorter / 1.5))


def _words_read(regions: Iterable[Region]) -> Iterator[Word]:
    """The words of regions; a line of which no words are known is one."""
    for region in regions:
        for line in region.lines:
            for part in line.words or (line,):
                yield Word(text=region.text[part.start : part.end], box=part.box)


def _draw_part(page: OpenPage, wish: ImageRequest, crop: Box) -> tuple[Plan, Image.Image]:
    """A part of the page as displayed, in no more pixels than are in it."""
    look = Look(width=page.width * crop.width, height=page.height * crop.height)
    longer = max(page.width, page.height)
    whole = page.pixels() or CROP_DPI / 72 * longer
    look = replace(look, pixels=max(1, round(whole * look.long / longer)))
    fixed = "gundam" if wish.resolution == "auto" else wish.resolution  # a part is not cut again
    planned = _planned(look, replace(wish, resolution=fixed))
    return planned, page.picture(long_side=planned.long_side, part=crop)


def _draw_upright(page: OpenPage, planned: Plan, seen: Measured) -> Image.Image:
    if seen.picture is not None and max(seen.picture.size) >= planned.long_side:
        return _scaled(seen.picture, planned.long_side / max(seen.picture.size))
    drawn = page.picture(long_side=planned.long_side)
    return drawn.rotate(-seen.turn, expand=True) if seen.turn else drawn


def _planned(look: Look, wish: ImageRequest) -> Plan:
    if not wish.long_side:
        return plan(look, resolution=wish.resolution, max_side=wish.max_side, parts=wish.parts)
    side = min(limit for limit in (wish.long_side, wish.max_side, look.pixels) if limit)
    limited = " (all that there is)" if side == look.pixels < wish.long_side else ""
    return Plan(mode="gundam", long_side=side, reason=f"{side} px along the longer side{limited}: as asked")


def _cut(drawn: Image.Image, planned: Plan, *, max_side: int) -> tuple[Image.Image, tuple[Box, ...]]:
    """Where the picture is to be cut; it is made smaller where a tile, with what it overlaps, is over the limit."""
    import numpy as np

    from .cutting import cut

    if not planned.is_tiled:
        return drawn, ()
    small = drawn.convert("L")
    small.thumbnail((CUT_SIDE * planned.columns, CUT_SIDE * planned.rows))
    tiles = cut(np.asarray(small), columns=planned.columns, rows=planned.rows)
    longest = max(max(tile.width * drawn.width, tile.height * drawn.height) for tile in tiles)
    return (_scaled(drawn, (max_side - 1) / longest) if 0 < max_side < longest else drawn), tiles


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    from PIL.Image import Resampling

    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Resampling.LANCZOS)
