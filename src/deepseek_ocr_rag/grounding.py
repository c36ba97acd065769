"""Raw model text into regions: a scanner that takes any text, never raises and loses nothing that can be read.

The model writes ``<|ref|>LABEL<|/ref|><|det|>[[x1, y1, x2, y2]]<|/det|>`` and then the content (*tagged*), its relative
Unlimited-OCR ``<|det|>LABEL [x1, y1, x2, y2]<|/det|>``. Servers that strip special tokens leave
``LABEL[[x1, y1, x2, y2]]`` at the start of a line (*stripped*), ungrounded prompts give plain markdown (*plain*). On
some hosts one page in nine has a broken tag, and an answer may stop at any character. So the marks are found first;
then each head is read mark by mark, as far as the pieces between them make sense; the rest is content. No piece of text
is looked at more than a fixed number of times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .geometry import MODEL_GRID, Box
from .marks import KNOWN_LABELS, LABEL, TASKS_OF_NAMES, Mark, find_marks, has_end_mark, is_known_label, without_noise
from .prompts import Task
from .recognition import Region

__all__ = ["KNOWN_LABELS", "Form", "Parsed", "parse"]

Form = Literal["tagged", "stripped", "plain"]

_LABEL_PATTERN = re.compile(LABEL)
_LABEL_IN_DET = re.compile(rf"\s{{0,4}}\[{{0,2}}({LABEL})\s{{0,4}}(?=[\[\d])")
_GROUPS = re.compile(r"\s{0,4}\[{1,3}[^\[\]\n<]{0,80}\](?:[ \t]{0,4},?[ \t]{0,4}\[[-\d., \t]{0,40}\])*\]{0,2}")
_FIRST_NUMBER = re.compile(r"[\[\d]")
_RUN = re.compile(r"[ \t]{0,4}(?:\[|(?=\d{1,4},))[-\d.,， \t\[\]]*")
_JUNK_RUN = re.compile(r"[ \t]{0,4}\[{1,4}[^\[\]\n<]{0,80}\]{1,3}")
_LINES_OF_NUMBERS = re.compile(r"\[[-\d.,， \t\n\[\]]*")
_SOUP = re.compile(r"[-\d.,， \t\[\]]*")
_LATE = re.compile(r"\s{0,2}([^\n\[<]{0,40})(?=\[{1,4}[ ]?\d{1,6}(?:[, ]{1,3}\d{1,6}){3}[ ]?\])")
_CUT_NUMBERS = re.compile(r"\s{0,4}\[\[[\d, ]*\Z")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CUT_BOX = re.compile(r",[-\d., \t\[\]]*")
_STRAY = re.compile(r"[ ]?(?:\]{1,3}|,)[ ]?(?=\s|<|\Z)|\]{2,3}")
_JUNK = re.compile(r"[^\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")
_EDGES = "[]()<>|,.:;*#\"'` \t"
_FOLLOWS = {
    "ref": ("/ref", "det", "/det"),
    "/ref": ("/ref", "det", "/det"),
    "det": ("/det", "det", "/ref"),
    "/det": ("det",),
    "line": ("/det", "det"),
}
_WHOLE = (("ref", "/ref", "det", "/det"), ("det", "/det"), ("line",))
_LONGEST_JUNK = 40
_LONGEST_DET = 400
_LONGEST_BOX = 100
_MOST_LETTERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The regions of an answer in its own order, the form that it came in, and what had to be mended."""

    regions: tuple[Region, ...]
    form: Form
    has_end_mark: bool
    warnings: tuple[str, ...] = ()


def parse(text: str, *, task: Task = "markdown") -> Parsed:
    """Read a model's answer, whole or cut off anywhere.

    ``Region.start`` and ``end`` count characters of ``text``, the region's tag included. Text without a tag becomes a
    region without label and boxes, and a warning tells of it where the task asks for boxes. For the tasks ``ocr``,
    ``locate`` and ``objects`` the model puts the line or the name in the place of the label; such regions are labelled
    ``text``.
    """
    clean = without_noise(text)
    marks = find_marks(clean, task)
    heads = list(_heads(clean, marks, task))
    form: Form = "plain" if not marks else "stripped" if all(mark.kind == "line" for mark in marks) else "tagged"
    regions = tuple(_regions(clean, heads, task))
    return Parsed(
        regions=regions,
        form=form,
        has_end_mark=has_end_mark(text),
        warnings=tuple(_warnings(regions, form, sum(head.is_broken for head in heads), task)),
    )


