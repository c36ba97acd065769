"""The embedded engine's pace beside others', on pages with a text layer and on pictures of pages; CPU time, one core.

    python benchmarks/embedded.py ../shared/data [--scanned] [--workers]

Pages per CPU second of our three qualities (a page's whole visit inside the worker: judging its layer, words,
structure, boxes), of PyMuPDF4LLM's ``to_chunks`` (the same layout model, loaded as it loads it), of PyMuPDF's plain
text and, where it is installed, of kreuzberg's markdown, each the best of three, in turns, in this one process; and how
far ``fast`` and ``auto`` agree with ``best``: reading order (longest common subsequence of words), characters,
headings. ``--scanned`` gives pictures of pages to RapidOCR alone and to us, on one thread each. ``--workers`` reads
with one worker and with two, in wall time: only on an idle machine.
"""

# ruff: noqa: SLF001 - PyMuPDF keeps its layout model in a private name

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import pymupdf
import pymupdf.layout
from rapidfuzz.distance import LCSseq

from deepseek_ocr_rag import LocalEngine, ReadOptions, read
from deepseek_ocr_rag.engines.embedded.model import frugal_sessions
from deepseek_ocr_rag.engines.embedded.reading import Reading, read_page
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.paging import open_file
from deepseek_ocr_rag.recognition import LocalRequest, Quality

PAPERS = {
    "two columns": "born_digital/mozilla+pdf.js/test/pdfs/tracemonkey.pdf",
    "report": "born_digital/docling-project+docling/tests/data/pdf/sources/redp5110_sampled.pdf",
    "prose": "born_digital/docling-project+docling/tests/data/pdf/sources/multi_page.pdf",
}
SCANNED = {
    "two columns": ("born_digital/Unstructured-IO+unstructured/example-docs/pdf/multi-column-2p.pdf", 2),
    "table": ("born_digital/docling-project+docling/tests/data/pdf/sources/2305.03393v1-pg9.pdf", 1),
    "paper": ("born_digital/deepseek-ai+DeepSeek-OCR-2/DeepSeek_OCR2_paper.pdf", 3),
}
DPI = 150
PLAIN_MODEL = pymupdf._get_layout
ROUNDS = 3
QUALITIES: tuple[Quality, ...] = ("best", "auto", "fast")
HEADINGS = ("section-header", "title")
CHUNKS = "PyMuPDF4LLM to_chunks"
BEST, FAST = "best, times the pace of to_chunks", "fast, pages a CPU second"
SCAN, TWO_WORKERS = "a picture of a page, CPU over RapidOCR alone", "two workers, times the pace of one"


def main() -> int:
    """Print all that was asked for on the command line."""
    run(Path(sys.argv[1]), scanned="--scanned" in sys.argv, workers="--workers" in sys.argv)
    return 0


def run(data: Path, *, scanned: bool = True, workers: bool = True) -> dict[str, float]:
    """Measure, print, and give the figures that count by their names."""
    found: dict[str, float] = {}
    for name, path in PAPERS.items():
        found |= run_paper(name, data / path)
    if scanned:
        found |= run_scanned(data)
    if workers:
        found[TWO_WORKERS] = two_workers(data / PAPERS["two columns"])
    return found


def run_paper(name: str, path: Path) -> dict[str, float]:
    """Paces and agreement on one document."""
    with pymupdf.open(path) as document:
        count = document.page_count
    rivals: dict[str, Callable[[], object]] = {f"ours, {each}": partial(ours, path, each) for each in QUALITIES}
    rivals |= peers(path)
    seconds = in_turns(rivals)
    print(f"\n{name}: {path.name}, {count} pages")
    for rival, spent in seconds.items():
        print(f"  {rival:32}{count / spent:9.1f} pages a CPU second")
    found = {f"{FAST}: {name}": count / seconds["ours, fast"]}
    if CHUNKS in seconds:
        found[f"{BEST}: {name}"] = seconds[CHUNKS] / seconds["ours, best"]
        print(f"  {BEST}: {found[f'{BEST}: {name}']:.2f}")
    best = ours(path, "best")
    for quality in ("auto", "fast"):
        print_agreement(quality, ours(path, quality), best)
    return found


def print_agreement(quality: str, found: Sequence[Reading], best: Sequence[Reading]) -> None:
    """How alike two readings of the same pages are."""
    orders, shares = [], []
    heard: Counter[str] = Counter()
    for one, other in zip(found, best, strict=True):
        said, known = words(one), words(other)
        orders.append(LCSseq.normalized_similarity(said, known))
        shares.append(letters(said, known))
        heard += Counter(both=sum((headings(one) & headings(other)).values()), ours=sum(headings(one).values()))
        heard += Counter(best=sum(headings(other).values()))
    plain = sum(one.engine.endswith("-fast") for one in found)
    print(
        f"  {quality} beside best: order {sum(orders) / len(orders):.1%}, characters {sum(shares) / len(shares):.2%}, "
        f"headings {heard['both']} of {heard['best']} (and {heard['ours'] - heard['both']} others), "
        f"{plain} of {len(found)} pages without the model"
    )


