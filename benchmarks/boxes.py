"""Compare the boxes of recorded answers with the words that the PDFs themselves hold.

    python benchmarks/boxes.py ../shared/data/recorded

Every text block of an answer is looked for in the text layer of its page, by letters and digits alone. Where it stands
there once, from the beginning of a word to the end of one, the edges of its box are compared with those of the union
of these words. Printed, in % of the page's width and height: the median and the 90th percentile of the error of all
edges and of each, and the median if the model had counted in the page padded to a square, as old builds of llama.cpp
do. The exit code is 1 where the median over all files is 1 % or more, and 2 where the folder has no answers. ``--json``
keeps the figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pymupdf

from deepseek_ocr_rag import Box
from deepseek_ocr_rag.blocks import build_blocks
from deepseek_ocr_rag.document import BlockKind
from deepseek_ocr_rag.geometry import Frame, bounding_box
from deepseek_ocr_rag.recognition import Recognition, Word

GOAL = 1.0
ANSWERS = (
    ("lacerbi__inscriber/deepseek_calibration_raw.txt", "lacerbi__inscriber/calibration.pdf"),
    ("lacerbi__inscriber/deepseek_calibration_gundam2048_raw.txt", "lacerbi__inscriber/calibration.pdf"),
    ("lacerbi__inscriber/deepseek_paper_p1_raw.txt", "lacerbi__inscriber/sample_paper.pdf"),
    ("docling-project__docling/deepseek_example.md", "docling-project__docling/2305.03393v1-pg9.pdf"),
    ("bmwj__Deepseek-TBOCR/TB_det.mmd", "bmwj__Deepseek-TBOCR/TB.pdf"),
)
"""Recorded answers and the documents that they are about; an answer holds as many pages as its document."""
SHORTEST = 8
DRAWN = "►▶•●■□◆○"
TEXTS = (BlockKind.TITLE, BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.CAPTION)
EDGES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A block's box and the box of its words, as fractions of the page, which is that wide for each unit of height."""

    said: Box
    shown: Box
    shape: float
    has_drawn_bullet: bool
    """The text begins with a mark that is a drawing in the PDF and no word, so the left edges are not comparable."""

    def errors(self, *, is_padded: bool = False) -> dict[str, float]:
        """How far each edge is off, in % of the page; ``is_padded`` takes the box for one in the padded page."""
        said = Frame.padded_square(self.shape, 1.0).place(self.said) if is_padded else self.said
        edges = zip(EDGES, said.as_tuple(), self.shown.as_tuple(), strict=True)
        return {
            name: 100 * abs(ours - theirs)
            for name, ours, theirs in edges
            if not (self.has_drawn_bullet and name == "left")
        }


def main() -> int:
    """Compare, and print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="the recorded answers")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    there = [pair for pair in ANSWERS if all((arguments.folder / path).is_file() for path in pair)]
    if not there:
        parser.error(f"{arguments.folder} has none of the answers: pass the folder that holds {ANSWERS[0][0]}")
    found: dict[str, list[Match]] = {}
    texts = 0
    print(
        f"{'answer':60} {'texts':>5} {'found':>5} {'median':>7} {'p90':>6}  "
        + " ".join(f"{e:>6}" for e in EDGES)
        + "  padded"
    )
    for answer, document in there:
        count, matches = compare(arguments.folder / answer, arguments.folder / document)
        texts += count
        found[answer] = matches
        print(row(answer, count, matches))
    every = [match for matches in found.values() for match in matches]
    print(row("all", texts, every))
    if arguments.json:
        figures = {name: summary(matches) for name, matches in {**found, "all": every}.items()}
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0 if every and summary(every)["median"] < GOAL else 1


def compare(answer: Path, document: Path) -> tuple[int, list[Match]]:
    """How many texts the answer has, and those found among the words of the document."""
    pages = answer.read_text(encoding="utf-8").split("<--- Page Split --->")
    count, matches = 0, []
    with pymupdf.open(document) as pdf:
        for page, text in zip(pdf, pages, strict=False):
            words = list(page_words(page))
            blocks, _ = build_blocks(Recognition(page_number=page.number + 1, engine="recorded", text=text))
            for block in blocks:
                if block.kind in TEXTS and len(block.boxes) == 1 and len(letters(block.text)) >= SHORTEST:
                    count += 1
                    found = find(block.text, words)
                    shape = page.rect.width / page.rect.height
                    if shown := bounding_box(word.box for word in found):
                        is_drawn = block.text[0] in DRAWN and not found[0].text.startswith(block.text[0])
                        match = Match(said=block.boxes[0], shown=shown, shape=shape, has_drawn_bullet=is_drawn)
                        matches.append(match)
    return count, matches


def page_words(page: pymupdf.Page) -> Iterator[Word]:
    """The words of a page's text layer, in its order."""
    for *corners, text, _, _, _ in page.get_text("words"):
        yield Word(text=text, box=Box.from_size(corners, width=page.rect.width, height=page.rect.height))


def find(text: str, words: list[Word]) -> list[Word]:
    """The words that say the text, where it is said once and by whole words; else none."""
    said = [letters(word.text) for word in words]
    ends = list(accumulate(map(len, said)))
    page, wanted = "".join(said), letters(text)
    start = page.find(wanted)
    end = start + len(wanted)
    is_whole = (start == 0 or start in ends) and end in ends
    if start < 0 or not is_whole or page.find(wanted, start + 1) >= 0:
        return []
    first = next(at for at, reached in enumerate(ends) if reached > start)
    while first and not said[first - 1] and not text[0].isalnum():  # a bullet may be a word of its own
        first -= 1
    return words[first : ends.index(end) + 1]


def letters(text: str) -> str:
    """Letters, digits and the marks that some scripts write on them."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in folded if char.isalnum() or unicodedata.category(char).startswith("M"))


def summary(matches: Sequence[Match]) -> dict[str, float]:
    """The figures of some matches."""
    errors = [match.errors() for match in matches]
    flat = sorted(error for edges in errors for error in edges.values())
    if not flat:
        return {"blocks": 0, "median": float("nan"), "p90": float("nan")}
    by_edge = {name: [edges[name] for edges in errors if name in edges] for name in EDGES}
    padded = [error for match in matches for error in match.errors(is_padded=True).values()]
    return {
        "blocks": len(errors),
        "median": statistics.median(flat),
        "p90": flat[int(0.9 * (len(flat) - 1))],
        **{name: statistics.median(found) if found else float("nan") for name, found in by_edge.items()},
        "padded": statistics.median(padded),
    }


def row(name: str, texts: int, matches: list[Match]) -> str:
    """A line of the printed table."""
    figures = summary(matches)
    edges = " ".join(f"{figures.get(edge, float('nan')):6.2f}" for edge in EDGES)
    median, p90, padded = figures["median"], figures["p90"], figures.get("padded", float("nan"))
    return f"{name:60} {texts:5} {len(matches):5} {median:6.2f}% {p90:5.2f}%  {edges}  {padded:5.2f}%"


if __name__ == "__main__":
    raise SystemExit(main())
