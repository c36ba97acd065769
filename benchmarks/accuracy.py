"""Character accuracy of the embedded engine beside RapidOCR alone, on pages whose text layer is the truth.

    python benchmarks/accuracy.py ../shared/data

Each page is rasterised at 150 dpi and given, as the same picture, to our engine and to RapidOCR without its line
classifier. Every truth word goes to the line box that holds its middle; the words and the text of each line are
compared letter by letter (Levenshtein), without spaces and hyphens, compatibility forms folded; truth words that no
line holds are deletions, lines that hold no truth word are insertions. Prints CER by page, the mean, and the ratio.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
from rapidfuzz.distance import Levenshtein

from deepseek_ocr_rag import Box, LocalEngine, ReadOptions, read

PAGES = {
    "prose": ("born_digital/docling-project+docling/tests/data/pdf/sources/multi_page.pdf", 1),
    "two columns": ("born_digital/Unstructured-IO+unstructured/example-docs/pdf/multi-column-2p.pdf", 2),
    "table": ("born_digital/docling-project+docling/tests/data/pdf/sources/2305.03393v1-pg9.pdf", 1),
    "form": ("born_digital/allenai+olmocr/tests/gnarly_pdfs/form_on_later_pages.pdf", 3),
    "paper": ("born_digital/deepseek-ai+DeepSeek-OCR-2/DeepSeek_OCR2_paper.pdf", 3),
    "code": ("born_digital/docling-project+docling/tests/data/pdf/sources/code_and_formula.pdf", 1),
}
DPI = 150

Placed = tuple[str, Box]


def main() -> int:
    """Measure all pages below the data folder of the command line."""
    data = Path(sys.argv[1])
    alone = plain_rapidocr()
    rates: dict[str, list[float]] = {"ours": [], "RapidOCR alone": []}
    seconds: dict[str, float] = dict.fromkeys(rates, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, number) in PAGES.items():
            truth, picture = page_of(data / path, number, Path(folder))
            for engine, reader in (("ours", ours), ("RapidOCR alone", alone)):
                started = time.perf_counter()
                lines = reader(picture)
                seconds[engine] += time.perf_counter() - started
                rates[engine].append(error_rate(truth, lines))
            print(
                f"{name:12} ours {rates['ours'][-1]:6.2%}   RapidOCR alone {rates['RapidOCR alone'][-1]:6.2%}",
                flush=True,
            )
    means = {engine: statistics.mean(values) for engine, values in rates.items()}
    print(f"{'mean':12} ours {means['ours']:6.2%}   RapidOCR alone {means['RapidOCR alone']:6.2%}")
    print(f"ratio of errors, ours to RapidOCR alone: {means['ours'] / means['RapidOCR alone']:.2f}")
    print(f"seconds, start of the worker included: ours {seconds['ours']:.1f}")
    print(f"seconds: RapidOCR alone {seconds['RapidOCR alone']:.1f}")
    return 0


def page_of(path: Path, number: int, folder: Path) -> tuple[list[Placed], Path]:
    """The words of a page's text layer, and a picture of it."""
    with pymupdf.open(path) as document:
        page = document[number - 1]
        width, height = page.rect.width, page.rect.height
        words = [(word[4], Box.from_size(word[:4], width=width, height=height)) for word in page.get_text("words")]
        picture = folder / f"{path.stem}-{number}.png"
        page.get_pixmap(dpi=DPI).save(picture)
    return words, picture


def ours(picture: Path) -> list[Placed]:
    """Lines by the embedded engine."""
    (document,) = read(picture, ReadOptions(engine=LocalEngine(threads=2), workers=1))
    return [(block.text[line.start : line.end], line.box) for block in document.blocks() for line in block.lines]


def plain_rapidocr() -> Any:
    """RapidOCR with default settings, but for the classifier."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.use_cls": False, "Global.log_level": "critical"})

    def lines(picture: Path) -> list[Placed]:
        answer = engine(str(picture))
        height, width = answer.img.shape[:2]
        boxes = [hull(np.asarray(quad), width, height) for quad in answer.boxes]
        return list(zip(answer.txts, boxes, strict=True))

    return lines


def hull(quad: Any, width: int, height: int) -> Box:
    """The upright box around four corners in pixels."""
    (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
    return Box.from_size((float(x0), float(y0), float(x1), float(y1)), width=width, height=height)


def error_rate(truth: Sequence[Placed], lines: Sequence[Placed]) -> float:
    """Character error rate of lines against words with places."""
    held: dict[int, list[Placed]] = {}
    missed = 0
    for word, box in truth:
        holders = [index for index, (_, line) in enumerate(lines) if line.holds_center_of(box)]
        if holders:
            nearest = min(holders, key=lambda index: abs(lines[index][1].center[1] - box.center[1]))
            held.setdefault(nearest, []).append((word, box))
        else:
            missed += len(folded(word))
    errors = missed
    for index, (text, _) in enumerate(lines):
        said = "".join(word for word, _ in in_lines(held.get(index, ())))
        errors += Levenshtein.distance(folded(said), folded(text))
    return errors / sum(len(folded(word)) for word, _ in truth)


def in_lines(words: Sequence[Placed]) -> list[Placed]:
    """Words from left to right, line by line: a table's cell may hold several lines."""
    lines: list[list[Placed]] = []
    for placed in sorted(words, key=lambda word: word[1].center[1]):
        box = placed[1]
        if lines and box.center[1] - lines[-1][-1][1].center[1] < 0.5 * box.height:
            lines[-1].append(placed)
        else:
            lines.append([placed])
    return [placed for line in lines for placed in sorted(line, key=lambda word: word[1].left)]


def folded(text: str) -> str:
    """Letters only as far as typography goes: no spaces, hyphens or forms of quotes."""
    text = unicodedata.normalize("NFKC", text).translate(str.maketrans("“”‘’–—−", "\"\"''---"))
    return re.sub(r"[\s\-\u00ad]", "", text)


if __name__ == "__main__":
    sys.exit(main())
