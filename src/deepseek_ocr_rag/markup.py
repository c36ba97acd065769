"""What a model writes about a piece of a page, taken apart: markdown, line by line, into parts of one kind each.

The model mixes markdown, LaTeX and a little HTML, and what it read may look like markup that it is not. So a line is
markup only where it can hardly be anything else, and only markup is dropped. Within a region that the model itself has
found on the page a heading must stand alone, since listings have lines that begin with ``#``, and a line of dashes is
what the page shows.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .document import BlockKind, Table
from .headrows import with_header
from .hypertext import unescape
from .syntax import BULLETS
from .tables import is_rule_line, parse_pipe_table, table_markdown

MOST_PARTS = 20_000
"""Parts of one text; what follows joins the last. An answer of 8192 tokens cannot have a quarter of it."""

_HASHES = re.compile(r"[ \t]{0,3}(#{1,6})[ \t]+(?=\S)")
_MARKER = re.compile(
    rf"[ \t]*(?:[-*+][ \t]|[{BULLETS}]|\(?\d{{1,3}}[.)][ \t]|\d{{1,3}}[．、]|\([A-Za-z]\)[ \t]|\([ivx]{{1,4}}\)[ \t])"
)
_INTERRUPTING = re.compile(rf"[ \t]*(?:[-*+][ \t]|[{BULLETS}]|\(?1[.)][ \t])")
_PAGE_NUMBER = re.compile(r"[ \t]*[-*][ \t]*\d{1,5}[ \t]*[-*][ \t]*")
_FENCE = re.compile(r"[ \t]*`{3,}[A-Za-z+#-]{0,16}[ \t]*")
_FENCE_END = re.compile(r"[ \t]*`{3,}[ \t]*")
_WRAPPER = re.compile(r"```[ \t]{0,8}(?:markdown|md|html|latex|tex)?[ \t]{0,8}", re.IGNORECASE)
_THEMATIC_BREAK = re.compile(r"[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*")
_FRAMED = re.compile(r"[ \t]*\|[^|]*\|.*\|[ \t]*")
_ENVIRONMENT = re.compile(
    r"[ \t]*\\begin\{((?:equation|align|gather|multline|eqnarray|array|cases|split|math|displaymath)\*?)\}"
)
_FORMULA_ENDS = {"$$": "$$", "\\[": "\\]"}
_LOOKALIKE = re.compile(r"<(?=\|)|\|(?=>)|\[(?=\[[ \n]{0,2}-?\d{1,9} {0,2}[, ] {0,2}-?\d)")
_SPLIT = re.compile(r"- (?<=[^\W\d_]{2}- )(?=[^\W\d_]{2})")  # hyphens are found soonest
_LAST_LETTERS = re.compile(r"[^\W\d_]{2,40}\Z")
_FIRST_LETTERS = re.compile(r"[^\W\d_]{2,40}")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+){0,4}")


class Part(NamedTuple):
    """A piece of a text, of one kind."""

    kind: BlockKind
    text: str
    level: int = 0
    table: Table | None = None


def page_text(text: str) -> str:
    """What the page says: entities resolved; what then looks like the model's own marks gets a blank in between."""
    return without_marks(unescape(text) if "&" in text else text)


def without_marks(text: str) -> str:
    """The text with a blank within ``<|``, ``|>`` and ``[[12, 34``: what is left of tags, or a page about them."""
    if "<|" in text or "|>" in text or "[[" in text:
        return _LOOKALIKE.sub(lambda match: match.group() + " ", text)
    return text


def words_of(text: str) -> set[str]:
    """The words of a text in lower case, hyphenated ones in one piece, as evidence for :func:`rejoined`."""
    return set(map(str.lower, _WORD.findall(text)))


def has_split_words(text: str) -> bool:
    """Whether there is a ``word- word``."""
    return _SPLIT.search(text) is not None


