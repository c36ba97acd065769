"""Words into lines, and lines into running text that still knows where each of its characters stands."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from ...document import Line, LineSource
from ...geometry import Box
from ...linewords import DIGITS, LineWords
from .order import reading_order
from .piece import Piece

Row = list[Piece]
"""The words of one visual line, from left to right."""

Extent = tuple[float, float, float, float]
"""Left, top, right and bottom of what a row shows, in points."""

ToBox = Callable[[Iterable[Piece]], Box]

BOLD_SHARE = 0.8
"""A text is bold where at least this share of its letters is."""

LIST_MARK = re.compile(r"(?:[•◦▪▫‣·●○■□◆➢➤✓–*-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])$")


def rows_of(pieces: Sequence[Piece]) -> list[Row]:
    """Bring words into visual lines, in reading order.

    Pieces of one written line stay together; written lines that stand side by side at a small distance (a number and
    its heading, a raised footnote mark) become one. Where a good part of the lines stand side by side, the words are
    columns that the layout model took for one region: then lines are not joined, and columns are read one by one.
    """
    written: dict[int, Row] = {}
    for piece in pieces:
        written.setdefault(piece.line, []).append(piece)
    rows: list[tuple[Row, Extent]] = []
    beside = 0
    measured = [(row, _extent(row)) for row in written.values()]
    for row, extent in sorted(measured, key=lambda entry: (entry[1][1] + entry[1][3], entry[0][0].x0)):
        near = next((at for at in range(len(rows) - 1, max(len(rows) - 4, -1), -1) if _level(rows[at][1], extent)), -1)
        beside += near >= 0
        if near >= 0 and _gap(rows[near][1], extent) < 4 * max([piece.size for piece in row]):
            joined = rows[near][0] + row
            rows[near] = (joined, _extent(joined))
        else:
            rows.append((list(row), extent))
    if beside > max(3, 0.3 * len(written)):
        return _column_rows(list(written.values()))
    return [_across(row) for row, _ in rows]


def _across(row: Row) -> Row:
    """Put written lines that became one in reading direction; inside each the file's order is the reader's."""
    parts: dict[int, Row] = {}
    for piece in row:
        parts.setdefault(piece.line, []).append(piece)
    if len(parts) == 1:
        return row
    letters = "".join(piece.text for piece in row)
    leftwards = sum(unicodedata.bidirectional(letter) in ("R", "AL") for letter in letters) * 2 > len(letters)
    ordered = sorted(parts.values(), key=lambda part: min(piece.x0 for piece in part), reverse=leftwards)
    return [piece for part in ordered for piece in part]


def runs_of(rows: Sequence[Row]) -> list[list[Row]]:
    """Cut lines where reading jumps up to the next column, so that a region never joins two columns."""
    runs: list[list[Row]] = []
    for row in rows:
        below = runs and _middle(row) > _middle(runs[-1][-1])
        if below:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _column_rows(rows: list[Row]) -> list[Row]:
    boxes = [(min(p.x0 for p in r), min(p.y0 for p in r), max(p.x1 for p in r), max(p.y1 for p in r)) for r in rows]
    gap = 0.5 * statistics.median(piece.size for row in rows for piece in row)
    return [rows[index] for index in reading_order(boxes, gap=gap)]


def running_text(rows: Sequence[Row], *, to_box: ToBox, source: LineSource, words: set[str]) -> tuple[str, list[Line]]:
    """Join lines to a paragraph. ``words`` are the page's words in lower case: the evidence for undoing a hyphen."""
    text = ""
    lines: list[Line] = []
    for row in rows:
        if lines:
            cut, glue = _seam(text, row[0].text, words)
            if cut:
                text = text[:-cut]
                lines[-1] = lines[-1].cut(0, len(text))
            text += glue
        added, line = line_of(row, _without_soft_hyphens(row), at=len(text), to_box=to_box, source=source)
        lines.append(line)
        text += added
    if text.endswith("\u00ad"):
        text = text[:-1]
        lines[-1] = lines[-1].cut(0, len(text))
    return text, lines


