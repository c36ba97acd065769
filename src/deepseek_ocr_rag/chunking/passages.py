"""Markdown from anywhere becomes parts, in one pass: its blocks as they are written, each with its place in the text.

Empty lines separate blocks, and so do lines that open something of their own: a heading, code, a table, a formula, an
item of a list. Python looks only at those lines; the rest of the text is passed over by regular expressions, each of
which is linear in it. What is opened and never closed ends with its lines, code alone with the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..document import BlockKind
from ..tables import is_rule_line
from .breaks import trim
from .parts import Grid, Group, Keep, Part

LONGEST_TITLE = 200
"""Characters of an underlined heading; a longer line over ``---`` is text."""
DEEPEST_TABLE = 8
"""Tags of tables that are looked at to find the end of one that has others inside."""

_GAP = re.compile(r"\n(?:[^\S\n]*\n)+")
_OPENS = (
    r"(?:(?P<heading>\#{1,6}[ \t]{1,8}(?=\S))"
    r"|[ \t]{0,12}(?:(?P<fence>`{3,}(?!`)(?=[^`\n]*(?:\n|\Z))|~{3,}(?!~)(?=[^`\n]*(?:\n|\Z)))|(?P<pipe>\|)"
    r"|(?P<html><[tT][aA][bB][lL][eE]\b)|(?P<formula>\$\$|\\\[))"
    r"|[ \t]{0,40}(?P<item>(?:[-*+]|[0-9]{1,3}[.)])[ \t])"
    r"|(?P<underline>={2,}|-{3,})[ \t\r]*(?=\n|\Z)"
    r"|(?P<rule>:?-{1,40}:?[ \t]*\|[-:| \t]*)\r?(?=\n|\Z))"
)
_FIRST = re.compile(_OPENS)
_NEXT = re.compile(r"\n" + _OPENS)
_CLOSING = re.compile(r" #{1,6}$")
_HTML_TABLE = re.compile(r"<(/?)table\b[^<>]*>?", re.IGNORECASE)
_HTML_ROW_END = re.compile(r"</tr\s{0,8}>", re.IGNORECASE)
_FENCE_ENDS = {
    "`": re.compile(r"\n[ \t]{0,12}(`{3,})[ \t\r]*(?=\n|\Z)"),
    "~": re.compile(r"\n[ \t]{0,12}(~{3,})[ \t\r]*(?=\n|\Z)"),
}


def passages(text: str) -> Iterator[Group]:
    """The blocks of a markdown, each as a group of its own."""
    at, end, kind = 0, 0, BlockKind.PARAGRAPH
    while at < len(text):
        gap = _GAP.search(text, at)
        run = _Run(text, at, gap.start() if gap else len(text))
        for part in run.parts():
            is_item = kind is part.kind is BlockKind.LIST_ITEM
            is_apart = text[end : part.start].count("\n") > 1 + part.before.count("\n")
            part.glue = "\n\n" if is_apart and not is_item else "\n"
            end, kind = part.end + len(part.after), part.kind
            yield (part,)
        # Code and tables may have gone on over the gap.
        at = gap.end() if gap and run.end == gap.start() else run.end + 1


@dataclass(slots=True)
class _Run:
    """Lines up to the next empty one, or further if something is open there."""

    text: str
    start: int
    """Where what has not been given yet begins."""
    end: int
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
            indent = "" if kind is BlockKind.PARAGRAPH else text[max(begin, text.rfind("\n", begin, start) + 1) : start]
            yield Part(text, start, last, kind, before=indent)

    # What opens: where it begins and ends, and its part; None where it is none after all.

    def heading(self, match: re.Match[str], line: int) -> tuple[int, int, Part] | None:
        end = self._line_end(match.end())
        start, last = trim(self.text, line, end)
        words = " ".join(self.text[match.end() : last].split())
        level = self.text.count("#", line, match.end())
        return line, end, self._heading(start, last, _CLOSING.sub("", words), level)

    def underline(self, match: re.Match[str], line: int) -> tuple[int, int, Part] | None:
        """A heading of one line, underlined; the line must be the first after a block."""
        start, last = trim(self.text, self.start, max(self.start, line - 1))
        is_title = start < last <= start + LONGEST_TITLE and self.text.find("\n", start, last) < 0
        if not is_title or self.kind is not BlockKind.PARAGRAPH:
            return None
        title = " ".join(self.text[start:last].split())
        end = match.end("underline")
        level = 1 if self.text[line] == "=" else 2
        return self.start, self._line_end(end), self._heading(start, end, title, level)

    def _heading(self, start: int, end: int, title: str, level: int) -> Part:
        kind = BlockKind.HEADING
        return Part(self.text, start, end, kind, keep=Keep.ALWAYS, title=title, level=level)

    def fence(self, match: re.Match[str], line: int) -> tuple[int, int, Part]:
        """Code, shown between its fences; where there is none, they are code as well."""
        text, mark = self.text, match["fence"]
        opened = self._line_end(match.end(), len(text))
        closing = next((end for end in _FENCE_ENDS[mark[0]].finditer(text, opened) if len(end[1]) >= len(mark)), None)
        end = closing.end() if closing else len(text)
        inner, last = opened + 1, closing.start() if closing else len(text)
        if inner >= last or text[inner:last].isspace():
            start, stop = trim(text, line, end)
            return line, self._line_end(end, len(text)), Part(text, start, stop, BlockKind.CODE)
        part = Part(text, inner, last, BlockKind.CODE, before=text[line:inner].lstrip(" \t"), after=text[last:end])
        return line, self._line_end(end, len(text)), part

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
        if row and row.end() < last:
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
    "pipe": _Run.pipe,
    "rule": _Run.rule,
}
