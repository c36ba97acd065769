"""A small typesetter for ``make_sample.py``: running text, lists, columns, footnotes and tables on upright pages.

It places every word itself, with the fonts that are inside PyMuPDF, so it knows where each word stands. All numbers
here are points from the page's top left corner. A word's box is as high as its font, as PDF readers have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import pymupdf

HYPHENS = """
    ac-cu-mu-lated af-ter-wards con-cen-tra-tion con-duc-tiv-ity con-tam-i-na-tion con-tin-u-ous de-scribes
    dif-fer-ently dis-charge dis-solved down-stream fer-til-iser in-ten-sive in-ter-po-lated in-ter-val lab-o-ra-tory
    meas-ured meas-ure-ment meas-ure-ments mem-brane neigh-bour neigh-bour-ing ni-trate oth-er-wise pro-gramme
    rec-om-mended sam-pling sta-tions tem-per-a-ture treat-ment trib-u-taries tur-bid-ity
"""
HYPHENATION = {word.replace("-", ""): word.split("-") for word in HYPHENS.split()}
"""Where words that often stand at a line's end may be broken."""

SOFT = "\u00ad"
"""Ends the first half of a broken word; printed as a hyphen."""

A4 = (595.0, 842.0)
MARGIN, HEAD, FOOT, GUTTER, CELL_PADDING = 72.0, 48.0, 42.0, 21.0, 4.0

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a kind of block is set; ``inset`` is left and right, ``keep`` the room that must follow on the page."""

    font: str = "tiro"
    size: float = 10.5
    leading: float = 14.2
    before: float = 0
    after: float = 7
    inset: tuple[float, float] = (0, 0)
    align: str = "justify"
    grey: float = 0
    keep: float = 0


STYLES = {
    "title": Style(font="hebo", size=21, leading=27, before=20, after=10, align="left"),
    "byline": Style(font="tiit", size=11.5, leading=16, after=16, align="left"),
    "heading2": Style(font="hebo", size=14, leading=18, before=13, after=5, align="left", keep=50),
    "heading3": Style(font="hebo", size=11.5, leading=15, before=8, after=3, align="left", keep=40),
    "heading4": Style(font="heit", size=10.5, leading=14, before=5, after=2, align="left", keep=40),
    "paragraph": Style(),
    "abstract": Style(inset=(28, 28)),
    "list_item": Style(inset=(18, 0), after=3),
    "formula": Style(font="tiit", size=12, leading=18, before=2, after=9, align="center"),
    "caption": Style(font="heit", size=9, leading=12, before=5, after=8, align="left"),
    "footnote": Style(size=8.5, leading=11, after=0),
    "cell": Style(font="helv", size=8.5, leading=15.5, align="left"),
    "header_cell": Style(font="hebo", size=8.5, leading=15.5, align="left"),
    "label": Style(font="helv", size=8, align="center"),
    "furniture": Style(font="helv", size=8, grey=0.3),
}


@cache
def font(name: str) -> pymupdf.Font:
    """One of the fonts that are built into PyMuPDF."""
    return pymupdf.Font(name)


def text_width(token: str, style: Style) -> float:
    """How wide a token is when printed."""
    return float(font(style.font).text_length(token.replace(SOFT, "-"), style.size))


def hull(boxes: Sequence[Bounds]) -> Bounds:
    """The smallest rectangle around all."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


class Block:
    """A block on one page: it prints its words and remembers where they went."""

    def __init__(self, page: pymupdf.Page, kind: str, *, level: int = 0, continues: bool = False) -> None:
        self.page, self.kind, self.level, self.continues = page, kind, level, continues
        self.words: list[tuple[str, Bounds]] = []
        self.lines: list[tuple[str, Bounds]] = []
        self.boxes: list[Bounds] = []
        self.rows: list[list[str]] = []
        self._line_start = self._part_start = 0

    def put(self, tokens: Sequence[str], style: Style, *, left: float, right: float, baseline: float) -> None:
        """Print tokens between ``left`` and ``right`` as ``style.align`` says; they join the line under way."""
        face, size = font(style.font), style.size
        widths = [text_width(token, style) for token in tokens]
        gap = text_width(" ", style)
        slack = right - left - sum(widths) - gap * (len(tokens) - 1)
        if style.align == "justify" and len(tokens) > 1:
            gap += slack / (len(tokens) - 1)
        x = left + slack * {"center": 0.5, "right": 1.0}.get(style.align, 0.0)
        writer = pymupdf.TextWriter(self.page.rect)
        for number, (token, width) in enumerate(zip(tokens, widths, strict=True), start=1):
            printed = token.replace(SOFT, "-") + (" " if number < len(tokens) else "")
            writer.append((x, baseline), printed, font=face, fontsize=size)
            box = (x, baseline - face.ascender * size, x + width, baseline - face.descender * size)
            self.words.append((token, box))
            x += width + gap
        writer.write_text(self.page, color=(style.grey,) * 3)

    def end_line(self) -> None:
        """The words since the last call are a line."""
        words = self.words[self._line_start :]
        self._line_start = len(self.words)
        self.lines.append((" ".join(token for token, _ in words), hull([box for _, box in words])))

    def end_part(self, *drawn: Bounds) -> None:
        """The lines since the last call, and what was drawn with them, make one box: a column's share, a grid."""
        self.boxes.append(hull([*(box for _, box in self.lines[self._part_start :]), *drawn]))
        self._part_start = len(self.lines)

    @property
    def text(self) -> str:
        """What the block says, with words made whole that were broken at a line's end."""
        joint = "\n" if self.kind in ("table", "figure") else " "
        return joint.join(line for line, _ in self.lines).replace(SOFT + " ", "").replace(SOFT, "-")


