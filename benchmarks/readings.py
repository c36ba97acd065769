"""Pages of known words, read as citations are measured for: as they are, as scans, and by a model's answer.

Each way gives the same pages as documents with their chunks, beside what is true of them.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pymupdf
from boxes import ANSWERS
from truths import Truth, page_truth

from deepseek_ocr_rag import Chunk, Document, ReadOptions, chunk_document, read
from deepseek_ocr_rag.geometry import bounding_box
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import ImageRequest, PageImage, PageRequest, Recognition, Word

DPI = 150
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A page that was read, and the truth about it."""

    truth: Truth
    document: Document
    chunks: Sequence[Chunk] = field(default=())

    def nearest(self, quote: str) -> Chunk | None:
        """The chunk that says most of a quote."""
        said = Counter(WORD.findall(quote.casefold()))
        shares = [(sum((said & Counter(WORD.findall(one.text.casefold()))).values()), one) for one in self.chunks]
        return max(shares, key=lambda share: share[0])[1] if shares else None


def as_text(found: Sequence[Truth], _: Path, folder: Path) -> Iterator[Case]:
    """The pages as they are, each a file of its own."""
    paths = []
    for number, truth in enumerate(found):
        with pymupdf.open(truth.path) as source, pymupdf.open() as single:
            single.insert_pdf(source, from_page=truth.page_number - 1, to_page=truth.page_number - 1)
            paths.append(folder / f"text-{number}.pdf")
            single.save(paths[-1])
    return cases_of(found, paths, ReadOptions(engine="local"))


def as_scan(found: Sequence[Truth], _: Path, folder: Path) -> Iterator[Case]:
    """Pictures of the pages, read by the embedded engine."""
    return cases_of(found, pictures(found, folder, "scan"), ReadOptions(engine="local"))


def as_recorded(_: Sequence[Truth], data: Path, folder: Path) -> Iterator[Case]:
    """Pages of which an answer of the model was recorded."""
    dice, found, answers = random.Random(3), list[Truth](), list[str]()  # noqa: S311 - a sample, not a secret
    for answer, path in ANSWERS:
        texts = (data / "recorded" / answer).read_text(encoding="utf-8").split("<--- Page Split --->")
        with pymupdf.open(data / "recorded" / path) as document:
            for number, text in zip(range(document.page_count), texts, strict=False):
                truth = page_truth(document, number, path=data / "recorded" / path, dice=dice, quotes=12)
                if truth:
                    found.append(truth)
                    answers.append(text)
    return told(found, answers, folder, "model")


def as_made(found: Sequence[Truth], _: Path, folder: Path) -> Iterator[Case]:
    """Pages of which an answer is made: the text and the box of each block."""
    return told(found, [made_answer(truth) for truth in found], folder, "made")


def made_answer(truth: Truth) -> str:
    """What a model would say that reads perfectly, but knows no lines."""
    return answer_of(truth.words, [block for block, _ in truth.lines])


def answer_of(words: Sequence[Word], blocks: Sequence[int]) -> str:
    """Words of which the block is known, as a model would say them: the text and the box of each block."""
    members: dict[int, list[Word]] = {}
    for word, block in zip(words, blocks, strict=True):
        members.setdefault(block, []).append(word)
    said = []
    for inside in members.values():
        whole = bounding_box(word.box for word in inside)
        corners = [round(side * 999) for side in whole.as_tuple()] if whole else []
        text = " ".join(word.text for word in inside)
        said.append(f"<|ref|>text<|/ref|><|det|>[{corners}]<|/det|>\n{text}\n")
    return "\n".join(said)


def told(found: Sequence[Truth], answers: Sequence[str], folder: Path, name: str) -> Iterator[Case]:
    """Pictures of pages, with the answers that a model gives to them."""
    paths = pictures(found, folder, name)
    engine = Told({str(path): answer for path, answer in zip(paths, answers, strict=True)})
    return cases_of(found, paths, ReadOptions(engine=engine, fallback="none"))


class Told:
    """An engine that gives each file's page the answer that it was told."""

    name = fingerprint = "told"
    request = PageRequest(image=ImageRequest(), words=True)

    def __init__(self, answers: Mapping[str, str]) -> None:
        self._answers = answers

    async def recognize(self, page: PageImage, *, task: Task = "markdown") -> Recognition:
        """The answer for the page's file."""
        text = next(answer for path, answer in self._answers.items() if Path(path).name == Path(page.source).name)
        return Recognition(page_number=page.page_number, engine="told", text=text, task=task)

    async def aclose(self) -> None:
        """Nothing is open."""


def pictures(found: Sequence[Truth], folder: Path, name: str) -> list[Path]:
    """The pages drawn, each as a file."""
    paths = []
    for number, truth in enumerate(found):
        with pymupdf.open(truth.path) as document:
            paths.append(folder / f"{name}-{number}.png")
            document[truth.page_number - 1].get_pixmap(dpi=DPI).save(paths[-1])
    return paths


def cases_of(found: Sequence[Truth], paths: Sequence[Path], options: ReadOptions) -> Iterator[Case]:
    """The files read, with what is true of them."""
    for truth, document in zip(found, read(paths, options), strict=True):
        yield Case(truth=truth, document=document, chunks=tuple(chunk_document(document)))


WAYS: Mapping[str, Callable[[Sequence[Truth], Path, Path], Iterator[Case]]] = {
    "text": as_text,
    "scan": as_scan,
    "model": as_recorded,
    "made": as_made,
}
