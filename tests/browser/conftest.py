"""Debian's Chromium, driven by Playwright, and a server on loopback with the content policy that an app should have."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STATIC = Path(__file__).parent / "static"
PDFJS = Path(__file__).parents[2] / "examples" / "citation_chat" / "static" / "vendor" / "pdfjs"
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".pdf": "application/pdf",
    ".png": "image/png",
}


class Site:
    """Files by name, PDF.js where it is, and what a page is asked to show."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {path.name: path.read_bytes() for path in STATIC.iterdir()}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = urlsplit(self.path).path.lstrip("/")
                body = site.find(name)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", TYPES.get(Path(name).suffix, "application/octet-stream"))
                self.send_header("Content-Length", str(len(body or b"")))
                self.send_header("Content-Security-Policy", POLICY)
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args: object) -> None:
                """Say nothing: a test's output is its result."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def find(self, name: str) -> bytes | None:
        inside = PDFJS / name.removeprefix("pdfjs/")
        if name.startswith("pdfjs/") and ".." not in name and inside.is_file():
            return inside.read_bytes()
        return self.files.get(name)

    def ask(self, wish: dict[str, Any]) -> None:
        self.files["wish.json"] = json.dumps(wish).encode()


@pytest.fixture(scope="module")  # while Playwright runs, no other module's test can run an event loop
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="Playwright drives the browser")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()
