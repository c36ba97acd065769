"""What an answer is worth: whether something is wrong with it, and what the page's recognition says of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..document import PageStatus
from ..geometry import WHOLE_PAGE
from ..grounding import parse
from ..marks import has_end_mark
from ..prompts import PAGE_TASKS, Task
from ..recognition import PageImage, Piece, Recognition
from .retry import FAULTS, FIRST, Outcome

WHOLE = ("stop", "", "eos", "eos_token", "end_turn", "stop_sequence")
"""Reasons to finish of answers that are whole; old servers give none."""

_CUT = re.compile(r"<\|[^<>\n]{0,24}\Z|^[a-z_]{2,40}\[\[[\d, ]*\Z", re.MULTILINE)
"""The beginning of a mark, or of a stripped tag, at the end."""

_STATUS: Mapping[Outcome, PageStatus] = MappingProxyType(
    {"ok": "ok", "truncated": "truncated", "looped": "looped", "empty": "suspect", "filtered": "suspect"}
)
_WORDS: Mapping[Outcome, str] = MappingProxyType(
    {
        "truncated": "the model's answer was cut off; the end of the page may be missing",
        "looped": "the model's answer repeats itself; that is left out, and the end of the page may be missing",
        "empty": "the model's answer is empty although the page is not blank",
        "filtered": "the server's content filter stopped the model's answer",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of one picture, whole or in parts."""

    pieces: tuple[Piece, ...]
    outcome: Outcome = "ok"
    rung: str = ""
    model: str = ""
    prompt: str = ""
    finish_reason: str = ""

    @property
    def letters(self) -> int:
        """How many letters and digits of the page it says; tags are not the page's."""
        regions = (
            region
            for piece in self.pieces
            for region in parse(piece.text[: piece.repeats_from], task=piece.task).regions
        )
        return sum(sum(map(str.isalnum, region.text)) for region in regions)


def judged(reading: Reading, *, task: Task, has_words: bool, ends_marked: bool = False) -> Outcome:
    """What is wrong with an answer to one question, if anything.

    Args:
        reading: The answer, loops already looked for.
        task: What the page is read for.
        has_words: Whether the page's text layer has words: a picture without any is answered by a place and no text.
        ends_marked: Whether the server marks the end of whole answers.
    """
    [piece] = reading.pieces
    if piece.repeats_from is not None:
        return "looped"
    lacks_end = ends_marked and bool(piece.text.strip()) and not has_end_mark(piece.text)
    if reading.finish_reason in ("content_filter", "safety"):
        return "filtered"
    # Hosts have words of their own for what is not whole: abort, insufficient_system_resource, max_tokens.
    is_whole = reading.finish_reason in WHOLE and not lacks_end
    if not is_whole or (task in PAGE_TASKS and stops_within(piece.text)):
        return "truncated"
    is_void = not parse(piece.text, task=piece.task).regions
    says_nothing = is_void or (reading.letters == 0 and (has_words or task in ("figure", "describe")))
    return "empty" if says_nothing and task not in ("locate", "objects") else "ok"


def stops_within(text: str) -> bool:
    """Whether an answer stops within a tag or a table: some servers cut it off without saying so."""
    end = text.rstrip()
    opened = max(end.rfind("<|ref|>"), end.rfind("<|det|>"))
    in_tag = opened > end.rfind("<|/det|>") and "\n" not in end[opened:]
    tables = end.lower()
    return in_tag or bool(_CUT.search(end[-200:])) or tables.count("<table") > tables.count("</table")


def joined(readings: Sequence[Reading]) -> Reading:
    """Readings of parts as one; it is as bad as the worst of them."""
    worst = max(readings, key=lambda reading: _badness(reading.outcome))
    return replace(worst, pieces=tuple(piece for reading in readings for piece in reading.pieces))


def recognized(readings: Sequence[Reading], *, page: PageImage, task: Task, engine: str) -> Recognition:
    """The page's recognition: one raw answer as its text, several as pieces."""
    whole = joined(readings)
    rungs = dict.fromkeys(reading.rung for reading in readings if reading.rung not in ("", FIRST.name))
    status = _STATUS.get(whole.outcome, "suspect")
    warnings = [_WORDS[whole.outcome]] if whole.outcome in _WORDS else []
    if status == "ok" and rungs:
        status = "retried"
        warnings = [f"the model's first answer was no good; the page was read {', '.join(rungs)}"]
    alone = whole.pieces[0] if len(whole.pieces) == 1 and not page.tiles else None
    return Recognition(
        page_number=page.page_number,
        engine=engine,
        text=alone.text if alone else "",
        frame=alone.frame if alone else WHOLE_PAGE,
        repeats_from=alone.repeats_from if alone else None,
        task=alone.task if alone and alone.task != task else None,
        pieces=() if alone else whole.pieces,
        model=whole.model,
        prompt=whole.prompt,
        finish_reason=whole.finish_reason,
        status=status,
        warnings=tuple(warnings),
    )


def _badness(outcome: Outcome) -> int:
    return ("ok", *FAULTS).index(outcome) if outcome in ("ok", *FAULTS) else len(FAULTS) + 1
