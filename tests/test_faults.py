"""A long run against a server that spoils a third of what it does: nothing is lost, and nothing is silently wrong."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import pymupdf
import pytest

from deepseek_ocr_rag import ChatEngine, ChatOptions, ImageRequest, ReadOptions, RetryPolicy, aread, read

from .standin import ALL, Faults, StandIn, draw_codes, read_codes, sentence

PAGES = 200
LINES = 8


def numbers(page: int) -> range:
    return range(page * LINES, page * LINES + LINES)


@pytest.fixture(scope="module")
def long_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.pdf"
    document = pymupdf.open()
    for page in range(1, PAGES + 1):
        out = io.BytesIO()
        draw_codes(numbers(page)).convert("L").save(out, "PNG")
        document.new_page(width=300, height=400).insert_image((0, 0, 300, 400), stream=out.getvalue())
    document.save(path)
    return path


def options(server: StandIn, **more: object) -> ReadOptions:
    retry = RetryPolicy(backoff=0.01, max_attempts=4)
    image = ImageRequest(resolution="small", upright=False)  # bars are no script: which way up is a long question
    chat = ChatOptions(timeout=1.0, retry=retry, image=image)
    engine = ChatEngine(server.url, provider="vllm", options=chat)
    return ReadOptions(engine=engine, workers=2, fallback="none", **more)  # type: ignore[arg-type]


def test_a_long_run_loses_nothing_and_nothing_is_silently_wrong(
    long_pdf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="deepseek_ocr_rag")
    faults = Faults(rate=0.3, seed=3, kinds=ALL, seconds=0.05)
    with StandIn(rules="vllm", faults=faults, reader=read_codes) as server:
        [document] = read(long_pdf, options(server))
        kinds = Counter(entry.fault for entry in server.log)
        assert server.in_flight == 0
    assert [page.number for page in document.pages] == list(range(1, PAGES + 1))
    statuses = Counter(page.status for page in document.pages)
    assert len(kinds) > 0.8 * len(ALL), kinds
    assert statuses["ok"] + statuses["retried"] > 0.9 * PAGES, statuses
    for page in document.pages:
        missing = [number for number in numbers(page.number) if sentence(number) not in page.markdown]
        assert not missing or page.status not in ("ok", "retried"), (page.number, page.status, page.history)
        assert page.warnings or page.status == "ok", page.number
        assert page.markdown.count("Line ") <= LINES or page.status not in ("ok", "retried"), page.markdown
    told = caplog.text
    for fault in ("429", "500", "did not answer", "HTML page", "looped", "truncated", "empty"):
        assert fault in told, fault
    assert document.usage.requests == len(server.requests)
    assert document.usage.retries > 30


def test_closing_early_leaves_no_request_running(long_pdf: Path) -> None:
    with StandIn(rules="vllm", reader=read_codes, latency=0.2) as server:
        pages: list[int] = []
        chosen = options(server, progress=lambda progress: pages.append(progress.page_number))

        async def run() -> None:
            async with aclosing(aread([long_pdf, long_pdf], chosen)) as documents:
                reading = asyncio.create_task(anext(documents))
                while len(pages) < 5 or not server.in_flight:  # noqa: ASYNC110 - others count them
                    await asyncio.sleep(0.01)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            await chosen.engine.aclose()  # type: ignore[union-attr]

        asyncio.run(run())
        until = time.monotonic() + 5
        while server.in_flight and time.monotonic() < until:
            time.sleep(0.01)
        assert server.in_flight == 0
        asked = len(server.requests)
        time.sleep(0.3)
        assert len(server.requests) == asked < PAGES
