"""The app's server over a real socket: reading, answering, remembering, and refusing."""

from __future__ import annotations

import io
import logging
import shutil
from pathlib import Path
from typing import Any

import httpx
import pymupdf
import pytest
from citation_chat.library import plain_name
from citation_chat.store import Store
from PIL import Image

from .conftest import FILLER, Site, add, asked, citations, pdf_bytes, running, until_read, write


@pytest.fixture(scope="module")
def mixed(site: Site, mixed_pdf: bytes) -> dict[str, Any]:
    with site.client() as client:
        return add(client, "mixed.pdf", mixed_pdf)


def test_an_answer_is_a_sentence_with_the_place_of_its_words(client: httpx.Client, mixed: dict[str, Any]) -> None:
    events = asked(client, "How much does the copper bell of Ansel weigh?")
    assert [name for name, _ in events] == ["meta", "token", "citation", "final", "done"]
    (cited,) = citations(events)
    assert cited["quote"] == "The copper bell of Ansel weighs 417 kilograms."
    assert (cited["status"], cited["page"], cited["name"]) == ("verified", 3, "mixed.pdf")
    assert cited["precision"] in ("word", "line")
    (region,) = cited["regions"]
    assert region["page"] == 3
    ((left, top, right, bottom),) = region["rects"]
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1
    assert bottom - top > right - left  # the page is displayed on its side
    final = dict(events)["final"]
    assert final["answer"][: cited["at"]].endswith(cited["quote"])


def test_a_row_is_shown_under_its_header_with_its_number_inside(client: httpx.Client, sample: tuple[Path, Any]) -> None:
    with pymupdf.open(sample[0]) as document:
        document.select([4])
        data = document.tobytes()
    entry = add(client, "costs.pdf", data)
    events = asked(client, "What does the sensor at Estry Gauge cost in the first year?", documents=[entry["id"]])
    final = dict(events)["final"]
    assert final["answer"].splitlines()[0].startswith("| Measure")
    cited = final["citations"][0]
    assert final["answer"][cited["at"] :].strip() == "|"
    assert "36,900" in cited["quote"]


def test_what_no_document_says_is_not_answered(client: httpx.Client, mixed: dict[str, Any]) -> None:
    events = asked(client, "Who is the president of France?")
    assert citations(events) == []
    assert "say nothing about this" in dict(events)["final"]["answer"]


def test_only_the_chosen_documents_are_asked(client: httpx.Client, mixed: dict[str, Any], hostile_pdf: bytes) -> None:
    other = add(client, "other.pdf", hostile_pdf)
    events = asked(client, "Who brought the first ladders up the hill?", documents=[other["id"]])
    assert {cited["document"] for cited in citations(events)} == {other["id"]}


def test_the_same_file_is_not_read_twice(client: httpx.Client, mixed: dict[str, Any], mixed_pdf: bytes) -> None:
    again = client.post("/api/docs", params={"name": "copy.pdf"}, content=mixed_pdf)
    assert (again.status_code, again.json()["is_new"]) == (200, False)
    assert again.json()["document"]["name"] == "mixed.pdf"


def test_everything_is_there_after_a_restart(
    client: httpx.Client, site: Site, tmp_path: Path, mixed: dict[str, Any], mixed_pdf: bytes
) -> None:
    events = asked(client, "How many lanterns light the way to the chapel?")
    conversation, message = dict(events)["meta"]["conversation"], dict(events)["meta"]["message"]
    documents = client.get("/api/docs").json()
    shutil.copytree(site.data, tmp_path, dirs_exist_ok=True)
    with running(tmp_path) as again, again.client() as later:
        assert [one["id"] for one in later.get("/api/docs").json()] == [one["id"] for one in documents]
        assert later.post("/api/docs", params={"name": "a.pdf"}, content=mixed_pdf).json()["is_new"] is False
        assert conversation in [talk["id"] for talk in later.get("/api/conversations").json()]
        said = later.get(f"/api/conversations/{conversation}").json()
        assert [one["role"] for one in said] == ["user", "assistant"]
        cited = later.get(f"/api/citations/{message}/1").json()
        assert cited == said[1]["citations"][0] == citations(events)[0]
        assert citations(asked(later, "When does the gate of the harbour close?"))[0]["page"] == 1
        assert later.delete(f"/api/conversations/{conversation}").status_code == 204
        assert later.get(f"/api/conversations/{conversation}").status_code == 404


def test_what_was_being_read_when_the_app_ended_is_read_at_the_next_start(
    site: Site, tmp_path: Path, mixed: dict[str, Any]
) -> None:
    shutil.copytree(site.data, tmp_path, dirs_exist_ok=True)
    store = Store(tmp_path)
    store.mark(mixed["id"], status="reading")
    store.close()
    with running(tmp_path) as again, again.client() as later:
        assert until_read(later, mixed["id"])["status"] == "ready"


