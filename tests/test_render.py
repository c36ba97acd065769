"""The pool of workers: pages come back, and a worker that hangs or dies costs one page."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pymupdf
import pytest
from PIL import Image

from deepseek_ocr_rag.errors import CorruptSource, EncryptedSource, EngineUnavailable, PageFailed
from deepseek_ocr_rag.recognition import ImageRequest, LocalRequest, PageRequest
from deepseek_ocr_rag.render import WorkerPool
from deepseek_ocr_rag.source import Source

T = TypeVar("T")
PICTURE = PageRequest(image=ImageRequest(long_side=400), words=True)


def source_of(path: Path) -> Source:
    return Source(name=path.name, file_name=path.name, path=path, media_type="application/pdf", sha256="0" * 64)


def run(work: Callable[[WorkerPool], Awaitable[T]], *, size: int = 1, seconds: float = 60.0) -> T:
    async def main() -> T:
        async with WorkerPool(size=size, page_seconds=seconds) as pool:
            return await work(pool)

    return asyncio.run(main())


@pytest.fixture
def three_pages(tmp_path: Path) -> Source:
    document = pymupdf.open()
    for number in (1, 2, 3):
        document.new_page(width=300, height=400).insert_text((50, 100), f"page {number}", fontsize=20)
    document.new_page(width=300, height=400)
    document.set_metadata({"title": "Three pages"})
    document.save(tmp_path / "three.pdf")
    return source_of(tmp_path / "three.pdf")


def test_opening_tells_what_is_inside(three_pages: Source) -> None:
    facts = run(lambda pool: pool.open(three_pages))
    assert (facts.page_count, facts.title) == (4, "Three pages")


def test_a_visit_brings_picture_and_words(three_pages: Source) -> None:
    page = run(lambda pool: pool.visit(three_pages, 2, PICTURE))
    assert [word.text for word in page.words] == ["page", "2"]
    with Image.open(io.BytesIO(page.data)) as image:
        assert image.size == (page.width, page.height) == (300, 400)
    assert (page.page_number, page.page_width, page.page_height, page.source) == (2, 300, 400, "three.pdf")


def test_a_blank_page_is_not_rendered(three_pages: Source) -> None:
    page = run(lambda pool: pool.visit(three_pages, 4, PICTURE))
    assert page.is_blank
    assert page.data == b""


def test_errors_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "junk.pdf").write_bytes(b"junk")
    with pytest.raises(CorruptSource, match=r"^junk\.pdf: "):
        run(lambda pool: pool.open(source_of(tmp_path / "junk.pdf")))
    document = pymupdf.open()
    document.new_page()
    document.save(tmp_path / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="sesame")
    with pytest.raises(EncryptedSource, match="password"):
        run(lambda pool: pool.open(source_of(tmp_path / "locked.pdf")))
    assert run(lambda pool: pool.open(source_of(tmp_path / "locked.pdf"), password="sesame")).page_count == 1


def test_a_page_that_is_not_there_is_that_pages_error(three_pages: Source) -> None:
    with pytest.raises(PageFailed, match=r"three\.pdf, page 9: "):
        run(lambda pool: pool.visit(three_pages, 9, PICTURE))


def test_ocr_that_is_not_allowed_says_what_to_install(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.draw_rect((50, 50, 200, 200), fill=(0, 0, 0))
    document.save(tmp_path / "scan.pdf")
    request = PageRequest(local=LocalRequest(ocr="none"))
    with pytest.raises(EngineUnavailable, match=r"scan\.pdf, page 1: .*pip install .*\[local\].*base_url"):
        run(lambda pool: pool.visit(source_of(tmp_path / "scan.pdf"), 1, request))


def children() -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(entry.parent.name))
    return found


def test_a_worker_that_hangs_costs_one_page(three_pages: Source) -> None:
    async def work(pool: WorkerPool) -> tuple[str, str]:
        before = children()
        await pool.visit(three_pages, 1, PICTURE)
        (worker,) = children() - before
        os.kill(worker, signal.SIGSTOP)
        with pytest.raises(PageFailed, match=r"three\.pdf, page 2: took longer than 1 s") as caught:
            await pool.visit(three_pages, 2, PICTURE)
        again = await pool.visit(three_pages, 3, PICTURE)
        return str(caught.value), again.words[1].text

    assert run(work, seconds=1.0)[1] == "3"


def test_a_worker_that_dies_costs_one_page(three_pages: Source) -> None:
    async def work(pool: WorkerPool) -> str:
        before = children()
        await pool.visit(three_pages, 1, PICTURE)
        (worker,) = children() - before
        os.kill(worker, signal.SIGSTOP)
        visit = asyncio.create_task(pool.visit(three_pages, 2, PICTURE))
        await asyncio.sleep(0.2)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(PageFailed, match=r"three\.pdf, page 2: made the worker process die"):
            await visit
        return (await pool.visit(three_pages, 3, PICTURE)).words[1].text

    assert run(work) == "3"


def test_no_worker_outlives_the_pool_even_when_cancelled(three_pages: Source) -> None:
    before = children()

    async def work(pool: WorkerPool) -> None:
        visits = [asyncio.create_task(pool.visit(three_pages, number, PICTURE)) for number in (1, 2, 3)]
        await asyncio.sleep(0.3)
        for visit in visits:
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)

    run(work, size=2)
    assert children() == before


def test_a_file_of_the_user_does_not_break_the_worker(
    three_pages: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.chdir(tmp_path)
    assert run(lambda pool: pool.open(three_pages)).page_count == 4