def _warnings(regions: Sequence[Region], form: Form, broken: int, task: Task) -> Iterator[str]:
    if broken:
        yield f"{broken} layout tags of the answer are broken; their text is kept"
    unplaced = sum(not region.boxes for region in regions)
    if form != "plain" and unplaced:
        yield f"{unplaced} pieces of the answer's text have no place on the page; they are kept"
    elif unplaced and task in ("markdown", *TASKS_OF_NAMES):
        yield "the answer says of nothing where it stands on the page; its text is kept"


@dataclass(slots=True)
class _Head:
    """A tag as far as it could be read; ``loose`` is what stood in it and is neither label nor numbers."""

    start: int
    end: int = 0
    ref: str = ""
    loose: str = ""
    numbers: str = ""
    boxes: list[Box] = field(default_factory=list)
    is_broken: bool = False
    is_cut: bool = False

    def add_numbers(self, text: str) -> None:
        """Add a piece of a box, or some boxes."""
        if len(self.numbers) < _LONGEST_BOX:
            self.numbers += f" {text}"
            self.boxes = _boxes(self.numbers)

    @property
    def is_open(self) -> bool:
        """Whether a box began and is not at its end."""
        numbers = self.numbers
        return 0 < len(numbers) < _LONGEST_BOX and not (self.boxes or self.is_cut or numbers.rstrip().endswith("]"))


def _heads(text: str, marks: list[Mark], task: Task) -> Iterator[_Head]:
    at = before = 0
    while at < len(marks):
        head, at = _read_head(text, marks, at)
        _recover_ref(head, text, before, task)
        before = head.end
        yield head


def _read_head(text: str, marks: list[Mark], at: int) -> tuple[_Head, int]:
    """Read marks from number ``at`` on, as long as they make one head; returns it and the number of the next mark."""
    head = _Head(marks[at].start)
    kinds: list[str] = []
    while True:
        mark = marks[at]
        kinds.append(mark.kind)
        at += 1
        limit, after = (marks[at].start, marks[at].kind) if at < len(marks) else (len(text), "")
        head.end = _read_piece(head, mark, text, limit, after)
        if not after and mark.kind != "/det" and text[head.end :].strip() == "<":
            head.end = limit  # the answer stops within the next mark
        if not _goes_on(head, mark.kind, after) or text[head.end : limit].strip():
            break
    head.is_broken = head.is_broken or tuple(kinds) not in _WHOLE or not head.boxes or bool(head.loose)
    return head, at


def _goes_on(head: _Head, kind: str, after: str) -> bool:
    """Whether the mark ``after`` may belong to the head of which ``kind`` was the last."""
    if head.is_open:
        return after not in ("", "line")
    return after in _FOLLOWS[kind] and not (after == "det" and head.boxes)


def _read_piece(head: _Head, mark: Mark, text: str, limit: int, after: str) -> int:
    """Read what follows a mark, up to the next one at ``limit``; returns where the head ends and content begins."""
    kind, start = mark.kind, mark.end
    if head.is_open:  # a mark stands amid the numbers, or they were cut short
        soup = _SOUP.match(text, start, limit)
        if soup and soup.group().strip():
            head.add_numbers(soup.group())
            return soup.end()
        head.is_cut = True
    if kind == "ref":
        return _read_ref(head, text, start, limit, after)
    if kind == "/ref":
        return _read_after_ref(head, text, start, limit, after)
    if kind == "line":
        head.ref = text[mark.start : start].strip()
    elif kind == "det":
        label = _LABEL_IN_DET.match(text, start, limit)
        head.ref = head.ref or (label[1] if label else "")
        start = label.end() if label else start
    elif head.boxes or not head.ref or not (late := _LATE.match(text, start, limit)) or late[1].strip():
        stray = _STRAY.match(text, start, limit)
        return stray.end() if stray else start
    return _read_boxes(head, text, start, limit, after)