def test_a_removed_document_is_gone_with_its_files(client: httpx.Client, site: Site) -> None:
    document = pymupdf.open()
    write(document.new_page(), "Seventeen geese crossed the frozen canal.")
    entry = add(client, "geese.pdf", pdf_bytes(document))
    assert client.get(f"/api/docs/{entry['id']}/pages/1.webp").status_code == 200
    assert client.delete(f"/api/docs/{entry['id']}").status_code == 204
    assert list(site.data.rglob(f"*{entry['id']}*")) == []
    assert client.get(f"/api/docs/{entry['id']}/file").status_code == 404
    assert all(cited["document"] != entry["id"] for cited in citations(asked(client, "How many geese crossed?")))


def test_progress_is_told_page_by_page(client: httpx.Client, site: Site) -> None:
    document = pymupdf.open()
    for number in range(3):
        write(document.new_page(), f"Sheet {number} of the herring ledger is written in violet ink.")
    done: list[tuple[int, int]] = []
    with site.client() as listening, listening.stream("GET", "/api/events") as response:
        lines = response.iter_lines()
        assert next(lines) == "event: library"
        client.post("/api/docs", params={"name": "ledger.pdf"}, content=pdf_bytes(document))
        for line in lines:
            if line.startswith("data: ") and "ledger.pdf" in line:
                entry = httpx.Response(200, text=line[6:]).json()
                if isinstance(entry, dict) and entry["status"] == "reading":
                    done.append((entry["done"], entry["total"]))
                if isinstance(entry, dict) and entry["status"] == "ready":
                    break
    assert done == [(1, 3), (2, 3), (3, 3)]


# Pages and files


def test_a_page_is_a_picture_as_displayed(client: httpx.Client, mixed: dict[str, Any]) -> None:
    answer = client.get(f"/api/docs/{mixed['id']}/pages/3.webp?w=800")
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert max(picture.size) == 900
        assert picture.height > picture.width  # 540 x 470, turned
    sheet = client.get(f"/api/docs/{mixed['id']}/pages/3.json").json()
    assert (round(sheet["width"]), round(sheet["height"])) == (470, 540)
    assert any("copper bell" in block["text"] and block["lines"] for block in sheet["blocks"])
    for number in (0, 4):
        assert client.get(f"/api/docs/{mixed['id']}/pages/{number}.webp").status_code == 404
        assert client.get(f"/api/docs/{mixed['id']}/pages/{number}.json").status_code == 404


def test_a_blank_page_is_a_white_picture(client: httpx.Client) -> None:
    document = pymupdf.open()
    document.new_page(width=300, height=200)
    entry = add(client, "blank.pdf", pdf_bytes(document))
    with Image.open(io.BytesIO(client.get(f"/api/docs/{entry['id']}/pages/1.webp").content)) as picture:
        assert picture.size[0] * 2 == picture.size[1] * 3
        assert picture.convert("L").getextrema() == (255, 255)


def test_files_come_in_ranges_and_only_what_is_safe_is_shown(client: httpx.Client, mixed: dict[str, Any]) -> None:
    part = client.get(f"/api/docs/{mixed['id']}/file", headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.content[:5]) == (206, b"%PDF-")
    assert part.headers["content-type"] == "application/pdf"
    assert part.headers["content-disposition"].startswith("inline")
    head = b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">'
    svg = head + b'<script>alert(1)</script><text x="9" y="50">Hello</text></svg>'
    entry = add(client, "drawing.svg", svg)
    file = client.get(f"/api/docs/{entry['id']}/file")
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("path", ["app.js", "viewer.js", "markdown.js", "style.css", "index.html"])
def test_the_page_has_nothing_that_its_policy_forbids(client: httpx.Client, path: str) -> None:
    text = client.get(f"/static/{path}").text
    assert "innerHTML" not in text
    assert "outerHTML" not in text
    assert "insertAdjacentHTML" not in text
    assert "eval(" not in text
    assert " style=" not in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


# What is refused


def test_every_answer_has_the_policy(client: httpx.Client, mixed: dict[str, Any]) -> None:
    for path in ("/", "/api/state", f"/api/docs/{mixed['id']}/file", "/static/app.js", "/nothing", "/api/docs/x/file"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';"), path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    refused = client.get("/", headers={"Host": "evil.example"})
    assert "content-security-policy" in refused.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "[::2]", "localhost.evil.example"])
