"""Keys and passwords stay where they were given: not in logs, errors, representations, documents, caches or files."""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from deepseek_ocr_rag import read
from deepseek_ocr_rag.cache.rows import unpacked
from deepseek_ocr_rag.engines.retry import RetryPolicy
from deepseek_ocr_rag.errors import DeepSeekOCRError
from deepseek_ocr_rag.options import Failure, ReadOptions, make_engine

KEY = "sk-KEY-0123456789abcdef"
PASSWORD = "PASSWORD-of-the-file"
LOGIN = "LOGIN-of-the-proxy"
ENCODED = base64.b64encode(f"user:{LOGIN}".encode()).decode()

Answer = tuple[int, bytes]


def said(text: str) -> Answer:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return 200, json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()


GOOD = said("text[[1, 2, 3, 4]]\nHello")
# Servers quote the key that they refuse, and proxies the headers that they do not like.
REFUSED = (401, json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode())
BROKEN = (500, f"Authorization: Bearer {KEY} was not expected".encode())
MOVED = (302, b"")


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            server.seen.append(self.headers["Authorization"])  # type: ignore[attr-defined]
            status, body = server.answer  # type: ignore[attr-defined]
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.answer = [], GOOD  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PDF of one page that needs the password."""
    path = tmp_path_factory.mktemp("locked") / "locked.pdf"
    with pymupdf.open() as made:
        made.new_page().insert_text((72, 72), "Hello")
        made.save(path, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw=PASSWORD, owner_pw=PASSWORD)
    return path


def check(told: str, secrets: Iterable[str] = (KEY, PASSWORD)) -> None:
    for secret in secrets:
        assert secret not in told


def kept(folder: Path) -> str:
    """Whatever a cache has written: its files as they lie there, and its rows as they were before they were packed."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    told = [path.read_bytes().decode("latin-1") for path in files]
    with closing(sqlite3.connect(folder / "pages.sqlite")) as database:
        told += [json.dumps(unpacked(data)) for (data,) in database.execute("SELECT data FROM bodies")]
    return "\n".join(told)


def everything(options: ReadOptions, path: Path) -> Iterator[str]:
    """Read, and say whatever comes of it."""
    yield repr(options)
    yield repr(make_engine(options))
    try:
        for document in read(path, options):
            yield json.dumps(document.to_dict())
            yield repr(document)
    except DeepSeekOCRError as error:
        yield "".join(traceback.format_exception(error))
        yield repr(error)


@pytest.mark.parametrize("answer", [GOOD, REFUSED, BROKEN, MOVED], ids=["good", "refused", "broken", "moved"])
def test_nothing_that_is_produced_tells_a_secret(
    server: ThreadingHTTPServer,
    locked: Path,
    answer: Answer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.answer = answer  # type: ignore[attr-defined]
    told: list[object] = []
    options = ReadOptions(
        base_url=f"http://127.0.0.1:{server.server_address[1]}/v1",
        model="m",
        api_key=KEY,
        password=PASSWORD,
        retry=RetryPolicy(max_attempts=2, backoff=0.01),
        workers=1,
        fallback="none",
        cache=tmp_path,
        progress=told.append,
        on_failure=told.append,
    )
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore", "deepseek_ocr_rag", "asyncio", "anyio"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        produced = list(everything(options, locked))
    assert server.seen == [f"Bearer {KEY}"] * len(server.seen)  # type: ignore[attr-defined]
    assert server.seen  # type: ignore[attr-defined]
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    check("\n".join(produced))
    check("\n".join(f"{record.getMessage()}{record.exc_text or ''}{record.__dict__}" for record in caplog.records))
    check(repr(told))
    check("".join(capfd.readouterr()))
    check(kept(tmp_path))
    assert ("Hello" in kept(tmp_path)) == (answer is GOOD), "it did write something"


def test_a_login_in_the_address_is_used_and_not_told(
    server: ThreadingHTTPServer, locked: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"http://user:{LOGIN}@127.0.0.1:{server.server_address[1]}/v1"
    for name, answer in (("good", GOOD), ("broken", BROKEN)):
        server.answer = answer  # type: ignore[attr-defined]
        options = ReadOptions(
            base_url=address,
            model="m",
            password=PASSWORD,
            retry=RetryPolicy(max_attempts=1, backoff=0.01),
            workers=1,
            fallback="none",
            cache=tmp_path / name,
        )
        with caplog.at_level(logging.DEBUG):
            for logger in ("httpx", "httpcore"):
                logging.getLogger(logger).setLevel(logging.DEBUG)
            check("\n".join(everything(options, locked)), (LOGIN, ENCODED, PASSWORD))
        check(kept(tmp_path / name), (LOGIN, ENCODED, PASSWORD))
    assert f"Basic {ENCODED}" in server.seen  # type: ignore[attr-defined]
    logged = "\n".join(f"{record.getMessage()}{record.__dict__}" for record in caplog.records)
    check(logged, (LOGIN, ENCODED, PASSWORD))


@pytest.mark.parametrize("password", [PASSWORD[:-1], ""], ids=["wrong", "none"])
def test_wrong_passwords_are_not_told_either(locked: Path, password: str, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Failure] = []
    options = ReadOptions(engine="local", password=password, workers=1, on_error="skip", on_failure=failures.append)
    with caplog.at_level(logging.DEBUG):
        assert not list(read(locked, options))
    told: Any = (repr(options), repr(failures), str(failures[0].error), caplog.text)
    assert not password or password not in "".join(told)
    assert "password" in str(failures[0].error)
