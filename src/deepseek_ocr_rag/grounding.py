"""Raw model text into regions: a scanner that takes any text, never raises and loses nothing that can be read.

The model writes ``<|ref|>LABEL<|/ref|><|det|>[[x1, y1, x2, y2]]<|/det|>`` and then the content (*tagged*). Servers that
strip special tokens leave ``LABEL[[x1, y1, x2, y2]]`` at the start of a line (*stripped*), ungrounded prompts give
plain markdown (*plain*). On some hosts one page in nine has a broken tag, and an answer may stop at any character. So
the marks are found first; then each head is read mark by mark, as far as the pieces between them make sense; the rest
is content. No piece of text is looked at more than a fixed number of times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from .geometry import Box
from .prompts import Task
from .recognition import Region

Form = Literal["tagged", "stripped", "plain"]

KNOWN_LABELS = frozenset(
    {
        # seen in real answers of DeepSeek-OCR and DeepSeek-OCR-2
        *("text", "title", "sub_title", "image", "image_caption", "image_footnote", "equation"),
        *("table", "table_caption", "table_footnote", "table_title", "figure_title"),
        # never seen, but its relatives and other people's parsers have them
        *("figure", "figure_caption", "header", "footer", "page_number", "list", "list_item", "code", "formula"),
        *("paragraph", "footnote", "caption", "reference", "abstract"),
    }
)

_END_MARKS = ("<｜end▁of▁sentence｜>", "<|end▁of▁sentence|>")
_NOISE = (*_END_MARKS, "<｜begin▁of▁sentence｜>", "<｜▁pad▁｜>", "<|grounding|>", "<|User|>", "<|Assistant|>")
_SPECIAL = ("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", *_NOISE)
_NOISE_PATTERN = re.compile("|".join(map(re.escape, _NOISE)) + r"|^</?PAGE>$", re.MULTILINE)
_MARK = re.compile(r"<\|(/?(?:ref|det))\|>")
_LABEL = r"[a-z]{2,16}(?:_[a-z]{1,16}){0,3}"
_LABEL_PATTERN = re.compile(_LABEL)
_STRIPPED_LINE = re.compile(rf"^[ ]{{0,32}}{_LABEL}(?=\[(?:\[[ ]?(?:\d|\Z)|\Z))", re.MULTILINE)
_OCR_LINE = re.compile(r"^(?:[^\n\[]|\[(?!\[))*(?=\[\[)", re.MULTILINE)
_LABEL_IN_DET = re.compile(rf"\s{{0,4}}({_LABEL})\s{{0,4}}(?=\[)")
_GROUPS = re.compile(r"\s{0,4}\[[^\]\n]{0,80}\](?:[ \t]{0,4},?[ \t]{0,4}\[[^\]\n]{0,80}\])*\]?")
_RUN = re.compile(r"[ \t]{0,4}\[{1,2}[-\d., \t\[\]]*")
_FOUR_NUMBERS = re.compile(r"\s{0,4}\[{1,2}(?:[ ]{0,4}\d{1,6}[ ]{0,4}[, ]){3}[ ]{0,4}\d{1,6}[ ]{0,4}\]")
_CUT_NUMBERS = re.compile(r"\s{0,4}\[\[[\d, ]*\Z")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CUT_BOX = re.compile(r",[-\d., \t\[\]]*")
_LINE_END = re.compile(r"[ \t]{0,8}\r?(?:\n|\Z)")
_LETTER = re.compile(r"[^\W\d_]")
_FOLLOWS = {"ref": ("/ref", "det", "/det"), "/ref": ("/ref", "det", "/det"), "det": ("/det",), "line": ("/det",)}
_WHOLE = (("ref", "/ref", "det", "/det"), ("det", "/det"), ("line",))


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
    region without label and boxes. For the task ``ocr`` the model puts the line itself in the place of the label; such
    regions are labelled ``text``.
    """
    clean = _without_noise(text)
    marks = _marks(clean, task)
    heads = list(_heads(clean, marks, task))
    tagged = any(mark.kind != "line" for mark in marks)
    broken = sum(head.is_broken for head in heads)
    return Parsed(
        regions=tuple(_regions(clean, heads, task)),
        form="tagged" if tagged else "stripped" if marks else "plain",
        has_end_mark=any(mark in text for mark in _END_MARKS),
        warnings=(f"{broken} layout tags of the answer are broken; their text is kept",) if broken else (),
    )