def test_other_names_are_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/api/docs", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:8765", "[::1]"])
def test_names_of_this_machine_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/api/docs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_other_sites_change_nothing(client: httpx.Client, mixed: dict[str, Any], origin: str) -> None:
    headers = {"Origin": origin}
    assert client.post("/api/chat", json={"question": "Hello?"}, headers=headers).status_code == 403
    assert client.post("/api/docs", params={"name": "a.pdf"}, content=b"%PDF-1.7", headers=headers).status_code == 403
    assert client.delete(f"/api/docs/{mixed['id']}", headers=headers).status_code == 403
    read = client.get("/api/docs", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
    assert read.status_code == 403


def test_the_apps_own_page_may(client: httpx.Client, site: Site) -> None:
    answer = client.post("/api/chat", json={"question": "Hello?"}, headers={"Origin": site.url})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "key", ["%2e%2e", "../chat.sqlite3", "..%2f..%2fetc%2fpasswd", "0" * 63, "g" * 64, "0" * 64, "A" * 64]
)
def test_ids_are_no_paths(client: httpx.Client, key: str) -> None:
    for path in ("file", "pages/1.webp", "pages/1.json"):
        assert client.get(f"/api/docs/{key}/{path}").status_code == 404
    assert client.get(f"/api/citations/{key}/1").status_code == 404
    for place in ("static", "vendor/pdfjs"):
        assert client.get(f"/{place}/%2e%2e/{key}").status_code == 404


def test_what_is_no_document_is_refused_and_leaves_nothing(client: httpx.Client, site: Site) -> None:
    before = sorted(site.data.rglob("*"))
    for data, said in ((b"", "empty"), (b"\x7fELF" + bytes(200), "Pass a PDF"), (b"<html><body>", "web page")):
        answer = client.post("/api/docs", params={"name": "x.bin"}, content=data)
        assert answer.status_code == 422
        assert said.lower() in answer.json()["error"].lower()
        assert str(site.data) not in answer.json()["error"]
    assert [path for path in sorted(site.data.rglob("*")) if path not in before and "files" in path.parts] == []


def test_a_broken_document_says_so(client: httpx.Client, site: Site) -> None:
    entry = add(client, "broken.pdf", b"%PDF-1.7\n" + b"nonsense " * 50)
    assert entry["status"] == "failed"
    assert entry["error"]
    assert str(site.data) not in entry["error"]


def test_sizes_and_pages_are_limited(tmp_path: Path, mixed_pdf: bytes) -> None:
    with running(tmp_path, max_bytes=len(mixed_pdf), max_pages=2, max_documents=1) as site, site.client() as client:
        large = client.post("/api/docs", params={"name": "large.pdf"}, content=mixed_pdf + b"\n")
        assert large.status_code == 422

        def parts() -> Any:
            yield from (mixed_pdf, b"\n")

        assert client.post("/api/docs", params={"name": "large.pdf"}, content=parts()).status_code == 422
        entry = add(client, "mixed.pdf", mixed_pdf)
        assert (entry["status"], entry["error"]) == ("failed", "It has 3 pages; at most 2 are read.")
        full = client.post("/api/docs", params={"name": "other.pdf"}, content=mixed_pdf[:-1])
        assert "full" in full.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"question": 1}',
        b'{"question": "  "}',
        b'{"question": "a", "documents": 1}',
        b'{"question": "a", "conversation": "../x"}',
        b"[" * 10_000,
        b'{"question": "' + b"a" * 3_000 + b'"}',
        b'{"question": "' + b"a" * 100_000 + b'"}',
    ],
)
def test_odd_questions_are_refused(client: httpx.Client, body: bytes) -> None:
    assert client.post("/api/chat", content=body).status_code in (413, 422)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.pdf", "a b.pdf"),
        ("\u202egnp.exe\x00.pdf", "gnp.exe.pdf"),
        ("", "document"),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
        ("<b>.pdf", "<b>.pdf"),
    ],
)
def test_names_are_text(name: str, shown: str) -> None:
    assert plain_name(name) == shown


def test_a_silent_stream_says_that_it_is_alive(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citation_chat.events.HEARTBEAT", 0.05)
    with site.client() as client, client.stream("GET", "/api/events") as response:
        assert any(line == ": still here" for _, line in zip(range(50), response.iter_lines(), strict=False))


def test_a_failure_within_an_answer_is_told_without_its_inside(
    site: Site, client: httpx.Client, mixed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("citation_chat.chat.best_sentences", fail)
    with caplog.at_level(logging.CRITICAL, logger="citation_chat"):
        events = asked(client, FILLER[0])
    assert [name for name, _ in events] == ["meta", "error", "done"]
    assert "secret" not in str(events)
