"""What was read before is neither drawn nor asked for again, and comes out as it was the first time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deepseek_ocr_rag import ChunkOptions, FigureOptions, PageCache, Progress, ReadOptions, read, read_records
from deepseek_ocr_rag.records import Mode
from deepseek_ocr_rag.render import WorkerPool

from .fakes import FakeEngine, TruncatingEngine, UnavailableEngine
from .test_pipeline import make_pdf, one_worker

SMALL = ChunkOptions(max_tokens=16, counter="approx")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[PageCache]:
    with PageCache(tmp_path / "cache.sqlite") as opened:
        yield opened


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What workers were asked for."""
    asked: list[str] = []
    ask = WorkerPool._ask

    async def counted(self: WorkerPool, source: Any, message: Any, *more: Any, **options: Any) -> Any:
        asked.append(message["do"])
        return await ask(self, source, message, *more, **options)

    monkeypatch.setattr(WorkerPool, "_ask", counted)
    return asked


def pages_of(options: ReadOptions, pdf: Path) -> list[Any]:
    return [page for document in read(pdf, options) for page in document.pages]


def test_a_second_run_asks_nobody_and_draws_nothing(tmp_path: Path, cache: PageCache, visits: list[str]) -> None:
    pdf = make_pdf(tmp_path / "three.pdf")
    first, second = FakeEngine(), FakeEngine()
    before = pages_of(one_worker(engine=first, cache=cache), pdf)
    assert first.pages
    visits.clear()
    after = pages_of(one_worker(engine=second, cache=cache), pdf)
    assert visits == []
    assert second.pages == []
    assert [page.blocks for page in after] == [page.blocks for page in before]
    assert [page.status for page in after] == [page.status for page in before]
    assert [page.usage.cache_hits for page in after] == [1, 1, 1]


@pytest.mark.parametrize("mode", ["chunk", "page"])
def test_the_records_of_a_whole_file_come_out_as_they_were(
    tmp_path: Path, cache: PageCache, visits: list[str], mode: Mode
) -> None:
    pdf = make_pdf(tmp_path / "three.pdf")
    options = one_worker(engine=FakeEngine(), cache=cache)
    before = list(read_records(pdf, options, mode=mode, chunks=SMALL))
    visits.clear()
    told: list[Progress] = []
    again = one_worker(engine=FakeEngine(), cache=cache, progress=told.append)
    assert list(read_records(pdf, again, mode=mode, chunks=SMALL)) == before
    assert visits == []
    assert [(one.page_number, one.status, one.usage.cache_hits) for one in told] == [(at, "ok", 1) for at in (1, 2, 3)]
    assert told[-1].eta_seconds == 0
    other = list(read_records(pdf, again, mode=mode, chunks=ChunkOptions(max_tokens=32, counter="approx")))
    assert other
    assert visits == [], "cut otherwise, it is made of the same answers"


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, cache: PageCache) -> None:
    pdf = make_pdf(tmp_path / "long.pdf", pages=60)
    first, second = FakeEngine(), FakeEngine()
    with closing(read_records(pdf, one_worker(engine=first, cache=cache, lines="none"), mode="page")) as found:
        next(found)
    assert list(read_records(pdf, one_worker(engine=second, cache=cache, lines="none"), mode="page"))
    assert set(first.pages) | set(second.pages) == set(range(1, 61))
    assert len(set(first.pages) & set(second.pages)) <= 4, "those that were being asked for"


def test_what_failed_is_asked_for_again(tmp_path: Path, cache: PageCache) -> None:
    pdf = make_pdf(tmp_path / "three.pdf")
    for bad in (UnavailableEngine(lambda number: number == 2), TruncatingEngine(lambda number: number == 2)):
        list(read_records(pdf, one_worker(engine=bad, cache=cache, fallback="none")))
    healthy = FakeEngine()
    assert list(read_records(pdf, one_worker(engine=healthy, cache=cache, fallback="none")))
    assert healthy.pages == [2]


def test_another_engine_or_file_is_another_question(tmp_path: Path, cache: PageCache) -> None:
    pdf = make_pdf(tmp_path / "three.pdf")
    other = FakeEngine("<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\nOther words.\n")
    other.fingerprint = "other"
    list(read(pdf, one_worker(engine=FakeEngine(), cache=cache)))
    assert "Other words." in next(read(pdf, one_worker(engine=other, cache=cache))).markdown
    assert other.pages == [1, 2, 3]
    longer, engine = make_pdf(tmp_path / "four.pdf", pages=4), FakeEngine()
    list(read(longer, one_worker(engine=engine, cache=cache)))
    assert engine.pages == [1, 2, 3, 4]


def test_the_embedded_engine_reads_a_page_once(tmp_path: Path, cache: PageCache, visits: list[str]) -> None:
    pdf = make_pdf(tmp_path / "three.pdf")
    before = list(read(pdf, one_worker(engine="local", cache=cache)))
    visits.clear()
    after = list(read(pdf, one_worker(engine="local", cache=cache)))
    assert visits == []
    assert [page.blocks for page in after[0].pages] == [page.blocks for page in before[0].pages]


def test_figures_are_read_once_and_their_pictures_written_again(tmp_path: Path, cache: PageCache) -> None:
    text = "<|ref|>image<|/ref|><|det|>[[100, 100, 900, 600]]<|/det|>\n"
    pdf = make_pdf(tmp_path / "three.pdf")
    engines = FakeEngine(text), FakeEngine(text)
    for number, engine in enumerate(engines):
        figures = FigureOptions(folder=str(tmp_path / str(number)), read="describe")
        list(read_records(pdf, one_worker(engine=engine, cache=cache, figures=figures)))
        assert len(list((tmp_path / str(number)).rglob("*.*"))) == 3
    assert engines[0].pages
    assert engines[1].pages == []


@pytest.mark.parametrize("where", ["folder", "file.sqlite", True])
def test_a_cache_is_named_by_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str | bool) -> None:
    monkeypatch.setenv("DEEPSEEK_OCR_CACHE", str(tmp_path / "usual"))
    pdf = make_pdf(tmp_path / "three.pdf")
    place = where if where is True else tmp_path / str(where)
    for expected in ([1, 2, 3], []):
        engine = FakeEngine()
        list(read(pdf, one_worker(engine=engine, cache=place)))
        assert engine.pages == expected