def _read_ref(head: _Head, text: str, start: int, limit: int, after: str) -> int:
    """Read what follows ``<|ref|>``: a label, or the text itself, closed or not."""
    piece = text[start:limit]
    if after == "/ref":
        head.ref = piece.strip()
        return limit
    bracket = piece.find("[[")
    if after in ("det", "/det") and "\n" not in piece.strip():
        head.ref = (piece if bracket < 0 else piece[:bracket]).strip()
        return limit if bracket < 0 else _read_boxes(head, text, start + bracket, limit, after)
    label = _LABEL_PATTERN.match(piece)
    if label and is_known_label(label.group()) and piece[label.end() : label.end() + 1] in ("", "\n", "[", "<"):
        head.ref = label.group()
        return _read_boxes(head, text, start + label.end(), limit, after)
    if limit == len(text) and any(known.startswith(piece.strip()) for known in KNOWN_LABELS):
        return limit  # the answer stops within a label
    return start


def _read_after_ref(head: _Head, text: str, start: int, limit: int, after: str) -> int:
    """Read what follows ``<|/ref|>``: nothing, as a rule; else a box without its mark, or junk before the next mark."""
    late = _LATE.match(text, start, limit)
    if late or _CUT_NUMBERS.match(text, start):
        head.loose += late[1].strip() if late else ""
        return _read_boxes(head, text, late.end() if late else start, limit, after)
    if after not in ("/ref", "det") or limit - start > _LONGEST_JUNK:
        return start
    piece = text[start:limit].strip()
    if "\n" in piece:
        return start
    if not head.ref and is_known_label(piece):
        head.ref = piece
    else:
        head.loose += piece
    return limit


def _read_boxes(head: _Head, text: str, start: int, limit: int, after: str) -> int:
    """Read boxes at ``start``, with junk among the numbers if need be; returns where they end."""
    groups = _GROUPS.match(text, start, limit)
    boxes = _boxes(groups.group()) if groups and _is_numbers(groups.group()) else []
    if groups and boxes:
        head.numbers, head.boxes = groups.group(), boxes
        rest = _CUT_BOX.fullmatch(text, groups.end(), limit) or _STRAY.match(text, groups.end(), limit)
        head.is_broken = head.is_broken or rest is not None
        return rest.end() if rest else groups.end()
    piece = text[start:limit].strip() if after == "/det" and limit - start <= _LONGEST_DET else "\n"
    if "\n" not in piece or _LINES_OF_NUMBERS.fullmatch(piece):
        first, last = _FIRST_NUMBER.search(piece), piece.rfind("]") + 1 or len(piece)
        if first and _is_numbers(piece[first.start() : last]):
            head.loose += (piece[: first.start()] + piece[last:]).strip()
            head.add_numbers(piece[first.start() : last])
        elif _LETTER.search(piece):
            head.loose += piece
        return limit
    run, junk = _RUN.match(text, start, limit), _JUNK_RUN.match(text, start, limit)
    if junk and _is_numbers(junk.group()) and junk.end() > (run.end() if run else 0):
        run = junk
    if run:
        head.add_numbers(run.group())
    return run.end() if run else start


def _is_numbers(text: str) -> bool:
    """Whether a text is meant as boxes, with at most a little junk in it."""
    if "[" in text and not _LETTER.search(text):
        return True
    count, letters = len(_NUMBER.findall(text)), len(_LETTER.findall(text))
    return (count > 2 or "[" in text) and count > len(_JUNK.findall(text)) and letters <= _MOST_LETTERS


def _boxes(numbers: str) -> list[Box]:
    """The boxes in a text of numbers: a multiple of four between brackets, else in all; others are not guessed at."""
    values = [float(value) for value in _NUMBER.findall(numbers)]
    if len(values) <= 4:
        return [_box(*values)] if len(values) == 4 else []
    groups = [[float(value) for value in _NUMBER.findall(group)] for group in numbers.split("]")]
    whole = [group for group in groups if group and len(group) % 4 == 0] or [values] * (len(values) % 4 == 0)
    return [_box(*group[at : at + 4]) for group in whole for at in range(0, len(group), 4)]


