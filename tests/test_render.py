"""The pool of workers: pages come back, and a worker that hangs or dies costs one page."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pymupdf
import pytest
from PIL import Image

from deepseek_ocr_rag import render
from deepseek_ocr_rag.errors import CorruptSource, EncryptedSource, EngineUnavailable, PageFailed, SourceTooLarge
from deepseek_ocr_rag.limits import MIB, Limits
from deepseek_ocr_rag.recognition import ImageRequest, LocalRequest, PageRequest
from deepseek_ocr_rag.render import WorkerPool
from deepseek_ocr_rag.source import Source

T = TypeVar("T")
PICTURE = PageRequest(image=ImageRequest(long_side=400), words=True)


def source_of(path: Path) -> Source:
    return Source(name=path.name, file_name=path.name, path=path, media_type="application/pdf", sha256="0" * 64)


def run(
    work: Callable[[WorkerPool], Awaitable[T]], *, size: int = 1, seconds: float = 60.0, limits: Limits | None = None
) -> T:
    async def main() -> T:
        async with WorkerPool(size=size, limits=limits or Limits(page_seconds=seconds)) as pool:
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


HOSTILE = """
import ctypes, time
import numpy
from deepseek_ocr_rag import mupdf
whole = mupdf.MuPdfFile.page
def hostile(self, number):
    if number == 2:
        time.sleep(600)
    if number == 3:
        ctypes.string_at(0)
    if number == 4:
        numpy.ones(8 << 27)
    if number == 5:
        raise RuntimeError(f"cannot open {self._path}")
    return whole(self, number)
mupdf.MuPdfFile.page = hostile
main()
"""
"""What pages of a hostile file make of a worker: 2 hangs, 3 crashes, 4 is a bomb, and 5 tells where the file lies."""


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes by /proc, and limits address space")
def test_a_hang_a_crash_and_a_bomb_cost_a_page_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "BOOT", render.BOOT.removesuffix("main()\n") + HOSTILE)
    document = pymupdf.open()
    for number in range(1, 7):
        document.new_page(width=300, height=400).insert_text((50, 100), f"page {number}", fontsize=20)
    document.save(tmp_path / "six.pdf")
    source = source_of(tmp_path / "six.pdf")
    before = processes()

    async def work(pool: WorkerPool) -> list[str]:
        outcomes = []
        for number in range(1, 7):
            try:
                outcomes.append(" ".join((await pool.visit(source, number, PICTURE)).words.texts))
            except PageFailed as error:
                outcomes.append(str(error))
            assert len(processes() - before) <= 1  # no zombie either
        return outcomes

    outcomes = run(work, limits=Limits(page_seconds=2, worker_memory=2048 * MIB))
    assert (outcomes[0], outcomes[5]) == ("page 1", "page 6")
    assert outcomes[1].startswith("six.pdf, page 2: took longer than 2 s and was given up.")
    assert outcomes[2].startswith("six.pdf, page 3: made the worker process die (SIGSEGV).")
    assert outcomes[3].startswith("six.pdf, page 4: needs more memory than a worker process may take. Raise worker_mem")
    assert "cannot open six.pdf" in outcomes[4]
    assert str(tmp_path) not in "".join(outcomes)
    assert processes() == before


def processes() -> set[int]:
    """Children of this process, dead ones that nobody waited for among them."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(entry.read_text().rsplit(")", 1)[1].split()[1]) == os.getpid():
                found.add(int(entry.parent.name))
    return found


PARENT = """
import asyncio, sys
from pathlib import Path
from deepseek_ocr_rag import render
from deepseek_ocr_rag.recognition import PageRequest
from deepseek_ocr_rag.source import Source

render.BOOT = render.BOOT.removesuffix("main()\\n") + sys.argv[2]

async def main():
    path = Path(sys.argv[1])
    source = Source(name="x", file_name="x", path=path, media_type="application/pdf", sha256="0" * 64)
    async with render.WorkerPool(size=1) as pool:
        await pool.visit(source, 1, PageRequest(words=True))
        print(pool._idle[0]._process.pid, flush=True)
        await pool.visit(source, 2, PageRequest(words=True))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems end such a worker after its page's time only")
def test_a_worker_that_hangs_does_not_outlive_a_killed_parent(three_pages: Source) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(three_pages.path), HOSTILE], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    for _ in range(100):
        if not is_alive(worker):
            return
        time.sleep(0.1)
    raise AssertionError("the worker is still there")


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_page_of_too_many_pixels_or_bytes_is_an_error_that_names_it(three_pages: Source) -> None:
    def visiting(limits: Limits) -> None:
        run(lambda pool: pool.visit(three_pages, 2, PICTURE), limits=limits)

    with pytest.raises(
        SourceTooLarge, match=r"three\.pdf, page 2: 300 x 400 pixels are more than 100000\..*max_pixels"
    ):
        visiting(Limits(max_pixels=100_000))
    with pytest.raises(PageFailed, match=r"three\.pdf, page 2: came to \d+ bytes .* more than 1000\..*max_page_bytes"):
        visiting(Limits(max_page_bytes=1000))
    visiting(Limits(max_pixels=120_000))


def test_documents_that_are_read_side_by_side_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        render,
        "BOOT",
        render.BOOT.removesuffix("main()\n")
        + f"""
from deepseek_ocr_rag import mupdf
opened = mupdf.MuPdfFile.__init__
def counting(self, path, **more):
    with open({str(tmp_path / "opened")!r}, "a") as log:
        log.write(path.name + " ")
    opened(self, path, **more)
mupdf.MuPdfFile.__init__ = counting
main()
""",
    )
    sources = []
    for name in "abcd":
        document = pymupdf.open()
        for _ in range(5):
            document.new_page(width=300, height=400).insert_text((50, 100), name, fontsize=20)
        document.save(tmp_path / f"{name}.pdf")
        sources.append(source_of(tmp_path / f"{name}.pdf"))

    async def work(pool: WorkerPool) -> list[str]:
        wishes = [(source, number) for number in range(1, 6) for source in sources]
        pages = await asyncio.gather(*(pool.visit(source, number, PICTURE) for source, number in wishes))
        return [page.words.texts[0] for page in pages]

    assert run(work, size=2) == ["a", "b", "c", "d"] * 5
    assert len((tmp_path / "opened").read_text().split()) <= 8  # once by each worker at most


def test_what_a_worker_that_was_taken_over_may_send_is_checked() -> None:
    header = {"page": {"page_number": 1, "page_width": 10, "page_height": 10}, "texts": ["a"], "picture": 2}
    sides = array("d", [0.1, 0.2, 0.3, 0.4])
    page = render.visited(header, b"ab" + sides.tobytes())
    assert (page.data, page.words.texts, page.words[0].box.right) == (b"ab", ("a",), 0.3)
    for wrong in (
        [0.3, 0.2, 0.1, 0.4],
        [0.1, 0.2, 0.3, 1.4],
        [-0.1, 0.2, 0.3, 0.4],
        [0.1, 0.2, float("nan"), 0.4],
        [0.1],
    ):
        with pytest.raises(ValueError, match=r"box|sides|bytes"):
            render.visited(header, b"ab" + array("d", wrong).tobytes())
    for damage in ({"picture": 99}, {"picture": -1}, {"texts": [1]}, {"page": {"page_number": "1"}}, {"texts": None}):
        with pytest.raises((ValueError, TypeError)):
            render.visited(header | damage, b"ab" + sides.tobytes())
