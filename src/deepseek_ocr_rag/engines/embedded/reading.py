"""The embedded engine, as it runs inside the worker process: a page in, labelled regions out, offline.

Pages with a text layer that can be believed are read from it; all others by OCR. Both ways end in the same layout
model, or for text by choice in geometry alone, and in boxes as fractions of the page as displayed, whichever way up the
text stands on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from ...document import Table
from ...errors import EngineUnavailable
from ...geometry import Box, QuarterTurn, inverse_turn
from ...mupdf import MuPdfPage
from ...paging import MAX_SIDE, OpenPage, is_blank
from ...pixels import encode
from ...recognition import LocalRequest, Quality, Region
from .judge import needs_model
from .layout import find_regions, picture_page
from .ocr import Reader, find_reader
from .piece import Piece
from .quick import quick_regions, sketch
from .textlayer import LayerReport, glance, inspect_layer, read_pieces

__all__ = ["Reading", "read_page"]

LAYOUT_SIDE = 842.0
"""The layout model knows pages of about A4 in points; pictures are shown to it at that size."""

MIN_SKEW, MAX_SKEW = 0.15, 12.0
"""Degrees between which a scan is straightened: less does not matter, more is no accident of the scanner."""

STRIP = 3.0
"""Pictures this many times as high as wide are read piece by piece."""

TILE_LINES = 10_000
"""Numbers of lines that each piece of a strip has to itself."""

REASONS = {
    "none": "the page has no text layer",
    "hidden": "its text layer cannot be seen (OCR of somebody else under the picture)",
    "garbage": "its text layer has no Unicode for most glyphs",
    "picture": "the page is a picture with a stamp of text",
    "sparse": "hardly any of what is drawn on the page is text",
}


WITHOUT_OCR = {
    "hidden": "Read from a hidden text layer, because no OCR engine is installed; its text may be wrong.",
    "sparse": "Only the text layer was read, because no OCR engine is installed; most of the page is drawn.",
}
"""Layers that are better than nothing where OCR is not installed, and what is said then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the embedded engine found on one page; ``engine`` says how it read it."""

    regions: tuple[Region, ...]
    engine: str
    is_blank: bool = False
    warnings: tuple[str, ...] = ()


def read_page(page: OpenPage, request: LocalRequest) -> Reading:
    """Read a page offline.

    Raises:
        EngineUnavailable: If the page needs OCR and none is installed, or none was allowed.
    """
    may_glance = request.quality != "best" and not request.force_ocr and page.mupdf is not None and not page.rotation
    if may_glance and (plain := glance(page.mupdf)) is not None:
        return _structured(page.mupdf, *plain, request.quality)
    report = inspect_layer(page.mupdf) if page.mupdf is not None else LayerReport("none")
    if report.verdict == "text" and not request.force_ocr:
        return _read_layer(page, report, request.quality)
    if is_blank(page):
        return Reading(regions=(), engine="local/blank", is_blank=True)
    try:
        reader = find_reader(request.ocr, language=request.language, threads=request.threads)
    except EngineUnavailable as error:
        if report.verdict in WITHOUT_OCR and request.ocr == "auto":
            return replace(
                _read_layer(page, report, request.quality), warnings=(f"{WITHOUT_OCR[report.verdict]} {error.hint}",)
            )
        raise EngineUnavailable(
            f"{REASONS.get(report.verdict, 'OCR was asked for')}. {error.message}", hint=error.hint
        ) from error
    seen = _read_picture(page, reader, request)
    heard = _letters(seen)
    if report.verdict != "none" and (heard < report.characters if report.verdict == "sparse" else heard == 0):
        # A script that the OCR does not know, or letters too large for it: the layer says more than it could see.
        return replace(
            _read_layer(page, report, request.quality),
            warnings=("Read from the text layer: OCR saw less than it says.",),
        )
    return seen


def _letters(reading: Reading) -> int:
    return sum(len("".join(region.text.split())) for region in reading.regions)


def _read_layer(page: OpenPage, report: LayerReport, quality: Quality) -> Reading:
    assert isinstance(page, MuPdfPage)  # noqa: S101 - only MuPDF pages have a layer; this tells the type checker
    turn = _quarter(report.turn - page.rotation)
    upright = page.turned_upright(turn)
    if upright is not page.mupdf and quality != "best":
        report = replace(report, drawn=upright.get_bboxlog())
    reading = _structured(upright, report, read_pieces(upright), quality)
    return replace(reading, regions=_displayed(reading.regions, turn))


def _structured(upright: Any, report: LayerReport, pieces: list[Piece], quality: Quality) -> Reading:
    """The regions of a page that reads upright, by geometry where that is asked for or will do, else by the model."""
    if quality != "best":
        found = sketch(upright, pieces, report.drawn)
        if quality == "fast" or not needs_model(found, report, pieces):
            return Reading(regions=tuple(quick_regions(upright, found, pieces)), engine="local/text-layer-fast")
    return Reading(regions=tuple(find_regions(upright, pieces, source="text_layer")), engine="local/text-layer")


def _read_picture(page: OpenPage, reader: Reader, request: LocalRequest) -> Reading:
    picture = page.picture(long_side=_resolution(page, request.dpi))
    turn = 0 if _is_strip(picture) else reader.turn(picture)
    if turn:
        picture = picture.rotate(-turn, expand=True)
    skew = 0.0 if _is_strip(picture) else reader.skew(picture)
    if MIN_SKEW <= abs(skew) <= MAX_SKEW:
        picture = picture.rotate(skew, resample=Image.Resampling.BICUBIC, fillcolor="white")
    else:
        skew = 0.0
    scale = LAYOUT_SIDE / max(picture.size)
    pieces = [_scaled(piece, scale) for piece in _read_words(reader, picture)]
    data = encode(picture, media_type="image/jpeg", quality=80)
    upright = picture_page(picture.width * scale, picture.height * scale, pieces, data)
    regions = find_regions(upright, pieces, source="ocr", skew=skew)
    notes = () if pieces else ("OCR found no text although the page is not blank.",)
    return Reading(regions=_displayed(regions, turn), engine=f"local/{reader.name}", warnings=notes)


def _resolution(page: OpenPage, dpi: int) -> int:
    """Pixels of the longer side: ``dpi`` for documents, a good page's worth for pictures, more for long strips."""
    aspect = max(page.width, page.height) / max(1.0, min(page.width, page.height))
    if page.mupdf is None:
        return round(min(MAX_SIDE, 2500 * max(1.0, aspect / 1.5)))
    return round(min(max(max(page.width, page.height) / 72 * dpi, 600), 3000 * max(1.0, aspect / 1.5), MAX_SIDE))