def break_lines(tokens: Sequence[str], style: Style, width: float) -> list[list[str]]:
    """Fill lines greedily; a word is broken only where its line would otherwise gape."""
    lines: list[list[str]] = [[]]
    room = width
    for token in tokens:
        rest = token
        if text_width(token, style) > room and lines[-1]:
            if style.align == "justify" and room > 0.06 * width:
                head, rest = split_word(token, style, room)
                lines[-1] += [head] if head else []
            lines.append([])
            room = width
        lines[-1].append(rest)
        room -= text_width(rest + " ", style)
    return lines


def split_word(token: str, style: Style, room: float) -> tuple[str, str]:
    """The longest first half that fits, and the rest; the first half is empty where nothing fits."""
    fitting = (halves for halves in halvings(token) if text_width(halves[0], style) <= room)
    return next(fitting, ("", token))


def halvings(token: str) -> Iterator[tuple[str, str]]:
    """The ways to break a word, the longest first half first."""
    parts = HYPHENATION.get(token.strip(".,;:()").lower(), [])
    start = token.lower().find("".join(parts))
    for count in range(len(parts) - 1, 0, -1):
        cut = start + len("".join(parts[:count]))
        yield token[:cut] + SOFT, token[cut:]


@dataclass
class Sheet:
    """One upright page; ``kind`` says how it will be published."""

    kind: str
    page: pymupdf.Page
    width: float
    height: float
    blocks: list[Block] = field(default_factory=list)