@dataclass(frozen=True, slots=True)
class _Mark:
    """``ref``, ``/ref``, ``det``, ``/det``, or ``line``: the label itself in a stripped answer."""

    kind: str
    start: int
    end: int


@dataclass(slots=True)
class _Head:
    """A tag as far as it could be read; ``loose`` is what stood in it and is neither label nor numbers."""

    start: int
    end: int = 0
    ref: str = ""
    loose: str = ""
    boxes: list[Box] = field(default_factory=list)
    is_broken: bool = False


def _without_noise(text: str) -> str:
    """Blank out the other special tokens, and the mark that the end of the answer cuts in two; offsets stay."""
    text = _NOISE_PATTERN.sub(lambda match: " " * len(match.group()), text)
    tail = text.rstrip()
    cut = tail.rfind("<", max(0, len(tail) - 24))
    if 0 <= cut < len(tail) - 1 and any(mark.startswith(tail[cut:]) and mark != tail[cut:] for mark in _SPECIAL):
        return text[:cut] + " " * (len(text) - cut)
    return text


def _marks(text: str, task: Task) -> list[_Mark]:
    """All marks in order. Beside real ones only known labels count as stripped heads."""
    marks = [_Mark(match[1], *match.span()) for match in _MARK.finditer(text)]
    if task == "ocr" and not marks:
        lines = [match for match in _OCR_LINE.finditer(text) if _is_whole_line(text, match.end())]
    else:
        lines = [
            match
            for match in _STRIPPED_LINE.finditer(text)
            if match.group().strip() in KNOWN_LABELS or (not marks and _is_whole_line(text, match.end()))
        ]
    marks += [_Mark("line", *match.span()) for match in lines]
    return sorted(marks, key=lambda mark: mark.start)


def _is_whole_line(text: str, at: int) -> bool:
    """Whether nothing but boxes stands from ``at`` to the end of the line."""
    groups = _GROUPS.match(text, at)
    return groups is not None and bool(_boxes(groups.group())) and bool(_LINE_END.match(text, groups.end()))


def _heads(text: str, marks: list[_Mark], task: Task) -> Iterator[_Head]:
    at = before = 0
    while at < len(marks):
        head, at = _read_head(text, marks, at)
        _recover_ref(head, text, before, task)
        before = head.end
        yield head


def _read_head(text: str, marks: list[_Mark], at: int) -> tuple[_Head, int]:
    """Read marks from number ``at`` on, as long as they make one head; returns it and the number of the next mark."""
    head = _Head(marks[at].start)
    kinds: list[str] = []
    while True:
        mark = marks[at]
        kinds.append(mark.kind)
        at += 1
        limit, after = (marks[at].start, marks[at].kind) if at < len(marks) else (len(text), "")
        head.end = _read_piece(head, mark, text, limit, after)
        if after not in _FOLLOWS.get(mark.kind, ()) or text[head.end : limit].strip():
            break
    head.is_broken = head.is_broken or tuple(kinds) not in _WHOLE or not head.boxes or bool(head.loose)
    return head, at


def _read_piece(head: _Head, mark: _Mark, text: str, limit: int, after: str) -> int:
    """Read what follows a mark, up to the next one at ``limit``; returns where the head ends and content begins."""
    start, piece = mark.end, text[mark.end : limit]
    if mark.kind == "line":
        head.ref = text[mark.start : mark.end].strip()
        return _read_boxes(head, text, start, limit, after)
    if mark.kind == "ref":
        return _read_ref(head, text, start, limit, after)
    if mark.kind == "det":
        label = _LABEL_IN_DET.match(text, start, limit)
        if label and not head.ref:
            head.ref = label[1]
        return _read_boxes(head, text, label.end() if label else start, limit, after)
    if mark.kind == "/ref":
        if _FOUR_NUMBERS.match(text, start, limit) or _CUT_NUMBERS.match(text, start):
            return _read_boxes(head, text, start, limit, after)
        if after in ("/ref", "det") and len(piece) <= 40 and "\n" not in piece.strip():
            head.loose += piece.strip()
            return limit
    return start


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
    if label and text[start + label.end() : start + label.end() + 1] in ("", "\n", "[") and _is_known(label.group()):
        head.ref = label.group()
        return _read_boxes(head, text, start + label.end(), limit, after)
    if limit == len(text) and any(known.startswith(piece.strip()) for known in KNOWN_LABELS):
        return limit  # the answer stops within a label
    return start


