"""Fixtures of both integrations: the sample document, small files that need no OCR, and a quick engine."""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pymupdf
import pytest

from deepseek_ocr_rag import (
    ChunkOptions,
    Document,
    EngineRejected,
    Mode,
    PageImage,
    PageRequest,
    ReadOptions,
    Recognition,
    Record,
    Usage,
    read,
    records,
)
from deepseek_ocr_rag.recognition import ImageRequest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample document. Read its first pages only: the last ones are scans, which take long."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        make_sample = importlib.import_module("make_sample").make_sample
    finally:
        sys.path.remove(str(EXAMPLES))
    path: Path = tmp_path_factory.mktemp("sample") / "sample.pdf"
    make_sample(path)
    return path


@pytest.fixture(scope="session")
def sample_document(sample: Path) -> Document:
    """What the core makes of the sample's first two pages."""
    (document,) = read(sample, ReadOptions(engine="local", pages="1-2"))
    return document


@pytest.fixture
def already_read(monkeypatch: pytest.MonkeyPatch, sample_document: Document) -> Callable[[ModuleType], None]:
    """Lets a module of an integration find the sample read: reading takes long, where it is not the point."""

    def read_whole(*_: object) -> Iterator[Document]:
        yield sample_document

    def read_streamed(*_: object, mode: Mode, chunks: ChunkOptions, keep_blank: bool) -> Iterator[Record]:
        yield from records(sample_document, mode, options=chunks, keep_blank=keep_blank)

    def settle(module: ModuleType) -> None:
        monkeypatch.setattr(module, "read", read_whole)
        monkeypatch.setattr(module, "read_records", read_streamed)

    return settle


@pytest.fixture
def make_pdf(tmp_path: Path) -> Callable[..., Path]:
    """Makes a PDF with a page for each text; an empty text is a blank page."""

    def make(name: str, *texts: str) -> Path:
        path = tmp_path / name
        with pymupdf.open() as document:
            for text in texts:
                page = document.new_page()
                if text:
                    page.insert_text((72, 72), text)
            document.save(path)
        return path

    return make


class QuickEngine:
    """Reads the text layer under a heading; refuses the pages in ``fail``, and of those in ``cut`` says the half.

    A page costs 1000 tokens in, 50 out, and two requests.
    """

    name = "quick"
    fingerprint = "quick 1"
    request = PageRequest(image=ImageRequest(long_side=64), words=True)  # of a blank page there is no picture

    def __init__(self, *, fail: tuple[int, ...] = (), cut: tuple[int, ...] = ()) -> None:
        self.fail = fail
        self.cut = cut

    async def recognize(self, page: PageImage, *, task: str = "markdown") -> Recognition:
        """One page.

        Raises:
            EngineRejected: For the pages in ``fail``.
        """
        if page.page_number in self.fail:
            raise EngineRejected(
                f"refused to do {task}.", source=page.source, page_number=page.page_number, hint="Do not ask."
            )
        said = " ".join(word.text for word in page.words) or "Nothing."
        text = (
            f"<|ref|>sub_title<|/ref|><|det|>[[100, 20, 300, 40]]<|/det|>\n# Part {page.page_number}\n\n"
            f"<|ref|>text<|/ref|><|det|>[[100, 60, 900, 100]]<|/det|>\n{said}\n"
        )
        return Recognition(
            page_number=page.page_number,
            engine="quick",
            text=text,
            finish_reason="stop",
            status="truncated" if page.page_number in self.cut else "ok",
            usage=Usage(input_tokens=1000, output_tokens=50, requests=2, retries=1),
        )

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.fixture
def quick_engine() -> type[QuickEngine]:
    """The class, for tests to make engines of."""
    return QuickEngine


class ChatServer(BaseHTTPRequestHandler):
    """Answers chat completions for those who have the key, with the prompt that it was sent; keeps what it was sent."""

    def do_POST(self) -> None:
        """Answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked: list[Any] = self.server.asked  # type: ignore[attr-defined]
        asked.append((self.path, body))
        is_allowed = self.headers["authorization"] == "Bearer right-key"
        prompt = next(part["text"] for part in body["messages"][0]["content"] if part["type"] == "text")
        text = f"<|ref|>text<|/ref|><|det|>[[100, 60, 900, 100]]<|/det|>\nAsked to {prompt.rpartition('|>')[2]}\n"
        answer = {
            "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 20},
        }
        self.send_response(200 if is_allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps(answer if is_allowed else {"error": "no such key"}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def chat_server() -> Iterator[tuple[str, list[Any]]]:
    """The address of a server, and what it has been asked so far: paths and bodies."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ChatServer) as server:
        asked: list[Any] = []
        server.asked = asked  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def children() -> Callable[[], set[int]]:
    """The processes that this one has started and that still run."""

    def running() -> set[int]:
        tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        return {int(number) for task in tasks for number in task.read_text().split()}

    if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        pytest.skip("this system does not list child processes")
    return running
