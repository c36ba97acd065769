"""The app in a real Chromium: ask, click, and the highlight covers the ink, on PDF, scan and turned photo alike."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from .conftest import PAYLOAD, Site, running, served, until_read

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from citation_chat import fetch_pdfjs, server  # noqa: E402
from citation_chat.settings import Llm  # noqa: E402

NAME = PAYLOAD.partition("<script>")[0]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
VENDOR = server.STATIC / "vendor" / "pdfjs"

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")

# The red pixels of the page, as fractions of it; and the highlights. A string given to wait_for_function would be
# eval'ed, which the app's policy forbids, so waiting is done by locators.
SEEN = """() => {
  const paper = document.querySelector(".pv-paper"), surface = paper.querySelector(".pv-surface");
  const canvas = document.createElement("canvas");
  canvas.width = surface.naturalWidth ?? surface.width;
  canvas.height = surface.naturalHeight ?? surface.height;
  const pen = canvas.getContext("2d");
  pen.drawImage(surface, 0, 0);
  const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const red = [1, 1, 0, 0];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] < 130 || data[at + 1] > 90 || data[at + 2] > 90) continue;
    const x = (at / 4) % width, y = Math.floor(at / 4 / width);
    red[0] = Math.min(red[0], x / width); red[2] = Math.max(red[2], (x + 1) / width);
    red[1] = Math.min(red[1], y / height); red[3] = Math.max(red[3], (y + 1) / height);
  }
  const frame = surface.getBoundingClientRect();
  const marks = [...paper.querySelectorAll(".pv-strong")].map((mark) => {
    const box = mark.getBoundingClientRect();
    return [(box.left - frame.left) / frame.width, (box.top - frame.top) / frame.height,
            (box.right - frame.left) / frame.width, (box.bottom - frame.top) / frame.height];
  });
  return { red, marks, by: paper.dataset.by, page: paper.dataset.page };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, site: Site) -> Iterator[Any]:
    """A page that has been opened; whatever the policy stops or a script throws fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(site.url)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def library(site: Site, mixed_pdf: bytes, scan_pdf: bytes, turned_jpeg: bytes, hostile_pdf: bytes) -> None:
    files = {"mixed.pdf": mixed_pdf, "scan.pdf": scan_pdf, "photo.jpg": turned_jpeg, f"{NAME}.pdf": hostile_pdf}
    with site.client() as client:
        sent = [client.post("/api/docs", params={"name": name}, content=data).json() for name, data in files.items()]
        assert {until_read(client, one["document"]["id"])["status"] for one in sent} == {"ready"}


def ask(page: Any, question: str) -> None:
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.locator(".answer").last.locator(".source").first.wait_for(timeout=30_000)


def seen(page: Any, *, number: int) -> dict[str, Any]:
    """What is on the page once it is drawn."""
    page.locator(f".pv-paper[data-page='{number}']:not(.pv-waiting) .pv-strong").first.wait_for(timeout=30_000)
    found: dict[str, Any] = page.evaluate(SEEN)
    return found


def assert_covers(found: dict[str, Any]) -> None:
    """The highlight is where the red ink is: it covers it, and is hardly larger."""
    left, top, right, bottom = found["red"]
    marks = found["marks"]
    assert marks, "no highlight"
    x0, y0 = min(mark[0] for mark in marks), min(mark[1] for mark in marks)
    x1, y1 = max(mark[2] for mark in marks), max(mark[3] for mark in marks)
    shared = max(0.0, min(right, x1) - max(left, x0)) * max(0.0, min(bottom, y1) - max(top, y0))
    ink, marked = (right - left) * (bottom - top), (x1 - x0) * (y1 - y0)
    assert shared / ink > 0.9, found
    assert shared / marked > 0.5, found  # a line's box is higher than its letters


QUESTIONS = {
    "mixed.pdf": ("How much does the copper bell of Ansel weigh?", 3),
    "scan.pdf": ("How many ships did the lighthouse keeper count?", 1),
    "photo.jpg": ("What does a barrel of tar cost?", 1),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_click_shows_the_page_with_the_ink_highlighted(page: Any, library: None, name: str) -> None:
    question, number = QUESTIONS[name]
    ask(page, question)
    page.locator(".cite").first.click()
    found = seen(page, number=number)
    assert_covers(found)
    assert page.locator(".pv-title").inner_text() == name
    assert f"page={number}" in page.url
    # The same again as the server draws it, and smaller: fractions of the page do not care.
    page.locator(".pv-bar button[aria-label='Smaller']").click()
    assert_covers(seen(page, number=number))


def test_pdf_js_and_the_servers_pictures_show_the_same_place(
    browser: Any, library: None, site: Site, page: Any, vendored: str
) -> None:
    question, number = QUESTIONS["mixed.pdf"]
    ask(page, question)
    page.locator(".cite").first.click()
    by_server = seen(page, number=number)
    assert by_server["by"] == "img"
    shutil.copytree(VENDOR, site.data / "vendor", dirs_exist_ok=True)
    try:
        page.reload()
        by_pdfjs = seen(page, number=number)
    finally:
        (site.data / "vendor" / "VERSION").unlink()
    assert by_pdfjs["by"] == "canvas"
    assert_covers(by_pdfjs)
    assert by_pdfjs["red"] == pytest.approx(by_server["red"], abs=0.006)


@pytest.fixture
def vendored() -> str:
    if not fetch_pdfjs.is_there(VENDOR):
        pytest.skip("pdf.js is not here; starting the app fetches it")
    return fetch_pdfjs.VERSION


def test_the_keyboard_is_enough(page: Any, library: None) -> None:
    ask(page, "How many lanterns light the way to the chapel?")
    ask(page, "What does a barrel of tar cost?")
    first = page.locator(".cite").first
    first.focus()
    page.keyboard.press("Enter")
    seen(page, number=2)
    assert first.get_attribute("aria-label") == "Citation 1: mixed.pdf, page 2"
    page.keyboard.press("n")
    seen(page, number=1)
    assert page.locator(".pv-title").inner_text() == "photo.jpg"
    page.keyboard.press("p")
    seen(page, number=2)
    page.keyboard.press("Escape")
    page.locator("#viewer").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.dataset.cite") == first.get_attribute("data-cite")


def test_an_address_can_be_shared_and_history_comes_back(page: Any, browser: Any, library: None) -> None:
    ask(page, "How much does the copper bell of Ansel weigh?")
    page.locator(".cite").first.click()
    seen(page, number=3)
    other = browser.new_page()
    other.goto(page.url)
    assert_covers(seen(other, number=3))
    assert "copper bell" in other.locator(".answer").inner_text()
    other.close()
    page.locator("#fresh").click()
    page.locator("#conversations .name", has_text="copper bell").first.click()
    page.locator(".answer .cite").first.wait_for()


def test_what_documents_smuggle_in_does_nothing(page: Any, library: None, site: Site) -> None:
    ask(page, "What does the viper say?")
    page.locator(".cite").first.click()
    seen(page, number=1)
    assert PAYLOAD[:20] in page.locator(".answer").inner_text()  # shown as the text that it is
    assert page.locator(".answer img, .answer script, #documents img, .pv-quote img").count() == 0
    assert page.title() == "Citation chat"
    page.locator("#documents .name", has_text="onerror").wait_for()


def test_a_file_is_added_by_hand(page: Any, tmp_path: Path, library: None, mixed_pdf: bytes) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (tmp_path / "unknown.bin").write_bytes(b"\x00\x01\x02" * 40)
    (tmp_path / "known.pdf").write_bytes(mixed_pdf)
    page.set_input_files("#files", [tmp_path / "broken.pdf"])
    page.locator("#documents .failed .state").first.wait_for(timeout=30_000)
    page.set_input_files("#files", [tmp_path / "known.pdf"])
    page.locator("#banner", has_text="in the library already").wait_for()


def test_a_phone_shows_the_page_over_everything(browser: Any, site: Site, library: None) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(site.url)
    ask(page, "What does a barrel of tar cost?")
    page.locator(".cite").first.tap()
    assert_covers(seen(page, number=1))
    box = page.locator("#viewer").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)
    mark = page.locator(".pv-strong").first.bounding_box()
    assert 0 <= mark["x"] < 390
    assert 0 <= mark["y"] < 844
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_without_a_server_it_says_so(browser: Any, site: Site, library: None) -> None:
    page = browser.new_page()
    page.goto(site.url)
    page.route("**/api/chat", lambda route: route.abort())
    page.fill("#question", "Is anybody there?")
    page.keyboard.press("Enter")
    page.locator(".answer .failed").wait_for()
    page.evaluate("dispatchEvent(new Event('popstate'))")
    page.set_input_files("#files", [{"name": "a.bin", "mimeType": "x/y", "buffer": b"?"}])  # the library is drawn anew
    page.locator("#banner").wait_for()
    assert "does not answer" in page.locator(".answer .failed").inner_text()
    page.close()


# Answers that take their time


async def talk(_: Request) -> Response:
    """A language model that cites at once, and then talks on."""

    async def lines() -> AsyncIterator[str]:
        for piece in ["The bell weighs 417 kilograms [1]. ", *["More words come. "] * 1000]:
            yield f"data: {json.dumps({'choices': [{'delta': {'content': piece}}]})}\n\n"
            await asyncio.sleep(0.03)

    return StreamingResponse(lines(), media_type="text/event-stream")


@contextmanager
def talking(site: Site, folder: Path) -> Iterator[str]:
    """The address of an app with the same library and such a model."""
    shutil.copytree(site.data, folder, dirs_exist_ok=True)
    model = Starlette(routes=[Route("/v1/chat/completions", talk, methods=["POST"])])
    with served(model) as url, running(folder, llm=Llm(base_url=f"{url}/v1", model="m")) as chat:
        yield chat.url


def test_an_answer_can_be_used_while_it_comes(page: Any, site: Site, library: None, tmp_path: Path) -> None:
    with talking(site, tmp_path) as url:
        page.goto(url)
        ask(page, "How much does the copper bell of Ansel weigh?")
        marker, words = page.locator(".body .cite").first, page.locator(".answer .body")
        marker.focus()
        before = len(words.inner_text())
        page.wait_for_timeout(500)
        assert len(words.inner_text()) > before
        assert page.evaluate("document.activeElement.className").startswith("cite")
        box = marker.bounding_box()
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        page.wait_for_timeout(300)
        page.mouse.up()
        seen(page, number=3)
        page.fill("#question", "And another thing?")
        page.keyboard.press("Enter")  # does not stop what is running
        page.wait_for_timeout(200)
        assert page.locator("#send.stop").count() == 1
        assert page.locator("#question").input_value() == "And another thing?"
        page.locator("#send").click()
        page.locator(".answer .stopped", has_text="Stopped.").wait_for()
        assert page.locator(".answer .failed").count() == 0
        page.goto("about:blank")


def test_an_answer_that_breaks_off_says_so(browser: Any, site: Site, library: None, tmp_path: Path) -> None:
    page = browser.new_page()
    with talking(site, tmp_path) as url:
        page.goto(url)
        ask(page, "How much does the copper bell of Ansel weigh?")
    page.locator(".answer .failed", has_text="went away before the answer was complete").wait_for()
    page.close()


# The address and other tabs


def test_back_after_closing_goes_to_what_was_before(page: Any, site: Site, library: None) -> None:
    page.goto("about:blank")
    page.goto(site.url)
    ask(page, "How much does the copper bell of Ansel weigh?")
    page.locator(".cite").first.click()
    seen(page, number=3)
    page.go_back()
    page.locator("#viewer").wait_for(state="hidden")
    page.locator(".cite").first.click()
    seen(page, number=3)
    page.keyboard.press("Escape")
    page.locator("#viewer").wait_for(state="hidden")
    page.wait_for_timeout(200)
    assert "doc=" not in page.url
    page.go_back()
    assert page.url == "about:blank"


def test_the_address_is_that_of_what_is_seen(page: Any, library: None) -> None:
    ask(page, "How many lanterns light the way to the chapel?")
    page.locator("#fresh").click()
    ask(page, "How much does the copper bell of Ansel weigh?")
    page.locator(".cite").first.click()
    seen(page, number=3)
    shown = page.url
    assert "cite=" in shown
    ask(page, "How many lanterns light the way to the chapel?")
    assert page.url == shown
    page.reload()
    seen(page, number=3)
    page.locator("#conversations .name", has_text="lanterns").first.click()
    page.locator("#viewer").wait_for(state="hidden")
    assert "doc=" not in page.url
    assert page.url.partition("chat=")[2] != shown.partition("chat=")[2].partition("&")[0]


def test_a_tab_that_nobody_sees_holds_no_connection(browser: Any, site: Site, library: None) -> None:
    """Browsers hold six to a server: a seventh tab would never load."""
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(document, 'hidden', { get: () => !window.isSeen })")
    pages = [context.new_page() for _ in range(7)]
    for page in pages:
        page.goto(site.url, timeout=15_000)
        page.locator("#documents .ready").first.wait_for(timeout=15_000)
    with pages[0].expect_request("**/api/events"):
        pages[0].evaluate("() => { isSeen = true; document.dispatchEvent(new Event('visibilitychange')); }")
    context.close()
