"""What an answer to the calibration page tells about the server that gave it; pure.

Whether special tokens and the cells of tables survive, in which frame boxes are counted, how much is read at all, and
whether the end of an answer can be told from a cut.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .blocks import build_blocks, kind_of
from .calibration import Truth
from .document import Block, BlockKind, Table
from .geometry import WHOLE_PAGE, Box, Frame, bounding_box
from .grounding import Form, parse
from .prompts import Task
from .recognition import Recognition, Region

FrameName = Literal["per_axis", "padded_square", "per_mille", "pixels"]
"""What boxes may be counted in.

``per_axis``: 0..999 along each side of the picture, as the model does; ``padded_square``: the same on the picture
padded to a square (old llama.cpp builds); ``per_mille``: 0..1000, which differs by a thousandth at most;
``pixels``: of the picture, as other vision models do.
"""

TableState = Literal["cells", "fused", "missing"]
"""``fused``: the table's text is there and its cells are not, because a server took ``<td>`` for a special token."""

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_CORNERS = re.compile(r"\[{1,2}\s{0,4}" + r"[,\s]{1,4}".join([r"(-?\d{1,6}(?:\.\d{1,9})?)"] * 4))
_CELL_TAG = re.compile(r"<t[dr]>", re.IGNORECASE)
_TABLE_TAG = re.compile(r"<table\b", re.IGNORECASE)

_FEWEST_BOXES = 3
_LARGEST_ERROR = 0.03
"""Of the page: boxes that are further off are in none of the frames; the model itself is off by 0.005."""
_CLEARLY = 0.7
"""By which factor another frame must fit better than the usual one to be believed."""
_MOST_WORDS = 5000
"""Different words of an answer that are compared letter by letter; the page has some 150."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one answer tells about its server. Shares are 0 to 1; errors of frames are fractions of the page."""

    form: Form
    keeps_special_tokens: bool | None
    """None where the answer has nothing that would show it."""
    table: TableState
    cells: float
    """Share of the table's cells that are cells of the answer."""
    words: float
    """Share of the words outside of the table that were read to the letter."""
    numbers: float
    """Share of all numbers, the table's too, that were read to the digit."""
    character_error: float
    """Letters and digits of the words outside of the table that are wrong or missing, as a share of them."""
    frame: FrameName | None
    """None where too few boxes could be compared, or they are in none of the frames."""
    frame_in_use: FrameName
    """What the engine took the boxes for."""
    frame_errors: Mapping[FrameName, float]
    """Median distance of the boxes' edges from where they should be, on the worse axis; empty without boxes."""
    boxes: int
    """How many boxes could be compared."""
    has_end_mark: bool
    finish_reason: str
    """The server's word for why the answer ends; empty where it sends none."""

    @property
    def frame_error(self) -> float | None:
        """The error in the frame that fits best; None without boxes."""
        return min(self.frame_errors.values()) if self.frame_errors else None


def examine(recognition: Recognition, truth: Truth, *, task: Task = "markdown") -> Findings:
    """Compare an answer with what the page shows. Any text is taken; nothing is raised.

    Args:
        recognition: The answer to a question about the picture of the whole page.
        truth: What the page shows.
        task: What was asked; where the engine answers another task, ``recognition.task`` counts.
    """
    task = recognition.task or task
    said = _said(recognition, task)
    parsed = parse(said, task=task)
    given = Recognition(page_number=1, engine=recognition.engine, text=said, regions=recognition.regions)
    blocks, _ = build_blocks(given, task=task)
    tables = [block.table for block in blocks if block.table is not None]
    state = _table_state(said, blocks, tables)
    text = "\n".join(block.text for block in blocks)
    words = _words(" ".join(line.text for line in truth.lines))
    numbers = [word for word in (*words, *_words(" ".join(_cell_texts(truth.table)))) if word[0].isdigit()]
    # A page that was read in parts has no boxes that are counted in the whole picture.
    pairs = list(_pairs(said, parsed.regions, truth)) if recognition.text else []
    errors = _frame_errors(pairs, truth)
    return Findings(
        form=parsed.form,
        keeps_special_tokens=_keeps_special_tokens(said, parsed.form, state),
        table=state,
        cells=_share(_cell_texts(truth.table), [text for table in tables for text in _cell_texts(table)]),
        words=_share(words, _words(text)),
        numbers=_share(numbers, _words(text)),
        character_error=_character_error(words, _words(text)),
        frame=_best_frame(errors),
        frame_in_use="per_axis" if recognition.frame == WHOLE_PAGE else "padded_square",
        frame_errors=MappingProxyType(errors),
        boxes=len(pairs),
        has_end_mark=parsed.has_end_mark,
        finish_reason=recognition.finish_reason,
    )


# --- words and cells --------------------------------------------------------------------------------------------------


