"""Sentences of real pages whose words the PDF itself places, and how well a highlight covers them.

A sentence is drawn from one block of MuPDF's text layer, so that nothing of ours decides what a quote is. Its true
place is the union of its words, line by line. Areas are counted on a grid of half points.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import mean

import numpy as np
import pymupdf
from numpy.typing import NDArray

from deepseek_ocr_rag import Box
from deepseek_ocr_rag.geometry import bounding_box
from deepseek_ocr_rag.recognition import Word

SHORTEST, LONGEST = 6, 45
"""Words of a quote."""
LEAST_PROSE = 80
"""Words in sentences that a page has at least."""
GRID = 2
"""Cells of the grid for a point."""
_END = re.compile(r"[.!?][\"'”’)\]]*\Z")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A sentence as it stands on a page, wrapped anew, with the numbers of its words on that page."""

    text: str
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A page, its words, and the sentences to be found; ``lines`` are the numbers of the words' lines."""

    path: Path
    page_number: int
    width: float
    height: float
    words: tuple[Word, ...]
    lines: tuple[tuple[int, int], ...]
    quotes: tuple[Quote, ...]

    def boxes(self, quote: Quote) -> list[Box]:
        """Where the words of a quote stand, a box a line."""
        runs = groupby(enumerate(quote.words), key=lambda item: (self.lines[item[1]], item[1] - item[0]))
        found = (bounding_box(self.words[at].box for _, at in run) for _, run in runs)
        return [box for box in found if box]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a highlight compares with the truth: areas, and the words whose middle it covers."""

    precision: float
    recall: float
    iou: float
    words: float
    """F1 of the words."""


def truths(paths: Sequence[Path], *, pages: int, quotes: int, seed: int) -> Iterator[Truth]:
    """Pages with prose, three of a file at most, drawn at random; each with so many sentences or fewer."""
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    candidates = list(paths)
    dice.shuffle(candidates)
    found = 0
    for path in candidates:
        for truth in _of_file(path, dice, most=min(3, pages - found), quotes=quotes):
            found += 1
            yield truth
        if found >= pages:
            return


def _of_file(path: Path, dice: random.Random, *, most: int, quotes: int) -> Iterator[Truth]:
    try:
        document = pymupdf.open(path)
    except (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase):
        return
    with document:
        if document.needs_pass or not document.is_pdf:
            return
        numbers = list(range(document.page_count))
        dice.shuffle(numbers)
        for number in numbers[:20]:
            if most <= 0:
                return
            truth = page_truth(document, number, path=path, dice=dice, quotes=quotes)
            if truth:
                most -= 1
                yield truth


def page_truth(
    document: pymupdf.Document, number: int, *, path: Path, dice: random.Random, quotes: int
) -> Truth | None:
    """A page's words and some of its sentences; None where it has too little prose, or is turned."""
    page = document[number]
    if page.rotation or page.rect.width < 1:
        return None
    rows = page.get_text("words")
    size = {"width": page.rect.width, "height": page.rect.height}
    words = tuple(Word(text=str(row[4]), box=Box.from_size(row[:4], **size)) for row in rows)
    lines = tuple((int(row[5]), int(row[6])) for row in rows)
    whole = " ".join(word.text for word in words)
    # A sentence that the page says twice is rightly cited at either place.
    sentences = [quote for quote in _sentences(words, lines) if _is_prose(quote) and whole.count(quote.text) == 1]
    if sum(len(quote.words) for quote in sentences) < LEAST_PROSE:
        return None
    chosen = dice.sample(sentences, min(quotes, len(sentences)))
    return Truth(path=path, page_number=number + 1, words=words, lines=lines, quotes=tuple(chosen), **size)


def _sentences(words: Sequence[Word], lines: Sequence[tuple[int, int]]) -> Iterator[Quote]:
    """Runs of words within a block, from the end of one sentence to that of the next."""
    for _, block in groupby(range(len(words)), key=lambda at: lines[at][0]):
        run: list[int] | None = None
        for at in block:
            if run is not None:
                run.append(at)
            if _END.search(words[at].text):
                if run and SHORTEST <= len(run) <= LONGEST:
                    yield Quote(text=" ".join(words[one].text for one in run), words=tuple(run))
                run = []


def _is_prose(quote: Quote) -> bool:
    letters = sum(char.isalpha() or char.isspace() for char in quote.text)
    return letters > 0.85 * len(quote.text) and all(char.isprintable() for char in quote.text)


# Changed quotes


Change = Callable[[Quote, random.Random], Quote]
"""What a model or a person makes of a quote; its words are those that it still says."""


def as_it_is(quote: Quote, _: random.Random) -> Quote:
    """The quote itself."""
    return quote


def noisy(share: float) -> Change:
    """Letters exchanged, dropped or doubled, that share of them; digits stay."""

    def changed(quote: Quote, dice: random.Random) -> Quote:
        said = (_misread(char, dice) if char.isalpha() and dice.random() < share else char for char in quote.text)
        return Quote(text="".join(said), words=quote.words)

    return changed


def _misread(char: str, dice: random.Random) -> str:
    return dice.choice(("", char * 2, dice.choice(_LETTERS), dice.choice(_LETTERS)))


def with_words_dropped(quote: Quote, dice: random.Random) -> Quote:
    """Every eighth word missing, about, but no numbers; the place is that of all."""
    words = quote.text.split()
    kept = [word for word in words if dice.random() > 0.12 or any(map(str.isdigit, word))]
    return Quote(text=" ".join(kept or words), words=quote.words)


def elided(quote: Quote, _: random.Random) -> Quote:
    """The middle third left out, where the quote is long enough to be told from its ends."""
    words = quote.text.split()
    third = len(words) // 3
    if len(words) < 12 or len(words) != len(quote.words):
        return quote
    said = f"{' '.join(words[:third])} ... {' '.join(words[-third:])}"
    return Quote(text=said, words=(*quote.words[:third], *quote.words[-third:]))


# Scores


def score(truth: Truth, quote: Quote, boxes: Sequence[Box]) -> Score:
    """Compare boxes on the quote's page with where its words stand."""
    right, marked = _mask(truth, truth.boxes(quote)), _mask(truth, boxes)
    shared, union = int((right & marked).sum()), int((right | marked).sum())
    covered = {at for at, word in enumerate(truth.words) if any(box.holds_center_of(word.box) for box in boxes)}
    both = len(covered & set(quote.words))
    return Score(
        precision=shared / max(1, int(marked.sum())),
        recall=shared / max(1, int(right.sum())),
        iou=shared / max(1, union),
        words=2 * both / max(1, len(covered) + len(quote.words)),
    )


def _mask(truth: Truth, boxes: Sequence[Box]) -> NDArray[np.bool_]:
    width, height = round(truth.width * GRID), round(truth.height * GRID)
    mask = np.zeros((height, width), dtype=np.bool_)
    for box in boxes:
        left, top, right, bottom = (round(side) for side in box.to_size(width=width, height=height))
        mask[top:bottom, left:right] = True
    return mask


def summary(scores: Sequence[Score | None]) -> dict[str, float]:
    """Means over what was highlighted, and shares of all; None is a quote without a highlight."""
    shown = [one for one in scores if one is not None]
    if not shown:
        return {"n": len(scores), "abstained": 1.0}
    return {
        "n": len(scores),
        "precision": mean(one.precision for one in shown),
        "recall": mean(one.recall for one in shown),
        "iou": mean(one.iou for one in shown),
        "words": mean(one.words for one in shown),
        "half": sum(one.iou >= 0.5 for one in shown) / len(shown),
        "abstained": 1 - len(shown) / len(scores),
    }
