"""The text layer of a PDF page: its words with their places, and whether it can be believed.

A layer is not believed when most of it cannot be seen (an OCR layer under or over a picture), when its glyphs have no
Unicode, or when it is a stamp on a scan. Such a page is read by OCR instead.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import pymupdf
from PIL import Image, ImageDraw, ImageStat

from ...geometry import QuarterTurn
from .piece import Piece

Verdict = Literal["text", "none", "hidden", "garbage", "picture", "sparse"]

Drawn = tuple[str, tuple[float, float, float, float]]
"""What is drawn (``fill-path``, ``fill-image``), and the box of it, as MuPDF logs it."""

GARBAGE_SHARE = 0.2
PICTURE_SHARE = 0.6
BLANK = 32
"""Codes up to the space are nothing that can be seen."""

PRIVATE = 0xE000
"""No code below the first private use area is garbage."""

STAMP_CHARACTERS = 60
"""Fewer visible characters away from the edges are a stamp or a page number, not the page's text."""

MUCH = 2 * STAMP_CHARACTERS
"""So many are more than a stamp, even where they are counted by spans."""

DRAWN = 16 | 32
"""What MuPDF says of characters that are filled or have an outline; others cannot be seen."""

EDGE = 0.08
"""Stamps, running heads and page numbers stand within this share of the page from an edge."""

INK_BESIDE = 4.0
"""With this many times more ink beside the words than under them, a page with hardly any text is a drawing of one."""

_MATHS = re.compile(r"CMMI|CMSY|CMEX|MSAM|MSBM|EUFM|StandardSymL|MTMI|MTSY|MTEX|[Mm]ath")
"""Fonts that formulas are set in, by TeX and others."""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What a look at the layer tells: how far to believe it, and how the page must be turned to read upright."""

    verdict: Verdict
    turn: QuarterTurn = 0
    characters: int = 0
    formula: int = 0
    """How many of the characters are in a font of mathematical signs."""
    drawn: Sequence[Drawn] = ()
    """All that is drawn on the page, in that order."""


def inspect_layer(page: Any) -> LayerReport:
    """Judge the text layer of a MuPDF page whose rotation is 0; ``turn`` is clockwise, relative to that frame."""
    rect = page.rect
    frame = (rect.x0, rect.y0, rect.x1, rect.y1)  # read once: PyMuPDF computes a page's rectangle at each look
    drawn = page.get_bboxlog()
    picture_share, cover = _pictures(drawn, rect, abs(rect.width * rect.height) or 1.0)
    visible = hidden = garbage = formula = 0
    shown: list[Sequence[Any]] = []
    directions: Counter[QuarterTurn] = Counter()
    for span in page.get_texttrace():
        characters = _seen_characters(span, frame)
        if span["type"] == 3 or span["opacity"] == 0 or span["seqno"] < cover:
            hidden += len(characters)
            continue
        visible += len(characters)
        shown.append(characters)
        formula += len(characters) if _is_maths(span["font"]) else 0
        if max((char[0] for char in characters), default=0) >= PRIVATE:
            garbage += sum(1 for char in characters if _is_garbage(char[0]))
        directions[_turn_of(span["dir"])] += len(characters)
    turn = directions.most_common(1)[0][0] if directions else 0
    verdict = _verdict(visible, hidden, garbage)
    if verdict == "text" and not _fills_page(shown, rect):
        if picture_share >= PICTURE_SHARE:
            verdict = "picture"
        elif _is_drawn(page, [char[3] for characters in shown for char in characters]):
            verdict = "sparse"
    return LayerReport(verdict, turn, visible, formula, drawn)


def _seen_characters(span: dict[str, Any], frame: tuple[float, float, float, float]) -> Sequence[Any]:
    """A span's characters but for blanks and those that stand off the page; most spans are on it as a whole."""
    left, top, right, bottom = frame
    x0, y0, x1, y1 = span["bbox"]
    if left <= x0 and x1 <= right and top <= y0 and y1 <= bottom:
        return [char for char in span["chars"] if char[0] > BLANK]
    return [
        char
        for char in span["chars"]
        if char[0] > BLANK
        and left <= (char[3][0] + char[3][2]) / 2 <= right
        and top <= (char[3][1] + char[3][3]) / 2 <= bottom
    ]


def _fills_page(shown: Iterable[Sequence[Any]], rect: Any) -> bool:
    """Whether there is more away from the edges than a stamp has; it is known after a few characters as a rule."""
    width, height = rect.width or 1, rect.height or 1
    inner = (char for characters in shown for char in characters if _is_inner(char[3], width, height))
    return next(islice(inner, STAMP_CHARACTERS - 1, None), None) is not None


def read_pieces(page: Any) -> list[Piece]:
    """The words of a MuPDF page that reads upright, in the order of the file."""
    text = _text_page(page)
    return _pieces(page, text, text.extractDICT()["blocks"])


