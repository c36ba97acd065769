"""The tags of an answer, whole or broken: what they say of a region's kind and place.

Nearly all tags are whole and are read in one look. The others are read mark by mark, as far as the pieces between the
marks make sense: numbers that junk, a newline or a stray mark divides, labels that have lost their opening, junk that
may be a word of the page and is kept. Nothing is guessed: a box has four numbers, or it is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .geometry import MODEL_GRID, Box
from .marks import KNOWN_LABELS, LABEL, TASKS_OF_NAMES, Mark, is_known_label
from .prompts import Task

_BOX = r"\[\d{1,5}(?:, ?\d{1,5}){3}\]"
_BOXES = re.compile(rf"\[{_BOX}(?:, ?{_BOX}){{0,50}}\]")
_BARE_BOXES = re.compile(rf"{_BOX}(?:,? ?{_BOX}){{0,50}}")
_LABELLED = re.compile(rf"({LABEL}) ({_BARE_BOXES.pattern})")
_CLOSING = "],[0123456789"
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
_LONGEST_JUNK = 40
_LONGEST_DET = 400
_LONGEST_BOX = 100
_MOST_LETTERS = 12
_MOST_MARKS = 16


@dataclass(slots=True)
class Head:
    """A tag as far as it could be read; ``loose`` is what stood in it and is neither label nor numbers."""

    start: int
    end: int = 0
    ref: str = ""
    loose: str = ""
    numbers: str = ""
    boxes: tuple[Box, ...] = ()
    is_broken: bool = True
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


def read_heads(text: str, marks: list[Mark], task: Task) -> Iterator[Head]:
    """The heads of an answer in order; every mark is in one of them, whether it says anything or not."""
    at = before = 0
    while at < len(marks):
        head, at = _read_head(text, marks, at)
        _recover_ref(head, text, before, task)
        before = head.end
        yield head


def _read_head(text: str, marks: list[Mark], at: int) -> tuple[Head, int]:
    """Read marks from number ``at`` on, as long as they make one head; returns it and the number of the next mark."""
    whole = _read_whole(text, marks, at)
    if whole:
        return whole
    head = Head(marks[at].start)
    last = at + _MOST_MARKS
    while True:
        mark = marks[at]
        at += 1
        limit, after = (marks[at].start, marks[at].kind) if at < len(marks) else (len(text), "")
        head.end = _read_piece(head, mark, text, limit, after)
        if not after and mark.kind != "/det" and text[head.end :].strip() == "<":
            head.end = limit  # the answer stops within the next mark
        if at == last or not _goes_on(head, mark.kind, after) or text[head.end : limit].strip():
            return head, at


def _read_whole(text: str, marks: list[Mark], at: int) -> tuple[Head, int] | None:
    """The head at mark number ``at`` and the number of the mark after it, if it is one that nothing is wrong with."""
    mark = marks[at]
    if mark.kind == "line":
        boxes = _BOXES.match(text, mark.end) or _BARE_BOXES.match(text, mark.end)
        if boxes is None or (text[boxes.end() : boxes.end() + 1] or "\n") in _CLOSING:
            return None
        ref, end, numbers, count = text[mark.start : mark.end].strip(), boxes.end(), boxes.group(), 1
    elif mark.kind == "det" and at + 1 < len(marks) and marks[at + 1].kind == "/det":
        labelled = _LABELLED.fullmatch(text, mark.end, marks[at + 1].start)
        if labelled is None:
            return None
        ref, end, numbers, count = labelled[1], marks[at + 1].end, labelled[2], 2
    elif [follower.kind for follower in marks[at : at + 4]] == ["ref", "/ref", "det", "/det"]:
        _, closing, det, last = marks[at : at + 4]
        ref, end, numbers, count = text[mark.end : closing.start].strip(), last.end, text[det.end : last.start], 4
        if not ref or closing.end != det.start or not _BOXES.fullmatch(numbers):
            return None
    else:
        return None
    if text[end : end + 1] == "]":
        return None
    return Head(mark.start, end=end, ref=ref, boxes=_boxes(numbers), is_broken=False), at + count


def _goes_on(head: Head, kind: str, after: str) -> bool:
    """Whether the mark ``after`` may belong to the head of which ``kind`` was the last."""
    if head.is_open:
        return after not in ("", "line")
    return after in _FOLLOWS[kind] and not (after == "det" and head.boxes)


def _read_piece(head: Head, mark: Mark, text: str, limit: int, after: str) -> int:
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


def _read_ref(head: Head, text: str, start: int, limit: int, after: str) -> int:
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


def _read_after_ref(head: Head, text: str, start: int, limit: int, after: str) -> int:
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


def _read_boxes(head: Head, text: str, start: int, limit: int, after: str) -> int:
    """Read boxes at ``start``, with junk among the numbers if need be; returns where they end."""
    groups = _GROUPS.match(text, start, limit)
    boxes = _boxes(groups.group()) if groups and _is_numbers(groups.group()) else ()
    if groups and boxes:
        head.numbers, head.boxes = groups.group(), boxes
        rest = _CUT_BOX.fullmatch(text, groups.end(), limit) or _STRAY.match(text, groups.end(), limit)
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


def _boxes(numbers: str) -> tuple[Box, ...]:
    """The boxes in a text of numbers: a multiple of four between brackets, else in all; others are not guessed at."""
    return _few_boxes(numbers) if len(numbers) < _LONGEST_BOX else _all_boxes(numbers)


@lru_cache(maxsize=1024)
def _few_boxes(numbers: str) -> tuple[Box, ...]:
    """The same, remembered: an answer that runs in a loop has the same box thousands of times."""
    return _all_boxes(numbers)


def _all_boxes(numbers: str) -> tuple[Box, ...]:
    values = [float(value) for value in _NUMBER.findall(numbers)]
    if len(values) <= 4:
        return (_box(*values),) if len(values) == 4 else ()
    groups = [[float(value) for value in _NUMBER.findall(group)] for group in numbers.split("]")]
    whole = [group for group in groups if group and len(group) % 4 == 0] or [values] * (len(values) % 4 == 0)
    return tuple(_box(*group[at : at + 4]) for group in whole for at in range(0, len(group), 4))


def _box(left: float, top: float, right: float, bottom: float) -> Box:
    if 0 <= left <= right <= MODEL_GRID and 0 <= top <= bottom <= MODEL_GRID:  # as a rule, and quicker
        return Box(left=left / MODEL_GRID, top=top / MODEL_GRID, right=right / MODEL_GRID, bottom=bottom / MODEL_GRID)
    return Box.from_model_grid((left, top, right, bottom))


def _recover_ref(head: Head, text: str, before: int, task: Task) -> None:
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