class Typesetter:
    """Lays blocks into frames, the rectangles that text flows through, and frames onto sheets."""

    def __init__(self, running_head: str) -> None:
        self.running_head = running_head
        self.book = pymupdf.open()
        self.sheets: list[Sheet] = []
        self.frames: list[Bounds] = []
        self.y = 0.0

    @property
    def room(self) -> float:
        """The height that is free in the frame under way."""
        return self.frames[0][3] - self.y

    def begin_sheet(self, kind: str) -> None:
        """Start a page, landscape if it will be turned, with its running head and page number."""
        width, height = A4[::-1] if "rotated" in kind else A4
        self.sheets.append(Sheet(kind, self.book.new_page(width=width, height=height), width, height))
        self.frames = [(MARGIN, MARGIN, width - MARGIN, height - MARGIN)]
        self.y = MARGIN
        if kind != "blank":
            self._furniture("page_header", self.running_head, HEAD)
            self._furniture("page_footer", str(len(self.sheets)), height - FOOT)

    def _furniture(self, kind: str, text: str, baseline: float) -> None:
        align = "left" if len(self.sheets) % 2 == 0 else "right"  # the outer edge, as in a book
        left, _, right, _ = self.frames[0]
        block = self.block(kind)
        block.put(text.split(), replace(STYLES["furniture"], align=align), left=left, right=right, baseline=baseline)
        block.end_line()
        block.end_part()

    def columns(self, height: str) -> None:
        """Open two columns of that height, with the full width below them; ``end`` goes on to the latter."""
        if height == "end":
            while len(self.frames) > 1:
                self.next_frame()
            return
        left, _, right, bottom = self.frames[0]
        end, middle = self.y + float(height), (left + right) / 2
        pair = [(left, self.y, middle - GUTTER / 2, end), (middle + GUTTER / 2, self.y, right, end)]
        self.frames = [*pair, (left, end + 10, right, bottom)]

    def next_frame(self) -> None:
        """Go on at the top of the next column, or of a new page."""
        self.frames.pop(0)
        if self.frames:
            self.y = self.frames[0][1]
        else:
            self.begin_sheet("digital")

    def make_room(self, height: float) -> None:
        """Go on in the next frame unless that height is free in this one."""
        if height > self.room:
            self.next_frame()

    def block(self, kind: str, *, level: int = 0, continues: bool = False) -> Block:
        """A new block on the page under way."""
        block = Block(self.sheets[-1].page, kind, level=level, continues=continues)
        self.sheets[-1].blocks.append(block)
        return block

    def text(self, kind: str, text: str, style: Style, *, level: int = 0, marker: str = "") -> None:
        """Set running text, over columns and pages where it must, never leaving one line of several alone."""
        tokens = text.split()
        self.y += style.before if self.y > self.frames[0][1] else 0
        self.make_room(
            (2 if len(break_lines(tokens, style, self._measure(style))) > 1 else 1) * style.leading + style.keep
        )
        block = self.block(kind, level=level)
        while tokens:
            lines = break_lines(tokens, style, self._measure(style))
            fitting = int((self.room + 0.01) // style.leading)
            taken = min(len(lines), fitting - (len(lines) == fitting + 1))
            for number, line in enumerate(lines[:taken], start=1):
                last = style.align == "justify" and number == len(lines)
                self._text_line(block, line, replace(style, align="left") if last else style, marker=marker)
                marker = ""
            block.end_part()
            tokens = [token for line in lines[taken:] for token in line]
            if tokens:
                sheets = len(self.sheets)
                self.next_frame()
                block = block if len(self.sheets) == sheets else self.block(kind, level=level, continues=True)
        self.y += style.after

    def _measure(self, style: Style) -> float:
        left, _, right, _ = self.frames[0]
        return right - left - sum(style.inset)

    def _text_line(self, block: Block, line: Sequence[str], style: Style, *, marker: str) -> None:
        left, _, right, _ = self.frames[0]
        self.y += style.leading
        baseline = self.y - 0.3 * style.leading
        if marker:
            block.put([marker], replace(style, align="left"), left=left + 4, right=right, baseline=baseline)
        block.put(line, style, left=left + style.inset[0], right=right - style.inset[1], baseline=baseline)
        block.end_line()

    def footnote(self, text: str) -> None:
        """Set a note at the foot of this page, under a short rule, and take its room from the text."""
        style = STYLES["footnote"]
        left, top, right, bottom = self.frames[-1]
        lines = break_lines(text.split(), style, right - left)
        above = bottom - len(lines) * style.leading
        block, y = self.block("footnote"), self.y
        block.page.draw_line((left, above - 3), (left + 90, above - 3), color=(0.4,) * 3, width=0.5)
        self.y = above
        for line in lines:
            self._text_line(block, line, replace(style, align="left"), marker="")
        block.end_part()
        self.y = y
        self.frames[-1] = (left, top, right, above - 12)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Set a grid over the frame's width; one that runs over the page's end says its header row again."""
        header, body = rows[0], list(rows[1:])
        continues = False
        while body:
            fitting = int(self.room // STYLES["cell"].leading) - 1
            if fitting < 3:
                self.next_frame()
                continue
            self._grid(self.block("table", continues=continues), [header, *body[:fitting]], self._edges(rows))
            body, continues = body[fitting:], True
        self.y += 12

    def _edges(self, rows: Sequence[Sequence[str]]) -> list[float]:
        """Where the columns meet: each as wide as its widest cell, and some of what is left over."""
        left, _, right, _ = self.frames[0]
        needs = [max(text_width(cell, STYLES["header_cell"]) for cell in column) for column in zip(*rows, strict=True)]
        spare = min(40, (right - left - sum(needs)) / len(needs))
        edges = [left]
        for need in needs:
            edges.append(edges[-1] + need + spare)
        return edges

    def _grid(self, block: Block, rows: Sequence[Sequence[str]], edges: Sequence[float]) -> None:
        height, top, left, right = STYLES["cell"].leading, self.y, edges[0], edges[-1]
        shape = block.page.new_shape()
        shape.draw_rect(pymupdf.Rect(left, top, right, top + height))
        shape.finish(color=None, fill=(0.9, 0.92, 0.94))
        for number in range(len(rows) + 1):
            shape.draw_line((left, top + number * height), (right, top + number * height))
        for edge in edges:
            shape.draw_line((edge, top), (edge, top + len(rows) * height))
        shape.finish(color=(0.35, 0.35, 0.4), width=0.4)
        shape.commit()
        numeric = [all(re.fullmatch(r"-?[\d.,]+", cell) for cell in column[1:]) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows):
            self.y += height
            for cell, is_number, x0, x1 in zip(row, numeric, edges[:-1], edges[1:], strict=True):
                style = replace(STYLES["cell" if number else "header_cell"], align="right" if is_number else "left")
                block.put(cell.split(), style, left=x0 + CELL_PADDING, right=x1 - CELL_PADDING, baseline=self.y - 4.8)
            block.end_line()
        block.rows = [list(row) for row in rows]
        block.end_part((left, top, right, self.y))
