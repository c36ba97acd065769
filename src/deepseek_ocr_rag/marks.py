"""Where the tags of a raw answer are, or what servers, cuts and slips of the model have left of them.

Real marks are the special tokens ``<|ref|>``, ``<|/ref|>``, ``<|det|>`` and ``<|/det|>``. Servers that strip special
tokens leave ``label[[x1, y1, x2, y2]]``, or ``label [x1, y1, x2, y2]`` where the model is Unlimited-OCR, or, where the
task was to read lines, ``the line itself[[x1, y1, x2, y2]]``. What a mark means is not decided here. Every pattern
looks at a bounded stretch from each place, so that work is linear in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .prompts import Task

KNOWN_LABELS = frozenset(
    {
        # seen in real answers of DeepSeek-OCR and DeepSeek-OCR-2
        *("text", "title", "sub_title", "image", "image_caption", "image_footnote", "equation"),
        *("table", "table_caption", "table_footnote", "table_title", "figure_title"),
        # of Unlimited-OCR
        *("header", "footer", "page_number", "page_footnote", "list", "chart"),
        # never seen, but their relatives and other people's parsers have them
        *("figure", "figure_caption", "list_item", "code", "formula", "page_header", "page_footer", "aside_text"),
        *("paragraph", "footnote", "caption", "reference", "abstract", "chart_caption", "seal", "algorithm"),
    }
)

TASKS_OF_NAMES = frozenset[Task]({"ocr", "locate", "objects"})
"""Tasks in whose answers the place of the label holds the line of text, or the name of the thing, that was found."""

END_MARKS = ("<｜end▁of▁sentence｜>", "<|end▁of▁sentence|>", "<|end_of_sentence|>", "<|endoftext|>", "<|im_end|>")
_NOISE = (*END_MARKS, "<｜begin▁of▁sentence｜>", "<｜▁pad▁｜>", "<|grounding|>", "<|User|>", "<|Assistant|>")
_SPECIAL = ("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", *_NOISE)
_PAGE = r"(?m:^[ \t]{0,8}</?PAGE>)|(?m:</?PAGE>[ \t]{0,8}$)|</?PAGE>(?=\s{0,4}<\|)"
_NOISE_PATTERN = re.compile("|".join(map(re.escape, _NOISE)) + "|" + _PAGE)

# One of the two pipes may be lost or wide, and blanks may have come in.
_MARK = re.compile(r"<(?:[|｜][ ]?(/?(?:ref|det))[ ]?[|｜]?|(/?(?:ref|det))[|｜])>")
LABEL = r"[a-z]{2,16}(?:_[a-z]{1,16}){0,3}"
_FOUR = r"\d{1,5}(?:,[ ]?\d{1,5}){3}"
_LABEL_LINE = re.compile(
    rf"^[ ]{{0,32}}{LABEL}(?=\[{{2,4}}[ ,]{{0,3}}(?:\d|\Z)|\[\Z|\[?{_FOUR}[ ]?\]|[ ]\[{_FOUR}\]<)|^(?=\[\[{_FOUR}\])",
    re.MULTILINE,
)
_LABEL_WITHIN = re.compile(rf"(?<=[ \]]){LABEL}(?=\[\[{_FOUR}\])")
_BARE_LINE = re.compile(rf"(?:^[ ]{{0,8}}|(?<=\])){LABEL}[ ](?=\[{_FOUR}\])", re.MULTILINE)
_NAMED_LINE = re.compile(r"^(?:[^\n\[]|\[(?!\[))*(?=\[\[)", re.MULTILINE)
_WHOLE_LINE = re.compile(r"\[{1,2}[-\d., \[\]]{4,200}\][ \t]{0,8}\r?(?:\n|\Z)")
_CUT_LINE = re.compile(r"\[\[[\d, ]{0,24}\Z")


class Mark(NamedTuple):
    """``ref``, ``/ref``, ``det``, ``/det``, or ``line``: the label or the text itself, where marks are stripped."""

    kind: str
    start: int
    end: int


def is_known_label(text: str) -> bool:
    """Whether a text is a label that layout models use, whatever its case."""
    return text.lower() in KNOWN_LABELS


def has_end_mark(text: str) -> bool:
    """Whether an answer ends with the model's mark for that; a page may print the mark, too, but not there."""
    return text.rstrip().endswith(END_MARKS)


def without_noise(text: str) -> str:
    """Blank out the other special tokens, and the mark that the end of the answer cuts in two; offsets stay."""
    text = _NOISE_PATTERN.sub(lambda match: " " * len(match.group()), text)
    tail = text.rstrip()
    cut = tail.rfind("<", max(0, len(tail) - 24))
    if 0 <= cut < len(tail) - 1 and any(mark.startswith(tail[cut:]) and mark != tail[cut:] for mark in _SPECIAL):
        return text[:cut] + " " * (len(text) - cut)
    return text


def find_marks(text: str, task: Task) -> list[Mark]:
    """All marks in order."""
    marks = [Mark(match[1] or match[2], *match.span()) for match in _MARK.finditer(text)]
    if marks:
        lines = [span for span in _spans(_LABEL_LINE, text) if is_known_label(_label(text, span))]
    elif task in TASKS_OF_NAMES:
        lines = _named(text)
    else:
        lines = _stripped(text)
    return sorted([*marks, *(Mark("line", *span) for span in lines)], key=lambda mark: mark.start)


def _stripped(text: str) -> list[tuple[int, int]]:
    """Labels of an answer without marks; at the start of a line any word will do if nothing but boxes follows it."""
    lines = [
        span
        for span in _spans(_LABEL_LINE, text)
        if is_known_label(_label(text, span)) or _WHOLE_LINE.match(text, span[1])
    ]
    if any(is_known_label(_label(text, span)) for span in lines):
        return lines + [span for span in _spans(_LABEL_WITHIN, text) if is_known_label(_label(text, span))]
    bare = [span for span in _spans(_BARE_LINE, text) if is_known_label(_label(text, span))]
    if bare and not text[: bare[0][0]].strip():
        return bare
    named = _named(text)
    filled = sum(bool(line.strip()) for line in text.split("\n")) if len(named) > 1 else 0
    return named if len(named) * 2 > filled > 0 else lines


def _named(text: str) -> list[tuple[int, int]]:
    """Lines that are a text and then its boxes."""
    return [
        span for span in _spans(_NAMED_LINE, text) if _WHOLE_LINE.match(text, span[1]) or _CUT_LINE.match(text, span[1])
    ]


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in pattern.finditer(text))


def _label(text: str, span: tuple[int, int]) -> str:
    return text[span[0] : span[1]].strip()
