"""Markdown is taken apart into the passages that blocks are made of, each with its place in the text.

Pictures of figures are links in it, in lines of their own. They are no text: nobody searches for a path, and where a
picture lies must not decide what a chunk is.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .document import BULLETS, Block, BlockKind, Table, picture_markdown
from .tables import parse_pipe_table, table_markdown

_FENCE = re.compile(r"(`{3,}(?!`)|~{3,}(?!~))[^`\n]*$", re.MULTILINE)
_FENCE_END = re.compile(r" {0,3}(`{3,}|~{3,})[ \t\r]*$", re.MULTILINE)
_HEADING = re.compile(r"(#{1,6})[ \t]{1,8}(?=\S)")
_ITEM = re.compile(r"([ \t]{0,40})(?=(?:[-*+]|[0-9]{1,3}[.)]) )")
_PICTURE = re.compile(r"!\[Figure\]\(([^()<>\s]{1,4096})\)[ \t\r]*$", re.MULTILINE)
_DEEPEST_ITEM = 8

_LEADS = f" \t\n\r{BULLETS}"
"""What chunks leave out at the beginning of a passage."""

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A block's place: its markdown is ``[start, end)`` of the text, its own characters ``[inner, inner_end)``."""

    kind: BlockKind
    start: int
    end: int
    inner: int
    after: int = 0
    """Characters of markdown at the end."""
    level: int = 0
    table: Table | None = None
    image: str = ""
    """The path or address of a figure's picture."""

    @property
    def inner_end(self) -> int:
        """Where its own characters end."""
        return self.end - self.after

    def outer_start(self, at: int) -> int:
        """Where the block's character ``at`` stands in the text; the first one with the markdown before it."""
        return self.inner + at if at else self.start

    def outer_end(self, at: int) -> int:
        """Where a part of the block that ends before ``at`` ends in the text."""
        return self.inner + at if self.inner + at < self.inner_end else self.end


class Pictures:
    """The pictures that a text may refer to: those that the metadata beside it lists, and others in their folders.

    A list that would be too long is cut, and what else a text says in these words is somebody else's.

    Args:
        images: The metadata's ``images``; anything else lists none.
    """

    def __init__(self, images: object) -> None:
        try:
            listed = json.loads(images) if isinstance(images, str) else []
        except (ValueError, RecursionError):
            listed = []
        self.listed = [image for image in listed if isinstance(image, str)] if isinstance(listed, list) else []
        self._images = {_written(image): image for image in self.listed}
        self._folders = {_folder(written): _folder(image) for written, image in self._images.items()}

    def known(self, written: str) -> str:
        """The path or address that stands in a link, or nothing for one that is not known."""
        folder = _folder(written)
        beside = self._folders[folder] + written[len(folder) :] if folder in self._folders else ""
        return self._images.get(written, beside)


def _written(image: str) -> str:
    figure = Block(id="", kind=BlockKind.FIGURE, text="", page_number=1, image=image)
    return picture_markdown(figure).removeprefix("![Figure](").removesuffix(")")


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]


class Shown:
    """Which pictures of a text stand beside a part of it: between text, they are shown with both.

    Whether what follows is the figure's own text or its caption is not known, nor whether those before tell of it.

    Args:
        text: The text.
        found: Its passages, in order.
    """

    def __init__(self, text: str, found: Sequence[Passage]) -> None:
        self._images: list[str] = []
        self._before: list[int] = []
        """For each picture, where the text before it ends."""
        self._after: list[int] = []
        """And where the text after it begins."""
        end = 0
        for passage in found:
            if passage.kind is BlockKind.FIGURE:
                self._images.append(passage.image)
                self._before.append(end)
                continue
            own = text[passage.inner : passage.inner_end]
            begin = passage.inner + len(own) - len(own.lstrip(_LEADS))
            self._after += [begin] * (len(self._images) - len(self._after))
            end = passage.inner + len(own.rstrip())
        self._after += [len(text)] * (len(self._images) - len(self._after))

    def beside(self, start: int, end: int) -> list[str]:
        """The pictures that stand beside, or in, characters ``[start, end)`` of the text."""
        return self._images[bisect_left(self._after, start) : bisect_right(self._before, end)]