def rejoined(text: str, known: Container[str]) -> str:
    """Write ``lan- guage`` as ``language`` or ``lan-guage`` where ``known`` holds just one of the two.

    The model writes a hyphen and a blank for hyphens at line ends, and for real ones; without evidence both stay.
    """
    pieces, done = [], 0
    for at, first, second in _split_words(text):
        is_word, is_compound = (first + second).lower() in known, f"{first}-{second}".lower() in known
        if is_word != is_compound:
            pieces += [text[done:at], "" if is_word else "-"]
            done = at + 2
    return "".join((*pieces, text[done:]))


def _split_words(text: str) -> Iterator[tuple[int, str, str]]:
    """The places of the hyphens in ``word- word``, with the words before and behind; no word is in two pairs."""
    free = 0
    for gap in _SPLIT.finditer(text):
        at, then = gap.span()
        first, second = _LAST_LETTERS.search(text, max(free, at - 40), at), _FIRST_LETTERS.match(text, then)
        if first and second:
            free = second.end()
            yield at, first[0], second[0]


def without_wrapper(text: str) -> str:
    """An answer that general models put into one fence as a whole, without the fence."""
    opening, newline, body = text.strip().partition("\n")
    body = body.removesuffix("```").rstrip()
    return body if newline and _WRAPPER.fullmatch(opening) and "```" not in body else text


def take_heading(text: str) -> tuple[str, int, str]:
    """``(heading, number of its hashes, the rest)`` of a text that begins with a heading.

    The heading ends at an empty line, or before the next line with hashes: then the tag of what follows is lost.
    """
    lines = text.strip().split("\n")
    end = next((at for at in range(1, len(lines)) if not lines[at].strip() or _HASHES.match(lines[at])), len(lines))
    first = "\n".join(lines[:end])
    hashes = _HASHES.match(first)
    heading = first[hashes.end() :] if hashes else first
    return heading.strip(), len(hashes[1]) if hashes else 0, "\n".join(lines[end:]).strip()


def is_item(text: str) -> bool:
    """Whether a text begins with the mark of a list item."""
    return _MARKER.match(text) is not None and not _PAGE_NUMBER.fullmatch(text)


def without_fences(text: str) -> str:
    """A listing without the lines that fence it in."""
    return "\n".join(line for line in text.split("\n") if not _FENCE.fullmatch(line))


def split_markdown(text: str, *, is_region: bool) -> Iterator[Part]:
    """Cut markdown into headings, paragraphs, list items, tables, formulas and code, in order.

    ``is_region`` says that the model found the text as one piece on the page; else it is a page or what lies between
    tags. Every visible character that is no markup is in a part.
    """
    return _Splitter(text.split("\n"), is_region).split()