def _read_boxes(head: _Head, text: str, start: int, limit: int, after: str) -> int:
    """Read boxes at ``start``, with junk among the numbers if need be; returns where they end."""
    groups = _GROUPS.match(text, start, limit)
    if groups and (_boxes(groups.group()) or not _LETTER.search(groups.group())):
        head.boxes += _boxes(groups.group())
        cut = _CUT_BOX.fullmatch(text, groups.end(), limit)
        head.is_broken = head.is_broken or cut is not None
        return limit if cut else groups.end()
    if after == "/det" and limit - start <= 400 and "\n" not in text[start:limit].strip():
        found = _boxes(text[start:limit])
        head.boxes += found
        if not found and _LETTER.search(text, start, limit):
            head.loose += text[start:limit].strip()
        return limit
    run = _RUN.match(text, start, limit)
    head.boxes += _boxes(run.group()) if run else ()
    return run.end() if run else start


def _boxes(numbers: str) -> list[Box]:
    """The boxes in a text of numbers: four between brackets, or a multiple of four; others are not guessed at."""
    found: list[Box] = []
    for group in numbers.split("]"):
        values = [float(value) for value in _NUMBER.findall(group)]
        if len(values) % 4 == 0:
            found += [Box.from_model_grid(values[at : at + 4]) for at in range(0, len(values), 4)]
    return found


def _recover_ref(head: _Head, text: str, before: int, task: Task) -> None:
    """Where a tag has lost its opening, what stands before it on its line may be its label or its text."""
    line = text[max(before, text.rfind("\n", before, head.start) + 1) : head.start]
    if not head.ref and (_is_known(line.strip()) or (task == "ocr" and head.boxes and line.strip())):
        head.ref = line.strip()
        head.start -= len(line)


def _is_known(label: str) -> bool:
    return label.lower() in KNOWN_LABELS


def _regions(text: str, heads: list[_Head], task: Task) -> Iterator[Region]:
    """Join each head with its content; heads that say nothing leave theirs to the region before."""
    current = _Draft(start=0)
    at = 0
    for head in heads:
        current.add(text, at, head.start)
        if head.ref or head.boxes:
            yield from current.finish(task)
            current = _Draft(start=head.start, end=head.end, ref=head.ref, boxes=tuple(head.boxes), is_tagged=True)
        current.parts.append(head.loose)
        at = head.end
    current.add(text, at, len(text))
    yield from current.finish(task)


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
        piece = text[start:end].strip()
        if piece:
            self.end = start + len(text[start:end].rstrip())
            if not self.is_tagged and not self.parts:
                self.start = self.end - len(piece)
            self.parts.append(piece)

    def finish(self, task: Task) -> Iterator[Region]:
        """The region, if there is anything in it."""
        label, *rest = (line.strip() for line in self.ref.split("\n", 1))
        parts = [part for part in (*rest, *self.parts) if part]
        if not self._is_label(label, has_content=bool(parts), task=task):
            parts = [part for part in (label, *parts) if part]
            label = "text" if self.is_tagged else ""
        if parts or self.boxes:
            yield Region(label=label, text="\n".join(parts), boxes=self.boxes, start=self.start, end=self.end)

    def _is_label(self, ref: str, *, has_content: bool, task: Task) -> bool:
        """Whether a ref is a label and not a line of the page: known, or shaped like one and followed by content."""
        if task == "ocr":
            return has_content and _is_known(ref)
        return _is_known(ref) or (has_content and bool(_LABEL_PATTERN.fullmatch(ref)))
