"""The app's server over a real socket: reading, answering, remembering, and refusing."""

from __future__ import annotations

import io
import logging
import shutil
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pymupdf
import pytest
from citation_chat.library import Library, plain_name
from citation_chat.server import create_app
from citation_chat.settings import Settings
from citation_chat.store import Store
from PIL import Image

from .conftest import FILLER, PLAIN, Site, add, asked, citations, pdf_bytes, running, served, until_read, write


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


def test_the_same_file_sent_twice_at_once_is_read_once(client: httpx.Client, site: Site) -> None:
    document = pymupdf.open()
    for number in range(8):
        write(document.new_page(), f"Page {number} of the tide tables lists the neap tides of the year.")
    data, sent = pdf_bytes(document), []

    def send() -> None:
        with site.client() as own:
            sent.append(own.post("/api/docs", params={"name": "tides.pdf"}, content=data).json())

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one["is_new"] for one in sent) == [False, False, True]
    entry = until_read(client, sent[0]["document"]["id"])
    assert (entry["status"], entry["pages"]) == ("ready", 8)


def test_a_document_that_fails_unforeseen_does_not_stop_the_next(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def lock(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    document = pymupdf.open()
    write(document.new_page(), "The locked lantern hangs above the sluice.")
    data = pdf_bytes(document)
    with caplog.at_level(logging.CRITICAL, logger="citation_chat"):
        for place in ("pictures.Pictures.page_count", "store.Store.save"):
            with monkeypatch.context() as patch:
                patch.setattr(f"citation_chat.{place}", lock)
                entry = add(client, "locked.pdf", data)
            assert (entry["status"], entry["error"]) == ("failed", "It could not be read; the server's log says why.")
    assert add(client, "locked.pdf", data)["status"] == "ready"


def test_what_fails_in_the_background_does_not_end_the_app(
    tmp_path: Path, mixed_pdf: bytes, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async def begin(_: Library) -> None:
        raise OSError("no such folder")

    fails = iter([True])
    rows = Store.without_vector

    def once(store: Store, *, limit: int) -> list[tuple[str, str]]:
        if next(fails, False):
            raise sqlite3.OperationalError("database is locked")
        return rows(store, limit=limit)

    monkeypatch.setattr("citation_chat.store.Store.without_vector", once)
    monkeypatch.setattr("citation_chat.minilm.is_installed", lambda: True)
    monkeypatch.setattr(
        "citation_chat.minilm.MiniLM", lambda: lambda texts: np.ones((len(texts), 2), np.float32) / 2**0.5
    )
    settings = Settings(data=tmp_path, vendor=tmp_path / "vendor", **{**PLAIN, "use_vectors": True})
    caplog.set_level(logging.CRITICAL, logger="citation_chat")
    with served(create_app(settings, begin=begin)) as url, Site(url=url, data=tmp_path).client() as client:
        assert add(client, "mixed.pdf", mixed_pdf)["status"] == "ready"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (done := client.get("/api/state").json()["vectors"]["done"]):
            time.sleep(0.05)
        assert done
        assert citations(asked(client, "How much does the copper bell of Ansel weigh?"))


def test_questions_and_answers_may_be_chinese(client: httpx.Client) -> None:
    document = pymupdf.open()
    page = document.new_page()
    for at, line in enumerate(("本报告说明了河流的水质。", "硝酸盐的检测限为0.04毫克每升。", "样品每两周采集一次。")):
        page.insert_text((72, 100 + 40 * at), line, fontname="china-s", fontsize=12)
    entry = add(client, "水质.pdf", pdf_bytes(document))
    (cited,) = citations(asked(client, "硝酸盐的检测限是多少？", documents=[entry["id"]]))
    assert (cited["quote"], cited["status"]) == ("硝酸盐的检测限为0.04毫克每升。", "verified")
    assert citations(asked(client, "法国的总统是谁？", documents=[entry["id"]])) == []


def test_a_short_question_is_answered_as_it_is_alone(client: httpx.Client, mixed: dict[str, Any]) -> None:
    alone = asked(client, "How many lanterns?", documents=[mixed["id"]])
    before = asked(client, "How much does the copper bell of Ansel weigh?", documents=[mixed["id"]])
    more = {"documents": [mixed["id"]], "conversation": dict(before)["meta"]["conversation"]}
    after = asked(client, "How many lanterns?", **more)
    assert dict(after)["final"]["answer"] == dict(alone)["final"]["answer"]
    assert "lanterns" in dict(after)["final"]["answer"]
    assert citations(asked(client, "What is the moon?", **more)) == []


def test_half_a_letter_in_a_question_does_no_harm(client: httpx.Client, mixed: dict[str, Any]) -> None:
    body = b'{"question": "How many lanterns light the way to the chapel? \\ud83d"}'
    text = client.post("/api/chat", content=body).raise_for_status().text
    assert "event: error" not in text
    assert "Eleven lanterns" in text


def test_chunks_that_an_older_version_cut_can_be_cited(site: Site, tmp_path: Path, mixed: dict[str, Any]) -> None:
    shutil.copytree(site.data, tmp_path, dirs_exist_ok=True)
    with sqlite3.connect(tmp_path / "chat.sqlite3") as database:
        database.execute("UPDATE chunks SET id = 'old-' || id")
    database.close()
    with running(tmp_path) as again, again.client() as later:
        (cited,) = citations(asked(later, "How much does the copper bell of Ansel weigh?"))
        assert (cited["status"], cited["page"]) == ("verified", 3)


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


@pytest.mark.parametrize("path", ["app.js", "answer.js", "viewer.js", "markdown.js", "style.css", "index.html"])
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


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "http://[", ""]
)
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

    monkeypatch.setattr("citation_chat.chat.answer", fail)
    with caplog.at_level(logging.CRITICAL, logger="citation_chat"):
        events = asked(client, FILLER[0])
    assert [name for name, _ in events] == ["meta", "error", "done"]
    assert "secret" not in str(events)