def glance(page: Any) -> tuple[LayerReport, list[Piece]] | None:
    """What :func:`inspect_layer` and :func:`read_pieces` say of a page that reads upright, at half of their price.

    None where it takes a closer look to believe the layer: where something is hidden, has no Unicode, lies under a
    picture or runs another way, or is little.
    """
    rect = page.rect
    drawn = page.get_bboxlog()
    if _pictures(drawn, rect, abs(rect.width * rect.height) or 1.0)[0] >= PICTURE_SHARE:
        return None
    text = _text_page(page)
    blocks = text.extractDICT()["blocks"]
    visible = formula = inner = 0
    for line in (line for block in blocks for line in block.get("lines", ())):
        turned = 0
        for span in line["spans"]:
            count = len("".join(span["text"].split()))
            if (count and not (span["alpha"] and span["char_flags"] & DRAWN)) or not _is_plain(span["text"]):
                return None
            turned += count if line["dir"][0] < 0.9 else 0
            visible += count
            formula += count if _is_maths(span["font"]) else 0
            inner += count if inner < MUCH and _is_inner(span["bbox"], rect.width, rect.height) else 0
        if turned:
            return None
    if inner < MUCH:
        return None
    return LayerReport("text", 0, visible, formula, drawn), _pieces(page, text, blocks)


def _text_page(page: Any) -> Any:
    # Not made of a display list, which is quicker but leaves blanks out that are drawn by themselves, and joins words.
    return page.get_textpage(flags=pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP)


def _is_plain(text: str) -> bool:
    return text.isascii() or not any(_is_garbage(ord(char)) for char in text)


def _pieces(page: Any, text: Any, blocks: Sequence[dict[str, Any]]) -> list[Piece]:
    """Words and spans together tell all that the characters do, which are thousands."""
    rows: dict[tuple[int, int], list[Any]] = {}
    for row in text.extractWORDS():
        rows.setdefault((row[5], row[6]), []).append(row)
    raw: list[dict[str, Any]] = []
    pieces: list[Piece] = []
    line_number = 0
    for block_number, block in enumerate(blocks):
        for at, line in enumerate(block.get("lines", ())):
            line_number += 1
            words = rows.get((block_number, at), [])
            if [row[4] for row in words] == "".join([span["text"] for span in line["spans"]]).split():
                pieces += _placed_words(words, line["spans"], line_number, block_number)
            else:  # the two do not agree on what a blank is, or on a character that has none
                raw = raw or text.extractRAWDICT()["blocks"]
                pieces += _words_of(raw[block_number]["lines"][at], line_number, block_number)
    left, top, right, bottom = (2 * side for side in page.rect)
    return [each for each in pieces if left <= each.x0 + each.x1 <= right and top <= each.y0 + each.y1 <= bottom]


def _placed_words(words: Sequence[Any], spans: Sequence[dict[str, Any]], line: int, block: int) -> Iterator[Piece]:
    """The words of a line with the looks of its spans; a word may change its font in the middle."""
    looks = [
        (
            len(span["text"]) - sum(map(str.isspace, span["text"])),
            span["size"],
            bool(span["flags"] & pymupdf.TEXT_FONT_BOLD),
            bool(span["flags"] & pymupdf.TEXT_FONT_MONOSPACED),
        )
        for span in spans
    ]
    at, (rest, size, bold, mono) = 0, looks[0]
    for x0, y0, x1, y1, text, *_ in words:
        while rest == 0:
            at += 1
            rest, size, bold, mono = looks[at]
        first_size, first_mono, left, bold_letters = size, mono, len(text), 0
        while left > rest:
            bold_letters += bold * rest
            left -= rest
            at += 1
            rest, size, bold, mono = looks[at]
        rest -= left
        bold_letters += bold * left
        shown = text if text.isprintable() else _without_controls(text)
        if shown:
            yield Piece(shown, x0, y0, x1, y1, first_size, line, block, 2 * bold_letters > len(text), first_mono)


def _without_controls(text: str) -> str:
    """Soft hyphens and joiners stay: the one tells how lines meet, the others are part of Persian and Indic words."""
    return "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cs"))


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
    text = _without_controls("".join(char["c"] for char, _ in letters))
    if not text:
        return
    x0, y0, x1, y1 = zip(*(char["bbox"] for char, _ in letters), strict=True)
    span = letters[0][1]
    bold = sum(bool(each["flags"] & pymupdf.TEXT_FONT_BOLD) for _, each in letters)
    yield Piece(
        text=text,
        x0=min(x0),
        y0=min(y0),
        x1=max(x1),
        y1=max(y1),
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


@lru_cache(maxsize=512)
def _is_maths(font: str) -> bool:
    return _MATHS.search(font) is not None


def _is_inner(box: Any, width: float, height: float) -> bool:
    x, y = (box[0] + box[2]) / 2 / width, (box[1] + box[3]) / 2 / height
    return bool(EDGE < x < 1 - EDGE and EDGE < y < 1 - EDGE)


def _is_garbage(code: int) -> bool:
    """No Unicode for the glyph, or one from the private use areas, which says nothing."""
    return code == 0xFFFD or PRIVATE <= code <= 0xF8FF or code >= 0xF0000


def _turn_of(direction: tuple[float, float]) -> QuarterTurn:
    """The clockwise turn that makes text of this writing direction read from left to right (y down)."""
    x, y = direction
    if abs(x) >= abs(y):
        return 0 if x >= 0 else 180
    return 270 if y > 0 else 90