@dataclass(slots=True)
class _Splitter:
    """Each ``take`` method consumes lines from ``at`` on or leaves them alone."""

    lines: list[str]
    is_region: bool
    at: int = 0
    held: list[str] = field(default_factory=list)
    held_kind: BlockKind = BlockKind.PARAGRAPH
    held_level: int = 0

    def split(self) -> Iterator[Part]:
        count = 0
        while self.at < len(self.lines) and count < MOST_PARTS:
            line = self.lines[self.at]
            bare = line.strip()
            is_break = not bare or (not self.is_region and bare[0] in "-*_" and bool(_THEMATIC_BREAK.fullmatch(line)))
            taken = None if is_break else self.take(line, bare)
            starts_item = not (is_break or taken) and self.starts_item(line)
            if is_break or taken or starts_item:
                yield from self.flush()
                count += 1
            if taken:
                yield taken
                continue
            if starts_item:
                indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
                self.held_kind, self.held_level = BlockKind.LIST_ITEM, min(6, indent // 2)
            if not is_break:
                self.held.append(line)
            self.at += 1
        self.held += self.lines[self.at :]
        yield from self.flush()

    def flush(self) -> Iterator[Part]:
        if self.held:
            yield Part(self.held_kind, page_text("\n".join(self.held).strip()), self.held_level)
            self.held, self.held_kind, self.held_level = [], BlockKind.PARAGRAPH, 0

    def take(self, line: str, bare: str) -> Part | None:
        """What begins with this line and is no paragraph or list item; ``bare`` is the line without its indent."""
        if bare[0] == "`":
            return self.take_code(line)
        if bare[0] == "#":
            return self.take_heading(line)
        if bare[0] in "$\\" and (part := self.take_formula(line, bare)):
            return part
        return self.take_table() if "|" in bare else None

    def starts_item(self, line: str) -> bool:
        """Within a paragraph only a bullet or number 1 starts a list: a wrapped line may well begin with ``2008.``."""
        in_paragraph = bool(self.held) and self.held_kind is BlockKind.PARAGRAPH
        return bool((_INTERRUPTING if in_paragraph else _MARKER).match(line)) and not _PAGE_NUMBER.fullmatch(line)

    def take_code(self, line: str) -> Part | None:
        """A fence to the next one or the end. A word right behind it is the language, all else is kept."""
        if not line.lstrip().startswith("```") or "`" in line.strip().lstrip("`"):
            return None
        is_fence = _FENCE.fullmatch(line) and self.at + 1 < len(self.lines)
        first = [] if is_fence else [line.strip().lstrip("`")]
        start = end = self.at + 1
        while end < len(self.lines) and not _FENCE_END.fullmatch(self.lines[end]):
            end += 1
        self.at = end + 1
        return Part(BlockKind.CODE, without_marks("\n".join([*first, *self.lines[start:end]]).strip("\n")))

    def take_heading(self, line: str) -> Part | None:
        hashes = _HASHES.match(line)
        if hashes is None or (self.is_region and (self.held or (self.at and self.lines[self.at - 1].strip()))):
            return None
        self.at += 1
        level = len(hashes[1])
        kind = BlockKind.TITLE if level == 1 else BlockKind.HEADING
        return Part(kind, page_text(line[hashes.end() :].strip()), level)

    def take_formula(self, line: str, bare: str) -> Part | None:
        environment = _ENVIRONMENT.match(line)
        opener = environment.group().strip() if environment else bare[:2]
        closer = f"\\end{{{environment[1]}}}" if environment else _FORMULA_ENDS.get(opener)
        rest = bare[len(opener) :]
        if closer is None or (closer in rest and not rest.endswith(closer)):
            return None
        start, is_open = self.at, not rest.endswith(closer)
        self.at += 1
        while is_open and self.at < len(self.lines) and self.lines[self.at].strip():
            is_open = not self.lines[self.at].rstrip().endswith(closer)
            self.at += 1
        return Part(BlockKind.FORMULA, page_text("\n".join(self.lines[start : self.at]).strip()))

    def take_table(self) -> Part | None:
        """Lines with pipes: a header with its rule, a rule alone, or at least two rows framed by pipes."""
        is_ruled = any("|" in rule and "-" in rule and is_rule_line(rule) for rule in self.lines[self.at : self.at + 2])
        start = end = self.at
        while end < len(self.lines) and ("|" in self.lines[end] if is_ruled else _FRAMED.fullmatch(self.lines[end])):
            end += 1
        if end - start < 2:
            return None
        self.at = end
        text = "\n".join(self.lines[start:end])
        table = parse_pipe_table(text)
        return table_part(table) if table else Part(BlockKind.PARAGRAPH, page_text(text.strip()))


def table_part(table: Table) -> Part:
    """A table as the model wrote it, with header rows found where it marks none; its cells say what the page says."""
    if any(without_marks(cell.text) != cell.text for cell in table.cells):
        table = replace(table, cells=tuple(replace(cell, text=without_marks(cell.text)) for cell in table.cells))
    return Part(BlockKind.TABLE, table_markdown(table), 0, with_header(table))
