"""Parts: characters of a text that a chunk is built of, with what stands around them and what they cost.

Blocks of documents and passages of markdown both become parts, and all that follows (filling chunks, cutting, citing)
knows parts alone. There are as many of them as there are blocks, and more where something is cut, so they are plain
objects with slots, which are made in a third of the time of frozen ones; only who makes or prices a part changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from ..document import Block, BlockKind


class Keep(IntEnum):
    """How much a part wants the next one in its chunk."""

    NO = 0
    WHERE_IT_FITS = 1
    ALWAYS = 2


class Grain(IntEnum):
    """How fine a part is: a whole block, a line, a sentence or a row of a table, or what is cut within those."""

    BLOCK = 0
    LINE = 1
    SENTENCE = 2
    WORDS = 3


@dataclass(slots=True, eq=False)
class Grid:
    """What all rows of a table share, over its pages."""

    header: Part | None = None
    """The header rows of its beginning."""
    caption: Part | None = None
    is_html: bool = False
    said: dict[tuple[int, int], tuple[Part, ...]] = field(default_factory=dict)
    """What is said again of it, by the budget of a chunk and what its lead costs."""


@dataclass(slots=True, eq=False)
class Part:
    """Characters ``[start, end)`` of ``text``, never blank, as a chunk shows them: ``before`` + they + ``after``."""

    text: str
    start: int
    end: int
    kind: BlockKind
    block: Block | None = None
    """The block whose text it is; None for markdown from elsewhere, of which ``text`` is all."""
    glue: str = "\n\n"
    """What stands between this part and the one before it: nothing, a space, one newline or two."""
    before: str = ""
    after: str = ""
    begin: int = -1
    """Where ``before`` begins in the text, for markdown that says it there; -1 where it is said again, or is ours."""
    finish: int = -1
    """Where ``after`` ends, likewise."""
    keep: Keep = Keep.NO
    title: str = ""
    """A heading's words, in one line; empty for all else."""
    level: int = 0
    """A heading's depth."""
    grid: Grid | None = None
    """For a table with rows, and each of its rows."""
    grain: Grain = Grain.BLOCK
    closes: bool = False
    """Whether it ends what was cut up, which is not to be mixed with what follows."""
    is_overlap: bool = False
    """Whether the chunk before has shown it already."""
    cost: int = 0
    """Tokens of ``lead`` + the part as it is shown + ``tail``."""
    lead: str = ""
    tail: str = ""
    is_exact: bool = False
    """Whether ``cost`` was counted, and not guessed."""

    @property
    def body(self) -> str:
        """The part as it is shown."""
        text = self.text[self.start : self.end]
        return self.before + text + self.after if self.before or self.after else text

    @property
    def opening(self) -> str:
        """What stands before the part at the beginning of a chunk, where the indentation of a line says nothing.

        That of a block does, since the lines under the first one have it as well.
        """
        if not self.before[:1].isspace():
            return self.before
        line = self.text.find("\n", self.start, self.end) + 1
        is_deep = line > 0 and self.text[line] in " \t"
        return self.before if self.kind is not BlockKind.LIST_ITEM and is_deep else self.before.lstrip()

    @property
    def span(self) -> tuple[int, int]:
        """The characters of the text that it stands for, with what is written around them there."""
        start = self.begin + len(self.before) - len(self.opening) if self.begin >= 0 else self.start
        return start, self.finish if self.finish >= 0 else self.end

    @property
    def is_header(self) -> bool:
        """Whether it begins with the header of its table."""
        header = self.grid.header if self.grid else None
        return header is not None and header.text is self.text and header.start == self.start

    def slice(self, start: int, end: int, *, glue: str, grain: Grain) -> Part:
        """Characters of the part, as a part without a price; the first has what stands before, the last what after."""
        is_first, is_last = start == self.start, end == self.end
        part = Part(self.text, start, end, self.kind, self.block, self.glue if is_first else glue)
        if is_first:
            part.before, part.begin = self.before, self.begin
        if is_last:
            part.after, part.finish, part.keep, part.closes = self.after, self.finish, self.keep, self.closes
        part.grid, part.grain = self.grid, grain
        return part


Group = tuple[Part, ...]
"""Parts that are read together: a table and its caption, a paragraph and its end on the next page."""


class Shown(NamedTuple):
    """A part in a chunk, after ``glue``; ``is_repeated`` for a header or caption that is said again."""

    part: Part
    glue: str
    is_repeated: bool


def written(shown: Sequence[Shown]) -> str:
    """The text that parts make together."""
    pieces = [part.body if glue == "" else glue + part.body for part, glue, _ in shown[1:]]
    return "".join([first_body(shown[0].part), *pieces]) if shown else ""


def first_body(part: Part) -> str:
    """The part as the first of a chunk."""
    return part.opening + part.text[part.start : part.end] + part.after


def groups_of(parts: Sequence[Part]) -> list[Group]:
    """Parts in a row, grouped as they came: headings, headers of tables and all of markdown alone."""
    groups: list[Group] = []
    begin = 0
    for at, part in enumerate(parts, start=1):
        if part.keep is not Keep.WHERE_IT_FITS or part.block is None or at == len(parts):
            groups.append(tuple(parts[begin:at]))
            begin = at
    return groups