def _box(left: float, top: float, right: float, bottom: float) -> Box:
    if 0 <= left <= right <= MODEL_GRID and 0 <= top <= bottom <= MODEL_GRID:  # as a rule, and quicker
        return Box(left=left / MODEL_GRID, top=top / MODEL_GRID, right=right / MODEL_GRID, bottom=bottom / MODEL_GRID)
    return Box.from_model_grid((left, top, right, bottom))


def _recover_ref(head: _Head, text: str, before: int, task: Task) -> None:
    """Where a tag has lost its opening, what stands before it on its line may be its label or its text."""
    named = task in TASKS_OF_NAMES
    if not head.ref and is_known_label(head.loose.strip(_EDGES)):
        head.ref, head.loose = head.loose.strip(_EDGES), ""
    if head.ref:
        bare = head.ref.strip(_EDGES)
        head.ref = bare if is_known_label(bare) and not named else head.ref
        return
    line = text[max(before, text.rfind("\n", before, head.start) + 1) : head.start]
    said = line.strip() if named else line.strip(_EDGES)
    if is_known_label(said) or (named and head.boxes and said):
        head.ref = said
        head.start -= len(line)


def _regions(text: str, heads: list[_Head], task: Task) -> Iterator[Region]:
    """Join each head with its content; heads that say nothing leave theirs to the region before."""
    is_layout = task not in TASKS_OF_NAMES and any(is_known_label(head.ref) for head in heads)
    current = _Draft(start=0)
    at = 0
    for head in heads:
        current.add(text, at, head.start)
        if head.boxes or (head.ref and (task in TASKS_OF_NAMES or is_known_label(head.ref))):
            if current.says_something():
                yield current.region(task, is_layout=is_layout)
            current = _Draft(start=head.start, end=head.end, ref=head.ref, boxes=tuple(head.boxes), is_tagged=True)
        elif head.ref:  # neither a label nor placed: words of the page, or of the prompt
            current.put(head.ref, head.start, head.end)
        if head.loose:
            current.put(head.loose, head.start, head.end)
        at = head.end
    current.add(text, at, len(text))
    if current.says_something():
        yield current.region(task, is_layout=is_layout)


@dataclass(slots=True)
class _Draft:
    """A region while its parts are collected."""

    start: int
    end: int = 0
    ref: str = ""
    boxes: tuple[Box, ...] = ()
    is_tagged: bool = False
    parts: list[str] = field(default_factory=list)

    def add(self, text: str, start: int, end: int) -> None:
        """Add a piece of content."""
        piece = text[start:end]
        if piece := piece.rstrip():
            end = start + len(piece)
            piece = piece.lstrip()
            self.put(piece, end - len(piece), end)

    def put(self, piece: str, start: int, end: int) -> None:
        """Add what stands between ``start`` and ``end`` of the answer."""
        self.end = end
        if not self.is_tagged and not self.parts:
            self.start = start
        self.parts.append(piece)

    def says_something(self) -> bool:
        """Whether there is anything in it beside a label."""
        return bool(self.boxes or self.parts or (self.ref and not is_known_label(self.ref)))

    def region(self, task: Task, *, is_layout: bool) -> Region:
        """The region, with the ref as its label or, where that is no label, at the head of its text."""
        label, *parts = (line.strip() for line in self.ref.split("\n", 1)) if "\n" in self.ref else (self.ref,)
        parts = [part for part in (*parts, *self.parts) if part]
        if label and not self._is_label(label, bool(parts), task=task, is_layout=is_layout):
            parts = [label, *parts]
            label = ""
        label = label or ("text" if self.is_tagged else "")
        return Region(label=label, text="\n".join(parts), boxes=self.boxes, start=self.start, end=self.end)

    def _is_label(self, ref: str, has_content: bool, *, task: Task, is_layout: bool) -> bool:
        """Whether a ref is a label and no line of the page: known, or shaped like one among others and with content."""
        if task in TASKS_OF_NAMES:
            return has_content and is_known_label(ref)
        return is_known_label(ref) or (
            has_content and bool(_LABEL_PATTERN.fullmatch(ref)) and (is_layout or "_" in ref)
        )
