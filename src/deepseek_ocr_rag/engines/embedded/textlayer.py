"""The text layer of a PDF page: its words with their places, and whether it can be believed.

A layer is not believed when most of it cannot be seen (an OCR layer under or over a picture), when its glyphs have no
Unicode, or when it is a stamp on a scan. Such a page is read by OCR instead.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pymupdf
from PIL import Image, ImageDraw, ImageStat

from ...geometry import QuarterTurn

Verdict = Literal["text", "none", "hidden", "garbage", "picture", "sparse"]

GARBAGE_SHARE = 0.2
PICTURE_SHARE = 0.6
STAMP_CHARACTERS = 60
"""Fewer visible characters away from the edges are a stamp or a page number, not the page's text."""

EDGE = 0.08
"""Stamps, running heads and page numbers stand within this share of the page from an edge."""

INK_BESIDE = 4.0
"""With this many times more ink beside the words than under them, a page with hardly any text is a drawing of one."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A word (or an OCR word) in points of the page that it was read from, origin top left."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    line: int
    """Pieces of the same number were written as one line."""
    block: int
    bold: bool = False
    mono: bool = False
    is_placed: bool = True
    """Whether the box is the word's own, and not a share of its line's."""

    @property
    def middle(self) -> tuple[float, float]:
        """Centre of the piece."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What a look at the layer tells: how far to believe it, and how the page must be turned to read upright."""

    verdict: Verdict
    turn: QuarterTurn = 0
    characters: int = 0


def inspect_layer(page: Any) -> LayerReport:
    """Judge the text layer of a MuPDF page whose rotation is 0; ``turn`` is clockwise, relative to that frame."""
    drawn = page.get_bboxlog()
    area = abs(page.rect.width * page.rect.height) or 1.0
    picture_share, cover = _pictures(drawn, page.rect, area)
    visible = hidden = garbage = inner = 0
    words: list[Any] = []
    directions: Counter[QuarterTurn] = Counter()
    for span in page.get_texttrace():
        characters = [char for char in span["chars"] if char[0] > 32 and _on_page(char[3], page.rect)]
        if span["type"] == 3 or span["opacity"] == 0 or span["seqno"] < cover:
            hidden += len(characters)
            continue
        visible += len(characters)
        words += [char[3] for char in characters]
        inner += sum(1 for char in characters if _is_inner(char[3], page.rect))
        garbage += sum(1 for char in characters if _is_garbage(char[0]))
        directions[_turn_of(span["dir"])] += len(characters)
    turn = directions.most_common(1)[0][0] if directions else 0
    verdict = _verdict(visible, hidden, garbage)
    if verdict == "text" and inner < STAMP_CHARACTERS:
        if picture_share >= PICTURE_SHARE:
            verdict = "picture"
        elif _is_drawn(page, words):
            verdict = "sparse"
    return LayerReport(verdict, turn, visible)


def read_pieces(page: Any) -> list[Piece]:
    """The words of a MuPDF page that reads upright, in the order of the file."""
    flags = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
    pieces: list[Piece] = []
    line_number = 0
    for block_number, block in enumerate(page.get_text("rawdict", flags=flags)["blocks"]):
        for line in block.get("lines", ()):
            line_number += 1
            pieces += _words_of(line, line_number, block_number)
    rect = page.rect
    return [piece for piece in pieces if _on_page((piece.x0, piece.y0, piece.x1, piece.y1), rect)]


def _words_of(line: dict[str, Any], line_number: int, block_number: int) -> Iterator[Piece]:
    """Cut a line at its blanks; a word may change its font in the middle."""
    word: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for span in line["spans"]:
        for char in span["chars"]:
            if char["c"].isspace():
                yield from _word(word, line_number, block_number)
                word = []
            else:
                word.append((char, span))
    yield from _word(word, line_number, block_number)


def _word(letters: list[tuple[dict[str, Any], dict[str, Any]]], line: int, block: int) -> Iterator[Piece]:
    # Soft hyphens and joiners stay: the one tells how lines meet, the others are part of Persian and Indic words.
    text = "".join(char["c"] for char, _ in letters if unicodedata.category(char["c"]) not in ("Cc", "Cs"))
    if not text:
        return
    boxes = [char["bbox"] for char, _ in letters]
    span = letters[0][1]
    bold = sum(bool(each["flags"] & pymupdf.TEXT_FONT_BOLD) for _, each in letters)
    yield Piece(
        text=text,
        x0=min(box[0] for box in boxes),
        y0=min(box[1] for box in boxes),
        x1=max(box[2] for box in boxes),
        y1=max(box[3] for box in boxes),
        size=float(span["size"]),
        line=line,
        block=block,
        bold=2 * bold > len(letters),
        mono=bool(span["flags"] & pymupdf.TEXT_FONT_MONOSPACED),
    )


def _pictures(drawn: list[Any], rect: Any, area: float) -> tuple[float, int]:
    """Share of the page under pictures, and the drawing step from which on text is on top of them."""
    share, cover = 0.0, -1
    for step, (kind, box) in enumerate(drawn):
        if kind not in ("fill-image", "fill-imgmask"):  # a scan of one bit is drawn as a mask
            continue
        common = pymupdf.Rect(box) & rect
        share += abs(common.width * common.height) / area if not common.is_empty else 0.0
        if share >= PICTURE_SHARE:
            cover = step  # a scan may be cut into strips: all of them together hide what was drawn before
    return min(1.0, share), cover


def _verdict(visible: int, hidden: int, garbage: int) -> Verdict:
    if visible + hidden == 0:
        return "none"
    if hidden > visible:
        return "hidden"
    if garbage > GARBAGE_SHARE * visible:
        return "garbage"
    return "text"


def _is_drawn(page: Any, words: list[Any]) -> bool:
    """Whether most of the ink is not under words: text turned into curves, or a picture that fills part of the page."""
    zoom = 50 / 72
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), alpha=False, colorspace=pymupdf.csGRAY)
    picture = Image.frombytes("L", (pixels.width, pixels.height), pixels.samples)
    paper = ImageStat.Stat(picture).median[0]
    everything = _ink(picture, paper)
    draw = ImageDraw.Draw(picture)
    for x0, y0, x1, y1 in words:
        draw.rectangle((x0 * zoom - 1, y0 * zoom - 1, x1 * zoom + 1, y1 * zoom + 1), fill=int(paper))
    beside = _ink(picture, paper)
    return beside > max(INK_BESIDE * (everything - beside), 0.003 * picture.width * picture.height)


def _ink(picture: Image.Image, paper: float) -> int:
    return sum(count for shade, count in enumerate(picture.histogram()) if abs(shade - paper) > 48)


def _is_inner(box: Any, rect: Any) -> bool:
    x, y = (box[0] + box[2]) / 2 / (rect.width or 1), (box[1] + box[3]) / 2 / (rect.height or 1)
    return bool(EDGE < x < 1 - EDGE and EDGE < y < 1 - EDGE)


def _is_garbage(code: int) -> bool:
    """No Unicode for the glyph, or one from the private use areas, which says nothing."""
    return code == 0xFFFD or 0xE000 <= code <= 0xF8FF or code >= 0xF0000


def _on_page(box: Any, rect: Any) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(rect.x0 <= x <= rect.x1 and rect.y0 <= y <= rect.y1)


def _turn_of(direction: tuple[float, float]) -> QuarterTurn:
    """The clockwise turn that makes text of this writing direction read from left to right (y down)."""
    x, y = direction
    if abs(x) >= abs(y):
        return 0 if x >= 0 else 180
    return 270 if y > 0 else 90
