"""A second look at a page for a citation whose lines nobody knows: only when it is asked for, and only at that page.

Documents are often stored with the boxes of blocks alone. What a quote's own words are, the page itself can tell: its
text layer at no cost, offline OCR in a second or so, the model for the price of a request. They are asked in this order
until one says the quote, inside the block where it is known to stand. Words are compared, the quote's or, where they
are misread, the whole block's, so what text layer and OCR tell is as sure as any citation. A model only names boxes,
often wrong ones: they count where they lie in the block, about as far down as the quote does in its text, and have
about the size that so much text takes. Where nobody knows better, the citation stays as it was.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

from .align import align_blocks
from .anchors import Chunk, ChunkRegion, is_whole_page
from .anchors import locate as place_block
from .answering.claims import cite_span
from .cite import Citation, CitationRegion, locate
from .document import Block, BlockKind, Document, LineSource
from .engines import Engine
from .errors import DeepSeekOCRError
from .flow import iterate
from .geometry import SAME_ROW, Box, inverse_turn, visual_rows
from .landing import is_one_line
from .limits import READ_BEFORE, Limits
from .linewords import LineWord
from .metadata import Precision
from .passage import Passage, as_passage
from .pieces import page_regions
from .prompts import LONGEST_REFERENCE
from .recognition import EvidenceRequest, LocalRequest, PageImage, PageRequest, Word
from .reopen import check_unchanged, no_such_page
from .source import SourceOptions, resolve

logger = logging.getLogger("deepseek_ocr_rag")

MOST_PAGES = 4
"""Pages that are looked at for one citation; a quote over more is none."""

_FINE = ("word", "line", "cell", "row")
_SURE = ("verified", "repaired")
_MARGIN = 0.01
"""How far, in fractions of the page, a box may reach over the block's: models are off by about half of that."""
_INSIDE, _KNOWN = 0.8, 0.8
"""Shares: of a model's box that must lie in the block, of the quote's characters that the block's words must place."""
_THINNEST = 0.003
_SMALLEST, _LARGEST = 0.3, 3.0
"""Of the area that the quote takes by its share of the block's text, what a model's boxes may have."""
_ASTRAY = 0.15
"""Heights of the block by which, beside half a line, boxes may be off the quote's place in its text: of 4489 lines of
real pages 0.4 % are."""

Visit = Callable[[int, PageRequest], Awaitable[PageImage]]
"""Brings back of a page what is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookOptions:
    """How a page is looked at again.

    Args:
        ocr: What the offline OCR is to do; None leaves it out.
        password: Of an encrypted document. Never shown.
        page_seconds: Time limit of one visit to a page.
    """

    ocr: LocalRequest | None = field(default_factory=lambda: LocalRequest(force_ocr=True))
    password: str = field(default="", repr=False)
    page_seconds: float = 120.0


DEFAULTS = LookOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is looked for, and where."""

    citation: Citation
    passage: Passage
    visit: Visit
    pages: Sequence[int]


def locate_on_page(
    quote: str,
    where: Passage | Chunk | Document,
    *,
    source_path: Path,
    engine: Engine | None = None,
    page_number: int | None = None,
    options: LookOptions = DEFAULTS,
) -> Citation:
    """:func:`alocate` for callers that are not asynchronous; it closes the engine's connections, which open again."""

    async def once() -> AsyncGenerator[Citation]:
        try:
            yield await alocate(
                quote, where, source_path=source_path, engine=engine, page_number=page_number, options=options
            )
        finally:
            if engine is not None:
                await engine.aclose()

    (citation,) = iterate(once)
    return citation


async def alocate(
    quote: str,
    where: Passage | Chunk | Document,
    *,
    source_path: Path,
    engine: Engine | None = None,
    page_number: int | None = None,
    options: LookOptions = DEFAULTS,
) -> Citation:
    """Locate a quote, and look at its page again where only its block or its page is known.

    Args:
        quote: As in :func:`.cite.locate`.
        where: The text that has it.
        source_path: The file that was read.
        engine: Asked with the model's ``locate`` prompt after the text layer and OCR; None asks no model.
        page_number: The page that it is on, where the text does not know, or fits several.
        options: How to look.

    Returns:
        The citation with boxes of precision ``word`` from text layer or OCR, or ``line`` or ``block`` from the model;
        as :func:`.cite.locate` gave it where its boxes are as fine already, where the quote is not found or ambiguous,
        and where no look succeeds, which is logged and never raised.

    Raises:
        SourceChanged: If the file is no longer the one that was read.
        SourceError: If it cannot be opened, as a damaged one or an encrypted one without its password, or does not have
            the page.
    """
    passage = as_passage(where)
    citation = locate(quote, passage, hint_page=page_number)
    pages = _pages(citation, page_number)
    if citation.precision in _FINE or citation.status in ("not_found", "ambiguous") or not pages:
        return citation
    await asyncio.to_thread(check_unchanged, source_path, citation)
    from .render import WorkerPool

    with tempfile.TemporaryDirectory(prefix="deepseek-ocr-rag-") as folder:
        wishes = SourceOptions(limits=READ_BEFORE)
        source = await asyncio.to_thread(resolve, source_path, workspace=Path(folder), options=wishes)
        async with WorkerPool(size=1, limits=Limits(page_seconds=options.page_seconds)) as pool:
            total = (await pool.open(source, password=options.password)).page_count
            if not all(1 <= number <= total for number in pages):
                raise no_such_page(source_path, max(pages), total)

            async def visit(number: int, request: PageRequest) -> PageImage:
                return await pool.visit(source, number, request, password=options.password)

            return await look_again(citation, passage, visit=visit, engine=engine, ocr=options.ocr, pages=pages)