def passages(text: str, can_repeat: Callable[[str], bool], pictures: Pictures) -> Iterator[Passage]:
    """Take markdown apart.

    Args:
        text: The markdown.
        can_repeat: Whether fences of code are short enough to be said again around each part of it.
        pictures: Which links are pictures of figures; each is a passage without characters of its own.
    """
    for run, is_code in _runs(text):
        if is_code:
            yield _code(text, run, can_repeat)
            continue
        at = 0
        while at < len(run) and (first := _line(text, run[at], pictures)):
            yield first
            at += 1
        if at < len(run):
            yield from _body(text, run[at:])


def _line(text: str, line: _Span, pictures: Pictures) -> Passage | None:
    """What is a line of its own: a heading, or a picture."""
    start, end = line
    if match := _HEADING.match(text, start, end):
        return Passage(kind=BlockKind.HEADING, start=start, end=end, inner=match.end(), level=len(match[1]))
    if (match := _PICTURE.match(text, start, end)) and (image := pictures.known(match[1])):
        return Passage(kind=BlockKind.FIGURE, start=start, end=end, inner=end, image=image)
    return None


def _code(text: str, run: Sequence[_Span], can_repeat: Callable[[str], bool]) -> Passage:
    """Code that is shown between its fences; where there is none, or they are long, they are code as well."""
    start, end = run[0][0], run[-1][1]
    last = run[-2] if len(run) > 1 and _closes(text, run[-1], _fence(text, run[0])) else run[-1]
    inner, inner_end = (run[1][0], last[1]) if len(run) > 1 else (end, end)
    if not text[inner:inner_end].strip() or not can_repeat(text[start:inner] + text[inner_end:end]):
        inner, inner_end = start, end
    return Passage(kind=BlockKind.CODE, start=start, end=end, inner=inner, after=end - inner_end)


def _runs(text: str) -> Iterator[tuple[list[_Span], bool]]:
    """Lines between empty ones, and whether they are code: a fence, its lines, empty ones too, and its end if any."""
    run: list[_Span] = []
    fence = ""
    for line in _lines(text):
        if fence:
            run.append(line)
            if _closes(text, line, fence):
                yield run, True
                run, fence = [], ""
            continue
        fence = _fence(text, line)
        is_empty = not text[slice(*line)].strip()
        if run and (is_empty or fence):
            yield run, False
            run = []
        if not is_empty:
            run.append(line)
    if run:
        yield run, bool(fence)


def _fence(text: str, line: _Span) -> str:
    """The backticks or tildes that a line opens code with, or nothing."""
    match = _FENCE.match(text, line[0])
    return match[1] if match else ""


def _closes(text: str, line: _Span, fence: str) -> bool:
    match = _FENCE_END.match(text, line[0])
    return match is not None and match[1].startswith(fence)


def _lines(text: str) -> Iterator[_Span]:
    at = 0
    for line in text.split("\n"):
        yield at, at + len(line)
        at += len(line) + 1


def _body(text: str, run: Sequence[_Span]) -> Iterator[Passage]:
    """A table, items of a list, or a paragraph."""
    start, end = run[0][0], run[-1][1]
    table = parse_pipe_table(text[start:end]) if text.find("|", *run[0]) >= 0 else None
    if table is not None:
        # A table that we would write otherwise is cut between its lines, as it stands.
        grid = table if table_markdown(table) == text[start:end] else None
        yield Passage(kind=BlockKind.TABLE, start=start, end=end, inner=start, table=grid)
    elif not _ITEM.match(text, start):
        kind = BlockKind.FORMULA if text.startswith(("$$", "\\["), start) else BlockKind.PARAGRAPH
        yield Passage(kind=kind, start=start, end=end, inner=start)
    else:
        marks = [match for begin, _ in run if (match := _ITEM.match(text, begin))]
        ends = [match.start() - 1 for match in marks[1:]] + [end]
        for match, last in zip(marks, ends, strict=True):
            level = min(_DEEPEST_ITEM, len(match[1].expandtabs(4)) // 2)
            yield Passage(kind=BlockKind.LIST_ITEM, start=match.end(), end=last, inner=match.end(), level=level)