def line_of(row: Row, texts: Sequence[str], *, at: int, to_box: ToBox, source: LineSource) -> tuple[str, Line]:
    """A row's text, in which its words are written as ``texts`` has them, and the line that begins with it at ``at``.

    Words whose place is a guess are not among the line's words.
    """
    spans: list[int] = []
    sides: list[float] = []
    end = at
    for piece, shown in zip(row, texts, strict=True):
        if shown and piece.is_placed:
            spans += (end, end + len(shown))
            sides += [round(side, DIGITS) for side in to_box((piece,)).as_tuple()]
        end += len(shown) + 1
    text = " ".join(texts)
    return text, Line(start=at, end=at + len(text), box=to_box(row), source=source, words=LineWords(spans, sides))


def code_text(rows: Sequence[Row], *, to_box: ToBox, source: LineSource) -> tuple[str, list[Line]]:
    """Join lines of program text: line breaks and indentation are kept."""
    left = min(row[0].x0 for row in rows)
    widths = [(piece.x1 - piece.x0) / len(piece.text) for row in rows for piece in row]
    width = statistics.median(widths) or 1.0
    text = ""
    lines: list[Line] = []
    for row in rows:
        text += "\n" if lines else ""
        text += " " * min(80, round((row[0].x0 - left) / width))
        added, line = line_of(row, [piece.text for piece in row], at=len(text), to_box=to_box, source=source)
        lines.append(line)
        text += added
    return text, lines


def split_list(rows: Sequence[Row]) -> list[list[Row]]:
    """Cut the lines of a list at each line that begins with a bullet or a number."""
    items: list[list[Row]] = []
    for row in rows:
        if not items or LIST_MARK.match(row[0].text):
            items.append([])
        items[-1].append(row)
    return items


def font_size(pieces: Iterable[Piece]) -> float:
    """Median height of the letters in points."""
    return round(statistics.median(piece.size for piece in pieces), 2)


def is_bold(pieces: Sequence[Piece]) -> bool:
    """Whether the letters are bold; signs, and a formula in a bold heading, need not be."""
    letters = [(sum(map(str.isalnum, piece.text)), piece.bold) for piece in pieces]
    total = sum(count for count, _ in letters)
    return 0 < BOLD_SHARE * total <= sum(count for count, bold in letters if bold)


def is_wide(letter: str) -> bool:
    """Whether a letter belongs to a script that is written without spaces between lines (Chinese, Japanese)."""
    return unicodedata.east_asian_width(letter) in "WF" and not "가" <= letter <= "힣"


def _without_soft_hyphens(row: Row) -> list[str]:
    """The words of a line: soft hyphens are invisible in it; one at its end joins the word with the next line's."""
    texts = [piece.text for piece in row]
    if not any(["\u00ad" in text for text in texts]):  # noqa: C419 - a list is quicker
        return texts
    texts = [text.replace("\u00ad", "") for text in texts]
    if row[-1].text.endswith("\u00ad"):
        texts[-1] += "\u00ad"
    return texts


def _seam(text: str, following: str, words: set[str]) -> tuple[int, str]:
    """How two lines meet: how many characters of the first to drop, and what to put between."""
    if text.endswith("\u00ad"):
        return 1, ""
    if is_wide(text[-1]) and is_wide(following[0]):
        return 0, ""
    if text[-1] not in "-‐" or len(text) < 2 or not text[-2].isalnum():
        return 0, " "
    if text[-2].isalpha() and following[0].islower():
        left = text.rsplit(None, 1)[-1].lower()
        right = following.lower().rstrip(".,;:!?)")
        kept, joined = left + right in words, left[:-1] + right in words
        return (0, "") if kept and not joined else (1, "")
    return 0, "" if following[0].isalnum() else " "


def _middle(row: Row) -> float:
    return (min(piece.y0 for piece in row) + max(piece.y1 for piece in row)) / 2


def _extent(row: Row) -> Extent:
    return (
        min([piece.x0 for piece in row]),
        min([piece.y0 for piece in row]),
        max([piece.x1 for piece in row]),
        max([piece.y1 for piece in row]),
    )


def _level(one: Extent, other: Extent) -> bool:
    """Whether two rows stand on one line: they overlap by more than half of the lower one's height."""
    common = min(one[3], other[3]) - max(one[1], other[1])
    return common > 0.5 * min(one[3] - one[1], other[3] - other[1])


def _gap(one: Extent, other: Extent) -> float:
    """Horizontal distance between two rows, negative where they overlap."""
    return max(other[0] - one[2], one[0] - other[2])
