"""A two-column paper of as many pages as are wanted, what a model would answer to each, and what runs cost."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pymupdf
from endpoint import key_of
from readings import answer_of

from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.recognition import PageRequest, Word
from deepseek_ocr_rag.render import WorkerPool
from deepseek_ocr_rag.source import resolve

PAPER = Path("born_digital/mozilla+pdf.js/test/pdfs/tracemonkey.pdf")
"""Fourteen pages in two columns, with figures, tables and code."""


def repeated(paper: Path, folder: Path, *, pages: int, name: str = "paper") -> Path:
    """The paper, again and again, until it has so many pages."""
    path = folder / f"{name}-{pages}.pdf"
    with pymupdf.open(paper) as once, pymupdf.open() as whole:
        while len(whole) < pages:
            last = min(len(once), pages - len(whole)) - 1
            whole.insert_pdf(once, to_page=last)
        whole.save(path)
    return path


def answers(paper: Path, folder: Path, request: PageRequest) -> Mapping[str, str]:
    """What a model that reads perfectly says to the picture of each page."""
    return asyncio.run(_answers(paper, folder, request))


async def _answers(paper: Path, folder: Path, request: PageRequest) -> Mapping[str, str]:
    source = resolve(paper, workspace=folder)
    found = {}
    async with WorkerPool(size=1) as pool:
        with pymupdf.open(paper) as document:
            for number, page in enumerate(document, start=1):
                image = await pool.visit(source, number, request)
                found[key_of(image.data)] = answer_of(*words_and_blocks(page))
    return found


def words_and_blocks(page: pymupdf.Page) -> tuple[list[Word], list[int]]:
    """The words of a page that is not turned, and the block that each is of."""
    rows = page.get_text("words")
    size = {"width": page.rect.width, "height": page.rect.height}
    return [Word(text=row[4], box=Box.from_size(row[:4], **size)) for row in rows], [row[5] for row in rows]


@dataclass(kw_only=True)
class Cost:
    """What a run took: seconds, CPU seconds of this process and its workers, and their memory at its highest."""

    seconds: float = 0.0
    cpu: float = 0.0
    own_cpu: float = 0.0
    peak: int = 0
    """Bytes of resident memory, of all processes together."""
    samples: list[tuple[float, int]] = field(default_factory=list)
    """Memory over time."""


@contextmanager
def measured(*, every: float = 0.0) -> Iterator[Cost]:
    """Measure a run; with ``every``, memory too, each so many seconds."""
    cost = Cost()
    started, before, own = time.perf_counter(), _cpu(), _cpu(resource.RUSAGE_SELF)
    with _Watch(cost, every) if every else _Idle():
        yield cost
    cost.seconds = time.perf_counter() - started
    cost.cpu, cost.own_cpu = _cpu() - before, _cpu(resource.RUSAGE_SELF) - own


def _cpu(*whose: int) -> float:
    found = [resource.getrusage(one) for one in whose or (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in found)


class _Idle:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class _Watch(_Idle):
    """Looks at the memory of this process and its children, but for those that are a benchmark's own servers."""

    def __init__(self, cost: Cost, every: float) -> None:
        self._cost, self._every = cost, every
        self._strangers = set(children(os.getpid()))
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        started = time.perf_counter()
        while not self._done.wait(self._every):
            ours = [os.getpid(), *(child for child in children(os.getpid()) if child not in self._strangers)]
            total = sum(map(resident, ours))
            self._cost.samples.append((time.perf_counter() - started, total))
            self._cost.peak = max(self._cost.peak, total)


def children(parent: int) -> list[int]:
    """The processes that a process started, and theirs."""
    found: list[int] = []
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            direct = [int(child) for child in path.read_text().split()]
        except OSError:
            continue
        for child in direct:
            found += (child, *children(child))
    return found


def resident(process: int) -> int:
    """Bytes of resident memory of a process; 0 of one that is gone."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
