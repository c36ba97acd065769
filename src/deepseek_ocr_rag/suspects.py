"""What a model read on a page, weighed against the page's own words: a suspect page, filled, or another reading. Pure.

The words are those of the text layer, of which nobody may see some, or those that OCR read. Where they bear out the
answer it stands; where they do not, the page says why, and by option gets from them what the answer lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .document import Block, LineSource, Page
from .geometry import inverse_turn
from .recognition import EvidenceRequest, PageImage, PageRequest, Word, turned_words
from .refill import filled
from .trust import Trust, page_evidence, suspicious, verdict, without_hidden

AGAIN = "The page's own words did not bear out the first answer; it was read again, in parts."


def page_trust(page: Page, words: Sequence[Word], *, source: LineSource = "text_layer") -> Trust | None:
    """How far the page's own words, as displayed, bear out what a model read; boxes of the result are upright."""
    return page_evidence(_upright(page), turned_words(words, page.turn), source=source)


def hidden_request(page: Page, trust: Trust) -> EvidenceRequest | None:
    """What has to be looked up to know whether what the answer lacks is to be seen; None where it lacks nothing."""
    boxes = tuple(box for region in suspicious(trust) for box in region.boxes)
    return EvidenceRequest(boxes=boxes, turn=page.turn) if boxes else None


def seen_words(page: Page, words: Sequence[Word], found: PageImage, wanted: EvidenceRequest) -> Sequence[Word]:
    """The words without those of which no ink was found in the places of a :func:`hidden_request`."""
    kept = without_hidden(turned_words(words, page.turn), dict(zip(wanted.boxes, found.inked, strict=False)))
    return turned_words(kept, inverse_turn(page.turn))


def judged_page(page: Page, trust: Trust, *, fills: bool) -> Page:
    """The page with its trust: ``suspect`` where there are reasons, which are warnings then.

    Args:
        page: A page that a model read, as displayed.
        trust: What :func:`page_trust` says of it.
        fills: Whether what the answer lacks is put in from the page's own words.
    """
    page = replace(page, trust=min(trust.coverage, trust.support))
    reasons = verdict(trust)
    if not reasons:
        return page
    status = "suspect" if page.status in ("ok", "retried") else page.status
    page = replace(page, status=status, warnings=(*page.warnings, *reasons))
    whole = filled(_upright(page), trust, page_number=page.number) if fills else ()
    added = len(whole) - len(page.blocks)
    if added <= 0:
        return page
    note = f"What the answer lacks was put in from the page's own words: {added} paragraph{'s' * (added > 1)}."
    back = inverse_turn(page.turn)
    return replace(page, blocks=tuple(block.turned(back) for block in whole), warnings=(*page.warnings, note))


def surer_page(page: Page, other: Page) -> Page:
    """Of a suspect page and another reading of it, the one that the page's own words bear out."""
    is_surer = other.status in ("ok", "retried") or (
        other.status == "suspect" and (other.trust or 0.0) > (page.trust or 0.0)
    )
    kept = other if is_surer else page
    note = f"read again in parts: {other.status}, {'used' if is_surer else 'not used'}"
    return replace(
        kept,
        status="retried" if kept.status == "ok" else kept.status,
        usage=page.usage + other.usage,
        history=(*page.history, *other.history, note),
        warnings=(*kept.warnings, AGAIN) if is_surer else kept.warnings,
    )


def in_parts(request: PageRequest) -> PageRequest | None:
    """The request for another reading: of the page's halves, since the same picture gets the same answer."""
    return None if request.image is None else replace(request, image=replace(request.image, parts=2))


def _upright(page: Page) -> tuple[Block, ...]:
    return tuple(block.turned(page.turn) for block in page.blocks)