def _is_strip(picture: Image.Image) -> bool:
    return picture.height > STRIP * picture.width


def _read_words(reader: Reader, picture: Image.Image) -> list[Piece]:
    """Read a picture; a long strip (a screenshot, a receipt) in overlapping pieces, or its print would be too small.

    A word counts in the piece whose own part, without the overlap, holds its middle.
    """
    if not _is_strip(picture):
        return reader.read(picture)
    step, overlap = round(1.4 * picture.width), round(0.1 * picture.width)
    found: list[Piece] = []
    for number, top in enumerate(range(0, picture.height, step)):
        first = max(0, top - overlap)
        tile = picture.crop((0, first, picture.width, min(picture.height, top + step + overlap)))
        for piece in reader.read(tile):
            moved = replace(piece, y0=piece.y0 + first, y1=piece.y1 + first, line=piece.line + number * TILE_LINES)
            if top <= moved.middle[1] < top + step:
                found.append(moved)
    return found


def _scaled(piece: Piece, scale: float) -> Piece:
    return replace(
        piece,
        x0=piece.x0 * scale,
        y0=piece.y0 * scale,
        x1=piece.x1 * scale,
        y1=piece.y1 * scale,
        size=piece.size * scale,
    )


def _displayed(regions: Sequence[Region], turn: QuarterTurn) -> tuple[Region, ...]:
    """Turn boxes from the upright page back to the page as displayed."""
    back = inverse_turn(turn)
    return tuple(regions) if turn == 0 else tuple(_turned(region, back) for region in regions)


def _turned(region: Region, back: QuarterTurn) -> Region:
    return replace(
        region,
        boxes=tuple(box.turned(back) for box in region.boxes),
        lines=tuple(line.turned(back) for line in region.lines),
        table=_turned_table(region.table, back),
    )


def _turned_table(table: Table | None, back: QuarterTurn) -> Table | None:
    if table is None:
        return None
    cells = tuple(replace(cell, box=_turned_box(cell.box, back)) for cell in table.cells)
    return replace(table, cells=cells)


def _turned_box(box: Box | None, back: QuarterTurn) -> Box | None:
    return box.turned(back) if box is not None else None


def _quarter(degrees: int) -> QuarterTurn:
    turns: dict[int, QuarterTurn] = {90: 90, 180: 180, 270: 270}
    return turns.get(degrees % 360, 0)
