"""Records that come while their document is being read: the same ones, early, and no file stops the others."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from deepseek_ocr_rag import (
    ChunkOptions,
    CorruptSource,
    Failure,
    Input,
    Limits,
    Progress,
    ReadOptions,
    Record,
    SourceTooLarge,
    aread_records,
    read,
    read_records,
    records,
)
from deepseek_ocr_rag.records import Mode

from .fakes import CrashingEngine, FakeEngine
from .test_pipeline import make_pdf, one_worker

SMALL = ChunkOptions(max_tokens=16, counter="approx")
PROSE = (
    "<|ref|>title<|/ref|><|det|>[[100, 50, 900, 90]]<|/det|>\n## Part {number}\n\n"
    "<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\nPage {number} says this, and then it goes on for more "
    "words than a chunk may have, so that there are a few of them on each page.  \n\n"
)


def whole(inputs: Input, options: ReadOptions, mode: Mode) -> list[Record]:
    return [record for document in read(inputs, options) for record in records(document, mode, options=SMALL)]


@pytest.fixture
def long_pdf(tmp_path: Path) -> Path:
    return make_pdf(tmp_path / "long.pdf", pages=70)


@pytest.mark.parametrize("mode", ["chunk", "page", "document"])
def test_they_are_the_records_of_the_documents(tmp_path: Path, mode: Mode) -> None:
    for number in (1, 2):
        make_pdf(tmp_path / f"{number}.pdf", pages=2 + number)
    options = one_worker(engine=CrashingEngine(lambda number: number == 2))
    found = list(read_records(tmp_path, options, mode=mode, chunks=SMALL))
    assert found == whole(tmp_path, options, mode)
    assert len({record.id for record in found}) == len(found)


def test_the_first_ones_come_long_before_the_last_page_is_read(long_pdf: Path) -> None:
    engine = FakeEngine(PROSE)
    options = one_worker(engine=engine, lines="none")
    with closing(read_records(long_pdf, options, chunks=SMALL)) as found:
        first = next(found)
        assert max(engine.pages) < 45
        rest = list(found)
    assert len(engine.pages) == 70
    assert [first, *rest] == whole(long_pdf, options, "chunk")


def test_closing_early_stops_the_reading(long_pdf: Path) -> None:
    engine = FakeEngine(PROSE)
    with closing(read_records(long_pdf, one_worker(engine=engine, lines="none"), mode="page")) as found:
        next(found)
    assert len(engine.pages) < 60
    assert engine.in_flight == 0
    assert engine.closed == 1


def test_a_file_that_cannot_be_read_is_left_out_or_raised(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 nothing")
    make_pdf(tmp_path / "b.pdf", pages=1)
    failures: list[Failure] = []
    options = one_worker(engine=FakeEngine(), on_failure=failures.append)
    found = list(read_records(tmp_path, options, mode="page"))
    assert [record.metadata["file_name"] for record in found] == ["b.pdf"]
    assert [Path(failure.source).name for failure in failures] == ["a.pdf"]
    with pytest.raises(CorruptSource):
        list(read_records(tmp_path / "a.pdf", options, mode="chunk"))


def test_the_asynchronous_surface_gives_the_same(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "three.pdf")
    options = one_worker(engine=FakeEngine(PROSE))

    async def main() -> list[Record]:
        return [record async for record in aread_records(pdf, options, chunks=SMALL)]

    assert asyncio.run(main()) == list(read_records(pdf, options, chunks=SMALL))


def test_a_mode_that_is_none_is_refused(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "three.pdf")
    with pytest.raises(ValueError, match="mode"):
        list(read_records(pdf, one_worker(engine=FakeEngine()), mode="book"))  # type: ignore[arg-type]


def test_more_pages_than_are_allowed_are_an_error_that_says_how_many(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "three.pdf")
    with pytest.raises(SourceTooLarge, match=r"three\.pdf: has 3 pages; up to 2 are read\. Raise the limit max_pages"):
        list(read(pdf, one_worker(engine=FakeEngine(), limits=Limits(max_pages=2))))
    assert len(list(read(pdf, one_worker(engine=FakeEngine(), limits=Limits(max_pages=3))))) == 1


def test_progress_tells_what_a_bar_needs(tmp_path: Path) -> None:
    for number in (1, 2):
        make_pdf(tmp_path / f"{number}.pdf", pages=3)
    told: list[Progress] = []
    list(read(tmp_path, one_worker(engine=FakeEngine(), pages="2-3", progress=told.append)))
    assert [(one.file_name, one.page_number, one.pages_done, one.run_pages) for one in told] == [
        *(("1.pdf", 2, 1, 1), ("1.pdf", 3, 2, 2)),
        *(("2.pdf", 2, 1, 3), ("2.pdf", 3, 2, 4)),
    ]
    assert told[-1].run_total == 4
    assert told[-1].eta_seconds == 0
    assert all(one.pages_per_second > 0 and one.seconds > 0 for one in told)