def words(reading: Reading) -> list[str]:
    """What is on a page, in reading order, without a table's bars."""
    return [word for region in reading.regions for word in region.text.replace("|", " ").split()]


def letters(said: Sequence[str], known: Sequence[str]) -> float:
    """The share of letters and digits of one that the other has, too."""
    wanted = Counter(char for char in "".join(known) if char.isalnum())
    has = Counter("".join(said))
    return sum((wanted & has).values()) / wanted.total() if wanted else 1.0


def headings(reading: Reading) -> Counter[str]:
    """The headings of a page, letters only."""
    texts = (region.text for region in reading.regions if region.label in HEADINGS)
    return Counter("".join(filter(str.isalnum, text.lower())) for text in texts)


def ours(path: Path, quality: Quality) -> list[Reading]:
    """All pages as the worker reads them."""
    pymupdf._get_layout = frugal_model()
    file = open_file(path, media_type="application/pdf", name=path.name, limits=Limits())
    try:
        count = file.facts.page_count
        return [read_page(file.page(number), LocalRequest(quality=quality)) for number in range(1, count + 1)]
    finally:
        file.close()


@cache
def frugal_model() -> Any:
    """The layout model as a worker loads it; here PyMuPDF has loaded it before, in its own way."""
    with frugal_sessions():
        pymupdf._get_layout = None
        pymupdf.layout.activate()
    return pymupdf._get_layout


def peers(path: Path) -> dict[str, Callable[[], object]]:
    """Others that are installed; what is missing is said."""
    found: dict[str, Callable[[], object]] = {"PyMuPDF plain text": partial(plain_text, path)}
    if find_spec("pymupdf4llm"):
        found[CHUNKS] = partial(chunks, path)
    if find_spec("kreuzberg"):
        found["kreuzberg markdown"] = partial(kreuzberg, path)
    else:
        print("kreuzberg is left out: not installed")
    return found


def plain_text(path: Path) -> list[str]:
    """No structure, no boxes."""
    with pymupdf.open(path) as document:
        return [page.get_text() for page in document]


def chunks(path: Path) -> Any:
    """As its documentation shows it, but without OCR, which we do not use on these pages either."""
    import pymupdf4llm

    own = frugal_model()
    pymupdf._get_layout = PLAIN_MODEL
    try:
        with redirect_stdout(StringIO()):
            return pymupdf4llm.to_chunks(str(path), use_ocr=False)
    finally:
        pymupdf._get_layout = own


def kreuzberg(path: Path) -> Any:
    """Markdown without boxes."""
    library = import_module("kreuzberg")
    config = library.ExtractionConfig(output_format="markdown", use_cache=False)
    return library.extract_file_sync(str(path), config=config)


def in_turns(rivals: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least CPU seconds of each; one after the other, so that a busy minute meets all of them."""
    least = dict.fromkeys(rivals, float("inf"))
    for _ in range(ROUNDS):
        for name, run in rivals.items():
            started = time.process_time()
            run()
            least[name] = min(least[name], time.process_time() - started)
    return least


def run_scanned(data: Path) -> dict[str, float]:
    """Pictures of pages: RapidOCR alone, and our whole page with turn, skew, words and layout."""
    from rapidocr import RapidOCR

    thread = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    alone = RapidOCR(params={"Global.use_cls": False, "Global.log_level": "critical", **thread})
    print("\npictures of pages")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, number) in SCANNED.items():
            picture = Path(folder) / f"{number}.png"
            with pymupdf.open(data / path) as document:
                document[number - 1].get_pixmap(dpi=DPI).save(picture)
            seconds = in_turns({"alone": partial(alone, str(picture)), "ours": partial(read_picture, picture)})
            ratio = found[f"{SCAN}: {name}"] = seconds["ours"] / seconds["alone"]
            print(f"  {name:12} RapidOCR alone {seconds['alone']:.2f} CPU s, ours {seconds['ours']:.2f}: {ratio:.2f}")
    return found


def read_picture(path: Path) -> Reading:
    """A picture as the worker reads it."""
    file = open_file(path, media_type="image/png", name=path.name, limits=Limits())
    try:
        return read_page(file.page(1), LocalRequest(threads=1))
    finally:
        file.close()


def two_workers(path: Path) -> float:
    """How many times the pace of one worker two have, over the same document three times, starts included."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "long.pdf"
        with pymupdf.open(path) as document, pymupdf.open() as long:
            for _ in range(3):
                long.insert_pdf(document)
            long.save(copy)
        walls = []
        for workers in (1, 2):
            started = time.perf_counter()
            pages = sum(len(one.pages) for one in read(copy, ReadOptions(engine=LocalEngine(), workers=workers)))
            print(f"{workers} workers, {pages} pages: {time.perf_counter() - started:.1f} s")
            walls.append(time.perf_counter() - started)
    print(f"{TWO_WORKERS}: {walls[0] / walls[1]:.2f}")
    return walls[0] / walls[1]


if __name__ == "__main__":
    sys.exit(main())
