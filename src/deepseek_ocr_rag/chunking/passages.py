"""Markdown from anywhere becomes parts, in one pass: its blocks as they are written, each with its place in the text.

Empty lines separate blocks, and so do lines that open something of their own: a heading, code, a table, a formula, an
item of a list, a comment over lines. Python looks only at those lines; the rest of the text is passed over by regular
expressions, each of which is linear in it. What is opened and never closed ends with its lines, code alone with the
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..document import BlockKind
from ..tables import is_rule_line
from .breaks import DEEPEST_INDENT, ends_sentence, trim
from .parts import Grid, Group, Keep, Part
from .sections import title_of

LONGEST_TITLE = 200
"""Characters of an underlined heading; what is longer over ``---`` is text."""
DEEPEST_TABLE = 8
"""Tags of tables that are looked at to find the end of one that has others inside."""

_GAP = re.compile(r"\n(?:[^\S\n]*\n)+")
_OPENS = (
    r"(?:[ ]{0,3}(?P<heading>\#{1,6}[ \t]{1,8}(?=\S))"
    r"|[ \t]{0,12}(?:(?P<fence>`{3,}(?!`)(?=[^`\n]*(?:\n|\Z))|~{3,}(?!~)(?=[^`\n]*(?:\n|\Z)))|(?P<pipe>\|)"
    r"|(?P<html><[tT][aA][bB][lL][eE]\b)|(?P<raw><!--|<[pP][rR][eE]\b)|(?P<formula>\$\$|\\\[))"
    r"|[ \t]{0,40}(?P<item>(?:[-*+]|[0-9]{1,3}[.)])[ \t])"
    r"|(?P<underline>={2,}|-{3,})[ \t\r]*(?=\n|\Z)"
    r"|(?P<rule>:?-{1,40}:?[ \t]*\|[-:| \t]*)\r?(?=\n|\Z))"
)
_FIRST = re.compile(_OPENS)
_NEXT = re.compile(r"\n" + _OPENS)
_CLOSING = re.compile(r" #{1,6}$")
_HTML_TABLE = re.compile(r"<(/?)table\b[^<>]*>?", re.IGNORECASE)
_HTML_ROW_END = re.compile(r"</tr\s{0,8}>", re.IGNORECASE)
_HTML_HEADER = re.compile(r"<th(?:ead)?\b", re.IGNORECASE)
_RAW_ENDS = {"<!--": re.compile(r"-->"), "<pre": re.compile(r"</pre\s{0,8}>", re.IGNORECASE)}
_RULED = re.compile(r"[-=*_:|]{2}")
"""How a line begins that is no title: the first of the facts above a text, or a line drawn."""
_WITHIN_ITEMS = frozenset({BlockKind.PARAGRAPH, BlockKind.CODE})
"""What belongs to an item where it is indented below it."""
_FENCE_ENDS = {
    "`": re.compile(r"\n[ \t]{0,12}(`{3,})[ \t\r]*(?=\n|\Z)"),
    "~": re.compile(r"\n[ \t]{0,12}(~{3,})[ \t\r]*(?=\n|\Z)"),
}


def passages(text: str) -> Iterator[Group]:
    """The blocks of a markdown, each as a group of its own; a byte order mark before it is left out."""
    if "\n" in text or "\r" not in text:
        yield from ((part,) for part in _parts(text))
        return
    for part in _parts(text.replace("\r", "\n")):  # lines as old as that are still lines
        part.text = text
        if part.grid and part.grid.header:
            part.grid.header.text = text
        yield (part,)


def _parts(text: str) -> Iterator[Part]:
    """The parts, each as soon as it is known whether the next one belongs to the same item of a list."""
    waiting: Part | None = None
    within = False
    for part in _runs(text):
        if waiting is not None:
            is_item = waiting.kind is BlockKind.LIST_ITEM
            within = (within or is_item) and part.kind in _WITHIN_ITEMS and _is_indented(part)
            if within:
                waiting.keep = Keep.WHERE_IT_FITS
            is_listed = is_item and part.kind is BlockKind.LIST_ITEM
            start, end = part.begin if part.begin >= 0 else part.start, waiting.span[1]
            part.glue = "\n\n" if not is_listed and text.count("\n", end, start) > 1 else "\n"
            yield waiting
        waiting = part
    if waiting is not None:
        yield waiting


def _is_indented(part: Part) -> bool:
    return part.before[:1] == "\t" or part.before[:2] == "  "


def _runs(text: str) -> Iterator[Part]:
    at, unclosed = int(text.startswith("\ufeff")), set[str]()
    while at < len(text):
        gap = _GAP.search(text, at)
        run = _Run(text, at, gap.start() if gap else len(text), unclosed)
        yield from run.parts()
        # Code and tables may have gone on over the gap.
        at = gap.end() if gap and run.end == gap.start() else run.end + 1


@dataclass(slots=True)
class _Run:
    """Lines up to the next empty one, or further if something is open there."""

    text: str
    start: int
    """Where what has not been given yet begins."""
    end: int
    unclosed: set[str]
    """What is known to be closed nowhere in the rest of the text."""
    kind: BlockKind = BlockKind.PARAGRAPH
    """What has not been given yet: a paragraph or an item."""

    def parts(self) -> Iterator[Part]:
        look = self.start
        match = _FIRST.match(self.text, look, self.end) or self._next(look)
        while match:
            name = match.lastgroup or ""
            line = match.start() + (self.text[match.start()] == "\n")
            if name == "item":
                yield from self._flush(line)
                self.kind, look = BlockKind.LIST_ITEM, match.end()
            elif found := _READERS[name](self, match, line):
                begin, end, part = found
                yield from self._flush(begin)
                yield part
                self.start = look = end + 1
                self.end = max(self.end, end)
            else:
                look = match.end()
            match = self._next(look)
        yield from self._flush(self.end + 1)

    def _next(self, look: int) -> re.Match[str] | None:
        """The next line that opens something, at ``look`` if a line begins there."""
        return _NEXT.search(self.text, max(0, look - 1), self.end) if look < self.end else None

    def _flush(self, end: int) -> Iterator[Part]:
        """The paragraph or item that ends before the line at ``end``."""
        text, begin, kind = self.text, self.start, self.kind
        self.start, self.kind = end, BlockKind.PARAGRAPH
        start, last = trim(text, begin, min(end - 1, len(text)))
        if start < last:
            line = max(begin, text.rfind("\n", begin, start) + 1)
            indent = text[line:start]
            is_plain = 0 < start - line <= DEEPEST_INDENT and not indent.strip(" \t")
            yield (
                Part(text, start, last, kind, before=indent, begin=line) if is_plain else Part(text, start, last, kind)
            )

    # What opens: where it begins and ends, and its part; None where it is none after all.

    def heading(self, match: re.Match[str], line: int) -> tuple[int, int, Part] | None:
        if self.kind is BlockKind.LIST_ITEM and line < match.start("heading"):
            return None  # a line of the item
        end = self._line_end(match.end())
        start, last = trim(self.text, line, end)
        words = self.text[match.end() : last]
        level = self.text.count("#", line, match.end())
        return line, end, self._heading(start, last, _CLOSING.sub("", words), level)

    def underline(self, match: re.Match[str], line: int) -> tuple[int, int, Part] | None:
        """A heading of one line or two, underlined; the first after a block. Two that end a sentence are text."""
        text = self.text
        start, last = trim(text, self.start, max(self.start, line - 1))
        if not start < last <= start + LONGEST_TITLE or self.kind is not BlockKind.PARAGRAPH:
            return None
        breaks = text.count("\n", start, last)
        if breaks > 1 or (breaks and (ends_sentence(text, start, last) or _RULED.match(text, start))):
            return None
        end = match.end("underline")
        level = 1 if text[line] == "=" else 2
        return self.start, self._line_end(end), self._heading(start, end, text[start:last], level)

    def _heading(self, start: int, end: int, words: str, level: int) -> Part:
        kind = BlockKind.HEADING
        return Part(self.text, start, end, kind, keep=Keep.ALWAYS, title=title_of(words), level=level)

    def fence(self, match: re.Match[str], line: int) -> tuple[int, int, Part]:
        """Code, shown between its fences; where there is none, they are code as well."""
        text, mark = self.text, match["fence"]
        opened = self._line_end(match.end(), len(text))
        closing = next((end for end in _FENCE_ENDS[mark[0]].finditer(text, opened) if len(end[1]) >= len(mark)), None)
        end = closing.end(1) if closing else len(text)
        inner, last = opened + 1, closing.start() if closing else len(text)
        line_end = self._line_end(end, len(text))
        if inner >= last or text[inner:last].isspace():
            start, stop = trim(text, line, end)
            return line, line_end, Part(text, start, stop, BlockKind.CODE)
        part = Part(text, inner, trim(text, inner, last)[1], BlockKind.CODE)
        part.before, part.begin = text[line:inner], line
        if closing:
            part.after, part.finish = text[last:end], end
        return line, line_end, part

    def raw(self, match: re.Match[str], line: int) -> tuple[int, int, Part] | None:
        """A comment, or text that is set as it is, over several lines; what stands in it opens nothing."""
        name = match["raw"].lower()
        closing = None if name in self.unclosed else _RAW_ENDS[name].search(self.text, match.end())
        if closing is None:
            self.unclosed.add(name)
            return None
        if self.text.find("\n", line, closing.start()) < 0:
            return None
        end = self._line_end(closing.end(), len(self.text))
        start, last = trim(self.text, line, end)
        kind = BlockKind.CODE if name == "<pre" else BlockKind.OTHER
        return line, end, Part(self.text, start, last, kind)

    def formula(self, match: re.Match[str], line: int) -> tuple[int, int, Part] | None:
        closing = self.text.find("$$" if match["formula"] == "$$" else "\\]", match.end(), self.end)
        end = self._line_end(closing) if closing >= 0 else self.end
        start, last = trim(self.text, line, end)
        return line, end, Part(self.text, start, last, BlockKind.FORMULA)

    def html(self, match: re.Match[str], line: int) -> tuple[int, int, Part]:
        """A table in HTML, over empty lines too if it is closed after them."""
        text, depth, closed = self.text, 0, -1
        for number, tag in enumerate(_HTML_TABLE.finditer(text, match.start("html"))):
            depth += -1 if tag[1] else 1
            if not depth or number >= DEEPEST_TABLE:
                closed = tag.end() if not depth else -1
                break
        end = self._line_end(closed, len(text)) if closed >= 0 else self.end
        start, last = trim(text, line, end)
        grid = Grid(is_html=True)
        row = _HTML_ROW_END.search(text, start, last)
        if row and row.end() < last and _HTML_HEADER.search(text, start, row.end()):
            grid.header = Part(text, start, row.end(), BlockKind.TABLE, keep=Keep.ALWAYS)
        return line, end, Part(text, start, last, BlockKind.TABLE, grid=grid)

    def pipe(self, _: re.Match[str], line: int) -> tuple[int, int, Part] | None:
        """A table of lines that begin with a pipe: a header and a line under it, or two rows at least."""
        text, end, ends = self.text, line - 1, list[int]()
        while end < self.end and text[end + 1 : end + 14].lstrip(" \t").startswith("|"):
            end = self._line_end(end + 1)
            ends.append(end)
        return self._table(line, ends) if len(ends) > 1 else None

    def rule(self, _: re.Match[str], line: int) -> tuple[int, int, Part] | None:
        """A table without pipes at the edges, told by the line under its header."""
        begin = self.text.rfind("\n", self.start, line - 1) + 1 or self.start
        if line <= self.start or "|" not in self.text[begin:line]:
            return None
        ends = [line - 1, self._line_end(line)]
        while ends[-1] < self.end and self.text.find("|", ends[-1] + 1, self._line_end(ends[-1] + 1)) >= 0:
            ends.append(self._line_end(ends[-1] + 1))
        return self._table(begin, ends)

    def _table(self, begin: int, ends: list[int]) -> tuple[int, int, Part]:
        """A table in lines that end at ``ends``."""
        text, grid = self.text, Grid()
        start, last = trim(text, begin, ends[-1])
        if is_rule_line(text[ends[0] + 1 : ends[1]]):
            grid.header = Part(text, start, trim(text, start, ends[1])[1], BlockKind.TABLE, keep=Keep.ALWAYS)
        return begin, ends[-1], Part(text, start, last, BlockKind.TABLE, grid=grid)

    def _line_end(self, at: int, limit: int = -1) -> int:
        limit = self.end if limit < 0 else limit
        end = self.text.find("\n", at, limit)
        return limit if end < 0 else end


_READERS = {
    "heading": _Run.heading,
    "underline": _Run.underline,
    "fence": _Run.fence,
    "formula": _Run.formula,
    "html": _Run.html,
    "raw": _Run.raw,
    "pipe": _Run.pipe,
    "rule": _Run.rule,
}