async def look_again(
    citation: Citation,
    passage: Passage,
    *,
    visit: Visit,
    engine: Engine | None,
    ocr: LocalRequest | None,
    pages: Sequence[int],
) -> Citation:
    """The citation with the finest boxes that its pages tell, or as it is."""
    look = _Look(citation=citation, passage=passage, visit=visit, pages=pages)
    ways: list[tuple[str, Callable[[], Awaitable[Citation | None]]]] = [
        ("text layer", lambda: _by_words(look, "text_layer", PageRequest(words=True)))
    ]
    if ocr is not None:
        read = PageRequest(evidence=EvidenceRequest(ocr=ocr))
        ways.append(("offline OCR", lambda: _by_words(look, "ocr", read)))
    if engine is not None and engine.request.image is not None and len(pages) == 1:
        ways.append((engine.name, lambda: _by_model(look, engine)))
    for name, way in ways:
        try:
            found = await way()
        except DeepSeekOCRError as error:
            logger.warning("looking again with %s: %s", name, error)
        except Exception:  # an engine of the user's may raise anything; the citation stays as it was
            logger.exception("looking again with %s failed", name)
        else:
            if found is not None:
                return found
    return citation


# By words


async def _by_words(look: _Look, source: LineSource, request: PageRequest) -> Citation | None:
    citation, seen = look.citation, list[tuple[int, Word]]()
    for number in look.pages:
        page = await look.visit(number, request)
        words = page.read if request.evidence else page.words
        seen += [(number, word) for word in _inside(words, _boxes_on(citation, number))]
    for order in (seen, _by_sight(seen)):
        found = locate(citation.quote, words_passage(order))
        if found.status in _SURE and found.precision in _FINE:
            regions = tuple(replace(region, boxes=joined_lines(region.boxes)) for region in found.regions)
            return replace(citation, regions=regions, precision="word", box_source=source)
    # A text layer is right to the letter: where it says something else, so does the page.
    is_misread = source == "ocr" and len(look.pages) == 1
    return _by_block(look, [word for _, word in seen], source) if is_misread else None


def _by_block(look: _Look, words: Sequence[Word], source: LineSource) -> Citation | None:
    """By the words of the whole block, among which those of the quote may be misread."""
    citation, number = look.citation, look.pages[0]
    spans = {(region.start, region.end) for region in _touched(citation, look.passage)}
    boxes = tuple(_boxes_on(citation, number))
    if len(spans) != 1 or not boxes or " … " in citation.quote:
        return None
    ((first, last),) = spans
    text = look.passage.text[first:last]
    block = Block(id="", kind=BlockKind.PARAGRAPH, text=text, page_number=number, boxes=boxes)
    (block,) = align_blocks((block,), words=tuple(words), source=source)
    start, end = citation.start - first, citation.end - first
    known = sum(max(0, min(line.end, end) - max(line.start, start)) for line in block.lines)
    if known < _KNOWN * (end - start):
        return None
    found = cite_span(Passage(text=text, regions=tuple(place_block(block, 0, len(text), at=0))), start, end)
    return replace(citation, regions=found.regions, precision=found.precision, box_source=source)


def words_passage(words: Iterable[tuple[int, Word]]) -> Passage:
    """Words of pages, with the pages' numbers, as a passage in which each is a region of its own."""
    texts, regions, start = list[str](), list[ChunkRegion](), 0
    for number, word in words:
        if text := word.text.strip():
            end = start + len(text)
            known = (LineWord(start=start, end=end, box=word.box),)
            regions.append(ChunkRegion(page_number=number, box=word.box, start=start, end=end, words=known))
            texts.append(text)
            start = end + 1
    return Passage(text=" ".join(texts), regions=tuple(regions))


