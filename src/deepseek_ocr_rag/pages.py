"""What was read on one page, made a page: blocks with lines, a status, and what it took to get there. Pure.

A page is never dropped: one that failed says why and has no text, and of two readings the one that says clearly more is
kept, with what is known of the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate, islice

from .align import align_blocks
from .allot import ink_lines, wants_ink
from .blocks import build_blocks
from .document import Block, Page
from .errors import DeepSeekOCRError, EngineError
from .geometry import Box, inverse_turn
from .prompts import Task
from .recognition import DocumentFacts, EvidenceRequest, LocalRequest, PageImage, Recognition, turned_words
from .usage import Usage

MOST_PLACES, MOST_AREA = 400, 8.0
"""Ink is looked for in so many places of a page, and in so many times its area: boxes are a model's and may be many."""

DOUBTFUL = ("truncated", "looped", "suspect", "failed")
"""Pages that another engine may read better."""

CLEARLY_MORE = 1.1
"""By how much another engine's reading must be longer than a model's partial answer, which has the better structure."""


def read_page(image: PageImage, recognition: Recognition, *, task: Task) -> Page:
    """A page of blocks: regions typed, lines found by the page's words, boxes on the page as displayed."""
    blocks, warnings = build_blocks(recognition, task=task)
    blocks = align_blocks(blocks, words=turned_words(image.words, image.turn))
    return Page(
        number=image.page_number,
        label=image.label or str(image.page_number),
        width=image.page_width,
        height=image.page_height,
        view=image.view,
        status=recognition.status,
        engine=recognition.engine,
        blocks=tuple(block.turned(inverse_turn(image.turn)) for block in blocks),
        warnings=(*recognition.warnings, *warnings),
        usage=recognition.usage,
        turn=image.turn,
        history=recognition.history,
    )


def evidence_request(
    page: Page, *, ocr: LocalRequest | None = None, lacks_words: bool = False
) -> EvidenceRequest | None:
    """What has to be looked up to place the lines of blocks that have boxes alone; None where nothing has to be.

    Args:
        page: A page as displayed.
        ocr: How it is read by OCR, if it is to be.
        lacks_words: Whether OCR is wanted for its words, too, since the page has none of its own.
    """
    boxes = _asked(_upright(page))
    is_wanted = bool(boxes) or (ocr is not None and lacks_words)
    return EvidenceRequest(boxes=boxes, turn=page.turn, ocr=ocr) if is_wanted else None


def with_evidence(page: Page, found: PageImage) -> Page:
    """The page with the lines that are placed by what was found: by the words that were read, else by the ink.

    Args:
        page: A page as displayed.
        found: What a visit brought back for its :func:`evidence_request`.
    """
    blocks = _upright(page)
    inked = dict(zip(_asked(blocks), found.inked, strict=False))
    words = turned_words(found.read, page.turn)
    blocks = align_blocks(blocks, words=words, source="ocr") if words else blocks
    sides = (page.width, page.height) if page.turn % 180 else (page.height, page.width)
    blocks = ink_lines(blocks, inked, shape=sides[0] / max(sides[1], 1e-6))
    back = inverse_turn(page.turn)
    return replace(
        page, blocks=tuple(block.turned(back) for block in blocks), warnings=(*page.warnings, *found.warnings)
    )


def _upright(page: Page) -> tuple[Block, ...]:
    return tuple(block.turned(page.turn) for block in page.blocks)


def _asked(blocks: Iterable[Block]) -> tuple[Box, ...]:
    """The places of blocks that want lines, each once."""
    places = dict.fromkeys(box for block in blocks if wants_ink(block) for box in block.boxes)
    areas = accumulate(box.area for box in places)
    return tuple(box for box, area in islice(zip(places, areas, strict=True), MOST_PLACES) if area <= MOST_AREA)


def blank_page(image: PageImage, facts: DocumentFacts, *, task: Task) -> Page:
    """A page without ink costs nothing; in a file that had to be repaired it may be one that lost its content."""
    notes = ("The page is blank, in a file that was damaged and repaired: its content may be lost.",)
    blank = Recognition(
        page_number=image.page_number,
        engine=image.engine or "none",
        regions=(),
        status="empty",
        warnings=(*image.warnings, *(notes if facts.is_repaired else ())),
    )
    return read_page(image, blank, task=task)


def failed_page(image: PageImage, engine: str, error: DeepSeekOCRError) -> Page:
    """A page that could not be read; the reason never becomes its text."""
    requests, history = (error.requests, error.history) if isinstance(error, EngineError) else (0, ())
    return Page(
        number=image.page_number,
        label=image.label or str(image.page_number),
        width=image.page_width,
        height=image.page_height,
        view=image.view,
        status="failed",
        engine=image.engine or engine,
        warnings=(str(error),),
        usage=Usage(requests=requests, retries=max(0, requests - 1)),
        history=history,
    )


def better_page(page: Page, other: Page) -> Page:
    """Of a doubtful page and another engine's reading of it, the one that says clearly more."""
    mine, theirs = _letters(page), _letters(other)
    usage, history = page.usage + other.usage, (*page.history, *other.history)
    if other.status == "failed" or theirs <= mine * CLEARLY_MORE:
        line = f"{other.engine}: {theirs} letters, not used"
        reasons = other.warnings if page.status == "failed" else ()
        return replace(page, usage=usage, history=(*history, line), warnings=(*page.warnings, *reasons))
    return replace(
        other,
        status="fallback",
        usage=usage,
        history=(*history, f"{other.engine}: {theirs} letters, used in place of {mine}"),
        warnings=(*page.warnings, f"This page was read by {other.engine} instead.", *other.warnings),
    )


def _letters(page: Page) -> int:
    return sum(char.isalnum() for block in page.blocks for char in block.text)