def _said(recognition: Recognition, task: Task) -> str:
    """The answer without what it repeats for ever; the parts of a page that was read in parts, one after the other."""
    if recognition.text:
        return recognition.text[: recognition.repeats_from]
    if recognition.regions is not None:
        return "\n\n".join(region.text for region in recognition.regions)
    return "\n\n".join(piece.text[: piece.repeats_from] for piece in recognition.pieces if piece.task == task)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _cell_texts(table: Table | None) -> list[str]:
    return ["".join(cell.text.lower().split()) for cell in table.cells] if table else []


def _share(wanted: Sequence[str], found: Iterable[str]) -> float:
    """How much of ``wanted`` is in ``found``, each thing as often as it is there."""
    common = Counter(wanted) & Counter(found)
    return common.total() / len(wanted) if wanted else 0.0


def _character_error(wanted: Sequence[str], found: Sequence[str]) -> float:
    """Each word against the one of the answer that is most like it: order and layout are the model's own."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import extractOne

    choices = list(dict.fromkeys(found))[:_MOST_WORDS]
    wrong = 0
    for word in wanted:
        nearest = extractOne(word, choices, scorer=Levenshtein.distance, score_cutoff=len(word))
        wrong += nearest[1] if nearest else len(word)
    return wrong / sum(map(len, wanted)) if wanted else 0.0


def _table_state(said: str, blocks: Sequence[Block], tables: Sequence[Table]) -> TableState:
    if any(len(table.cells) > 1 for table in tables):
        return "cells"
    is_told = any(block.kind is BlockKind.TABLE and block.text for block in blocks)
    return "fused" if is_told or _TABLE_TAG.search(said) else "missing"


def _keeps_special_tokens(said: str, form: Form, state: TableState) -> bool | None:
    if form == "tagged" or _CELL_TAG.search(said):
        return True
    return False if form == "stripped" or state == "fused" else None


# --- boxes ------------------------------------------------------------------------------------------------------------

_Corners = tuple[float, float, float, float]


def _pairs(said: str, regions: Iterable[Region], truth: Truth) -> Iterator[tuple[_Corners, Box]]:
    """The numbers of each region as the model wrote them, and where its content really stands."""
    owners = _owners(truth)
    whole = Counter(owners.values())
    for region in regions:
        corners = _CORNERS.search(said, region.start, region.end) if len(region.boxes) == 1 else None
        place = _true_place(region, truth, owners, whole) if corners else None
        if corners and place:
            yield (float(corners[1]), float(corners[2]), float(corners[3]), float(corners[4])), place


def _owners(truth: Truth) -> dict[str, int]:
    """The words that stand on the page once, with the number of their line; -1 for those of the table."""
    cells = [word for text in _cell_texts(truth.table) for word in _words(text)]
    lines = [(word, number) for number, line in enumerate(truth.lines) for word in _words(line.text)]
    owners = {**dict.fromkeys(cells, -1), **dict(lines)}
    counts = Counter((*cells, *(word for word, _ in lines)))
    return {word: number for word, number in owners.items() if counts[word] == 1}


def _true_place(region: Region, truth: Truth, owners: Mapping[str, int], whole: Mapping[int, int]) -> Box | None:
    """The box of the lines that a region says; None where it says half of a line, or a table, whose box is unsure."""
    if kind_of(region.label) is BlockKind.FIGURE and not region.text:
        return truth.figure
    said = Counter(owners[word] for word in set(_words(region.text)) if word in owners)
    if not said or -1 in said or any(2 * count < whole[number] for number, count in said.items()):
        return None
    return bounding_box(truth.lines[number].box for number in said)


def _frame_errors(pairs: Sequence[tuple[_Corners, Box]], truth: Truth) -> dict[FrameName, float]:
    if len(pairs) < _FEWEST_BOXES:
        return {}
    square = Frame.padded_square(truth.width, truth.height)
    frames: dict[FrameName, Callable[[_Corners], Box]] = {
        "per_axis": Box.from_model_grid,
        "padded_square": lambda corners: square.place(Box.from_model_grid(corners)),
        "per_mille": lambda corners: Box.from_size(corners, width=1000, height=1000),
        "pixels": lambda corners: Box.from_size(corners, width=truth.width, height=truth.height),
    }
    return {name: _error([(read(corners), place) for corners, place in pairs]) for name, read in frames.items()}


def _error(boxes: Sequence[tuple[Box, Box]]) -> float:
    """The median over the edges of the worse axis: padding moves one axis only."""
    across = [
        abs(a - b) for said, true in boxes for a, b in zip(said.as_tuple()[::2], true.as_tuple()[::2], strict=True)
    ]
    down = [
        abs(a - b) for said, true in boxes for a, b in zip(said.as_tuple()[1::2], true.as_tuple()[1::2], strict=True)
    ]
    return max(statistics.median(across), statistics.median(down))


def _best_frame(errors: Mapping[FrameName, float]) -> FrameName | None:
    if not errors:
        return None
    best = min(errors, key=lambda name: errors[name])
    if errors[best] > _CLEARLY * errors["per_axis"]:
        best = "per_axis"
    return best if errors[best] <= _LARGEST_ERROR else None