def joined_lines(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Boxes of words in reading order, those on one line as one."""
    lines: list[Box] = []
    for box in boxes:
        if lines and box.left >= lines[-1].left and lines[-1].shared_height(box) > SAME_ROW:
            lines[-1] = lines[-1].union(box)
        else:
            lines.append(box)
    return tuple(lines)


def _by_sight(words: Sequence[tuple[int, Word]]) -> list[tuple[int, Word]]:
    """The words of each page from the top and from left to right, since a text layer may be in any order."""
    pages = (list(page) for _, page in groupby(words, key=itemgetter(0)))
    return [page[at] for page in pages for row in visual_rows([word.box for _, word in page]) for at in row]


def _inside(words: Iterable[Word], boxes: Sequence[Box]) -> list[Word]:
    """The words whose middle lies in one of the boxes; all where there are none."""
    grown = [_grown(box) for box in boxes]
    return [word for word in words if not grown or any(box.holds_center_of(word.box) for box in grown)]


# By the model


async def _by_model(look: _Look, engine: Engine) -> Citation | None:
    citation, number = look.citation, look.pages[0]
    image = await look.visit(number, PageRequest(image=engine.request.image))
    if image.is_blank or not image.data:
        return None
    reference = " ".join(citation.quote.split())[:LONGEST_REFERENCE]
    # Engines that can locate take what they are to look for; others raise.
    answer = await cast("Any", engine).recognize(image, task="locate", reference=reference)
    found = page_regions(answer, task="locate").regions
    upright = list(dict.fromkeys(box for region in found for box in region.boxes))
    blocks = [box.turned(image.turn) for box in _boxes_on(citation, number)]
    share, down = _expected(citation, look.passage)
    if not is_plausible(upright, blocks, share=share, down=down):
        return None
    boxes = tuple(box.turned(inverse_turn(image.turn)) for box in upright)
    named = ChunkRegion(page_number=number, box=boxes[0], start=0, end=len(citation.quote))
    precision: Precision = "line" if len(boxes) > 1 or is_one_line(named, citation.quote) else "block"
    regions = (CitationRegion(page_number=number, boxes=boxes),)
    return replace(citation, regions=regions, precision=precision, box_source="model")


def is_plausible(boxes: Sequence[Box], blocks: Sequence[Box], *, share: float, down: float | None = None) -> bool:
    """Whether boxes that a model named may hold ``share`` of the text of the blocks that they should lie in.

    ``down`` is how far down in a single block the middle of that text should be, 0 to 1.
    """
    whole = sum(block.area for block in blocks)
    if not boxes or len(boxes) > 200 or not whole or any(min(box.width, box.height) < _THINNEST for box in boxes):
        return False
    area = sum(box.area for box in boxes)
    middle = sum(box.area * box.center[1] for box in boxes) / area
    wanted = middle if down is None else blocks[0].top + down * blocks[0].height
    is_there = abs(middle - wanted) <= _ASTRAY * blocks[0].height + max(box.height for box in boxes) / 2
    grown = [_grown(block) for block in blocks]
    is_inside = all(any(block.covers(box) >= _INSIDE for block in grown) for box in boxes)
    return is_inside and is_there and share * _SMALLEST <= area / whole <= min(1.1, share * _LARGEST + 0.05)


def _expected(citation: Citation, passage: Passage) -> tuple[float, float | None]:
    """How much of its blocks' text the quote is, and how far down its middle is, where they are a single whole one."""
    touched = _touched(citation, passage)
    size = sum(end - start for start, end in {(region.start, region.end) for region in touched})
    share = min(1.0, len(citation.quote) / max(1, size))
    if len(touched) != 1 or touched[0].is_approximate or is_whole_page(touched[0].box):
        return share, None
    first, last = touched[0].start, touched[0].end
    return share, ((max(citation.start, first) + min(citation.end, last)) / 2 - first) / size


def _pages(citation: Citation, page_number: int | None) -> list[int]:
    """The pages that the quote may be on; none where they are too many to look at."""
    numbers = sorted({region.page_number for region in citation.regions or citation.context})
    numbers = numbers or ([page_number] if page_number else [])
    return numbers if len(numbers) <= MOST_PAGES else [page_number] if page_number else []


def _touched(citation: Citation, passage: Passage) -> list[ChunkRegion]:
    """The regions that have some of the quote."""
    return [region for region in passage.regions if region.start < citation.end and citation.start < region.end]


def _boxes_on(citation: Citation, number: int) -> list[Box]:
    """The boxes of the cited blocks on a page, or of their surroundings; none where only the page is known."""
    for regions in (citation.regions, citation.context):
        boxes = [box for region in regions if region.page_number == number for box in region.boxes]
        if boxes:
            return [box for box in boxes if not is_whole_page(box)]
    return []


def _grown(box: Box) -> Box:
    return Box.from_fractions(box.left - _MARGIN, box.top - _MARGIN, box.right + _MARGIN, box.bottom + _MARGIN)
