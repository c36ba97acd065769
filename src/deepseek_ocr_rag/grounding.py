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
from functools import lru_cache
from typing import Literal

from .geometry import Box
from .heads import Head, read_heads
from .marks import KNOWN_LABELS, LABEL, TASKS_OF_NAMES, find_marks, has_end_mark, is_known_label, without_noise
from .prompts import Task
from .recognition import Region

__all__ = ["KNOWN_LABELS", "Form", "Parsed", "parse"]

Form = Literal["tagged", "stripped", "plain"]

_LABEL_PATTERN = re.compile(LABEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The regions of an answer in its own order, the form that it came in, and what had to be mended."""

    regions: tuple[Region, ...]
    form: Form
    has_end_mark: bool
    warnings: tuple[str, ...] = ()


@lru_cache(maxsize=32)  # an answer is judged, searched for tables and made blocks, each time by its regions
def parse(text: str, *, task: Task = "markdown") -> Parsed:
    """Read a model's answer, whole or cut off anywhere.

    ``Region.start`` and ``end`` count characters of ``text``, the region's tag included. Text without a tag becomes a
    region without label and boxes, and a warning tells of it where the task asks for boxes. For the tasks ``ocr``,
    ``locate`` and ``objects`` the model puts the line or the name in the place of the label; such regions are labelled
    ``text``.
    """
    clean = without_noise(text)
    marks = find_marks(clean, task)
    heads = list(read_heads(clean, marks, task))
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


def _regions(text: str, heads: list[Head], task: Task) -> Iterator[Region]:
    """Join each head with its content; heads that say nothing leave theirs to the region before."""
    is_layout = task not in TASKS_OF_NAMES and any(is_known_label(head.ref) for head in heads)
    current = _Draft(start=0)
    at = 0
    for head in heads:
        current.add(text, at, head.start)
        if head.boxes or (head.ref and (task in TASKS_OF_NAMES or is_known_label(head.ref))):
            if current.says_something(task):
                yield current.region(task, is_layout=is_layout)
            current = _Draft(start=head.start, end=head.end, ref=head.ref, boxes=head.boxes, is_tagged=True)
        elif head.ref:  # neither a label nor placed: words of the page, or of the prompt
            current.put(head.ref, head.start, head.end)
        if head.loose:
            current.put(head.loose, head.start, head.end)
        at = head.end
    current.add(text, at, len(text))
    if current.says_something(task):
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

    def says_something(self, task: Task) -> bool:
        """Whether there is anything in it beside a label."""
        is_label = task not in TASKS_OF_NAMES and is_known_label(self.ref)
        return bool(self.boxes or self.parts or (self.ref and not is_label))

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
