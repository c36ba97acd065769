"""The chat app on a loopback port, and documents whose cited line is the only red thing on its page."""

from __future__ import annotations

import io
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pymupdf
import pytest
import uvicorn
from PIL import Image
from starlette.types import ASGIApp

from deepseek_ocr_rag import ReadOptions

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.append(str(EXAMPLES))

from citation_chat import server as app_server  # noqa: E402 - examples are no package of ours
from citation_chat.settings import Llm, Settings  # noqa: E402

PLAIN: dict[str, Any] = {"use_vectors": False, "read": ReadOptions(workers=1)}
"""Little work, since many tests begin with it."""

RED = (0.8, 0, 0)
PAYLOAD = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running app."""

    url: str
    data: Path

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of an app that a thread serves."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()


@contextmanager
def running(data: Path, *, llm: Llm | None = None, vendor: Path | None = None, **more: Any) -> Iterator[Site]:
    settings = Settings(data=data, vendor=vendor or data / "vendor", llm=llm, **{**PLAIN, **more})
    with served(app_server.create_app(settings)) as url:
        yield Site(url=url, data=data)


def add(client: httpx.Client, name: str, data: bytes) -> dict[str, Any]:
    """Upload a document and wait until it is read, or failed."""
    answer = client.post("/api/docs", params={"name": name}, content=data)
    assert answer.status_code in (200, 202), answer.text
    return until_read(client, answer.json()["document"]["id"])


def until_read(client: httpx.Client, key: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        entry: dict[str, Any] = next(one for one in client.get("/api/docs").json() if one["id"] == key)
        if entry["status"] in ("ready", "failed"):
            return entry
        time.sleep(0.05)
    raise AssertionError(f"{key} is not read yet")


def asked(client: httpx.Client, question: str, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    """The events of an answer."""
    text = client.post("/api/chat", json={"question": question, **more}).raise_for_status().text
    found = []
    for event in text.strip().split("\n\n"):
        if event.startswith("event: "):
            name, _, data = event.partition("\n")
            found.append((name.removeprefix("event: "), httpx.Response(200, text=data.removeprefix("data: ")).json()))
    return found


def citations(events: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [data for name, data in events if name == "citation"]


FILLER = (
    "The orchard behind the station was planted in the year of the flood.",
    "Nobody remembers who brought the first ladders up the hill.",
    "Most of the trees carry small yellow fruit late in the season.",
)


def write(page: pymupdf.Page, target: str, *, at: tuple[float, float] = (72, 120), size: float = 12) -> None:
    """A few lines of text, the one in the middle in red."""
    x, y = at
    lines = [FILLER[0], FILLER[1], target, FILLER[2]]
    for number, line in enumerate(lines):
        page.insert_text((x, y + number * size * 1.5), line, fontsize=size, color=RED if line is target else (0, 0, 0))


def pdf_bytes(document: pymupdf.Document) -> bytes:
    data: bytes = document.tobytes()
    document.close()
    return data


@pytest.fixture(scope="session")
def mixed_pdf() -> bytes:
    """Pages of different sizes; the red line stands on page 3, which is cropped and turned."""
    document = pymupdf.open()
    write(document.new_page(width=612, height=792), "The gate of the harbour closes at nine in winter.")
    write(document.new_page(width=842, height=595), "Eleven lanterns light the way to the chapel.")
    page = document.new_page(width=700, height=700)
    write(page, "The copper bell of Ansel weighs 417 kilograms.", at=(150, 300))
    page.set_cropbox(pymupdf.Rect(100, 150, 640, 620))
    page.set_rotation(90)
    return pdf_bytes(document)


def picture_of(target: str) -> Image.Image:
    document = pymupdf.open()
    page = document.new_page(width=612, height=440)
    write(page, target, size=14, at=(60, 140))
    pixels = page.get_pixmap(dpi=150)
    document.close()
    return Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)


@pytest.fixture(scope="session")
def scan_pdf() -> bytes:
    """A page that is nothing but a picture."""
    out = io.BytesIO()
    picture_of("The lighthouse keeper counted 268 ships in October.").save(out, "PDF", resolution=150)
    return out.getvalue()


@pytest.fixture(scope="session")
def turned_jpeg() -> bytes:
    """A photo as phones save it: lying on its side, with a note on how to turn it."""
    out = io.BytesIO()
    lying = picture_of("A barrel of tar costs 53 crowns at the quay.").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees to see it upright
    lying.save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()


@pytest.fixture(scope="session")
def hostile_pdf() -> bytes:
    """A page that tries to be a web page."""
    document = pymupdf.open()
    page = document.new_page()
    write(page, "The viper password is stored under 7 stones.", at=(72, 120))
    page.insert_text((72, 230), f"The viper says {PAYLOAD}", fontsize=7)
    page.insert_text(
        (72, 250), "The viper table is <table><tr><td onclick=alert(1)>cell</td></tr></table> here.", fontsize=9
    )
    return pdf_bytes(document)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An app for the tests of a module, which add documents of their own."""
    with running(tmp_path_factory.mktemp("chat")) as site:
        yield site


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client
