from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast, get_args

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepseek_ocr_rag.engines import predictions
from deepseek_ocr_rag.engines.predictions import RESOLUTION_SIZES, TASK_TYPES, ReplicateWire, _Prediction
from deepseek_ocr_rag.engines.question import Picture, Question, Response, Trouble
from deepseek_ocr_rag.modes import Resolution
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.usage import Usage

from ..standin import StandIn

KEY = "r8_very-secret-0123456789"
VERSION = "cb3b474fbfc56b1664c8c7841550bccecbe7b74c30e45ce938ffca1180b4dff5"
MODEL = f"lucataco/deepseek-ocr:{VERSION}"
TEXT = "<|ref|>title<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n# Hello"
PICTURE = Picture(data=b"\xff\xd8picture", media_type="image/jpeg", width=20, height=10)
QUESTION = Question(picture=PICTURE, task="markdown", prompt="", max_tokens=0)


def prediction(status: str = "succeeded", **changes: object) -> bytes:
    facts: dict[str, object] = {
        "id": "abc-1_Z",
        "model": "lucataco/deepseek-ocr",
        "version": VERSION,
        "status": status,
        "input": {},
        "output": TEXT if status == "succeeded" else None,
        "error": None,
        "logs": "",
        "metrics": {},
        "urls": {"get": "http://127.0.0.1:9/steal", "cancel": "http://127.0.0.1:9/steal/cancel"},
    }
    return json.dumps(facts | changes).encode()


@dataclass
class Answered:
    status: int = 200
    body: bytes = field(default_factory=prediction)
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    endless: bool = False


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Answers what creates a prediction with ``created``, and looks at it from ``looks`` in turn, the last for ever."""

    url: str = ""
    created: Answered = field(default_factory=lambda: Answered(201))
    looks: list[Answered] = field(default_factory=list)
    canceled: Answered = field(default_factory=lambda: Answered(200, prediction("canceled")))
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Answered:
        with self.lock:
            self.requests.append(request)
            if request.path.endswith("/cancel"):
                return self.canceled
            if request.method == "POST":
                return self.created
            return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    @property
    def trace(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(predictions, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(predictions, "LONGEST_PAUSE", 0.02)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = state.answer(Request(self.command, self.path, dict(self.headers), body))
            time.sleep(answer.seconds)
            try:
                self.send_response(answer.status)
                for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                    self.send_header(name, value)
                if not answer.endless:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                while answer.endless:
                    self.wfile.write(bytes(1 << 20))
            except OSError:
                self.close_connection = True  # the client gave up, as some tests want it to

        do_GET = do_POST  # noqa: N815 - so named by the base class

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        listening.block_on_close = False
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        state.url = f"http://127.0.0.1:{listening.server_port}/v1"
        yield state
        listening.shutdown()


def wire(server: Server, **changes: Any) -> ReplicateWire:
    return ReplicateWire(**({"base_url": server.url, "model": MODEL, "key": lambda: KEY, "timeout": 5.0} | changes))


def ask(wire: ReplicateWire, question: Question = QUESTION) -> Response:
    async def run() -> Response:
        async with httpx.AsyncClient() as client:
            return await wire.send(client, question)

    return asyncio.run(run())


def trouble(wire: ReplicateWire, question: Question = QUESTION) -> Trouble:
    with pytest.raises(Trouble) as caught:
        ask(wire, question)
    shown = caught.value.problem + caught.value.hint + repr(caught.value) + repr(wire)
    assert KEY not in shown
    assert caught.value.hint
    return caught.value


def test_the_answer_comes_with_the_first_request(server: Server) -> None:
    assert ask(wire(server)) == Response(text=TEXT, finish_reason="stop", model=VERSION, usage=Usage(requests=1))
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/predictions")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert "Prefer" not in request.headers  # held open, a request keeps the id back, and so the way to cancel
    assert request.headers["Cancel-After"] == "5s"
    encoded = base64.b64encode(PICTURE.data).decode()
    assert json.loads(request.body) == {
        "version": VERSION,
        "input": {
            "image": f"data:image/jpeg;base64,{encoded}",
            "task_type": "Convert to Markdown",
            "resolution_size": "Gundam (Recommended)",
        },
    }


def test_the_server_is_told_when_to_give_up(server: Server) -> None:
    ask(wire(server, timeout=300.0))
    ask(wire(server, timeout=1.2))
    assert [request.headers["Cancel-After"] for request in server.requests] == ["300s", "5s"]


@pytest.mark.parametrize("task", get_args(Task))
def test_every_task(server: Server, task: Task) -> None:
    question = Question(picture=PICTURE, task=task, prompt="", reference="the <|ref|>", max_tokens=0)
    if task not in TASK_TYPES:
        problem = trouble(wire(server), question)
        assert problem.kind == "misconfigured"
        assert "free_ocr" in problem.hint
        assert server.requests == []
        return
    ask(wire(server), question)
    given = json.loads(server.requests[0].body)["input"]
    assert given["task_type"] == TASK_TYPES[task]
    assert given.get("reference_text") == ("the <|ref|>" if task == "locate" else None)


def test_nothing_to_locate(server: Server) -> None:
    problem = trouble(wire(server), Question(picture=PICTURE, task="locate", prompt="", reference=" ", max_tokens=0))
    assert problem.kind == "rejected"
    assert server.requests == []


@pytest.mark.parametrize("resolution", get_args(Resolution))
def test_every_resolution(server: Server, resolution: Resolution) -> None:
    ask(wire(server, resolution=resolution))
    assert json.loads(server.requests[0].body)["input"]["resolution_size"] == RESOLUTION_SIZES[resolution]


def test_what_the_official_client_sends(server: Server) -> None:
    """Only where it is installed: the same address and body, for a model with and without a version."""
    official = pytest.importorskip("replicate.client", reason="the official client is not installed")
    for model in (MODEL, "owner/official.model", VERSION):
        server.requests.clear()
        ask(wire(server, model=model))
        with_slash = "/" in model and ":" in model
        client = official.Client(api_token=KEY, base_url=server.url.removesuffix("/v1"))
        given = json.loads(server.requests[0].body)["input"]
        if "/" in model and not with_slash:
            client.models.predictions.create(model=model, input=given)
        else:
            client.predictions.create(version=VERSION, input=given)
        ours, theirs = server.requests
        assert (ours.path, json.loads(ours.body)) == (theirs.path, json.loads(theirs.body))
        assert ours.headers["Authorization"] == theirs.headers["Authorization"]
        assert ours.headers.get("Prefer") == theirs.headers.get("Prefer")
        client._client.close()


def test_what_is_not_done_is_looked_at_until_it_is(server: Server) -> None:
    server.created = Answered(201, prediction("starting"))
    server.looks = [
        Answered(200, prediction("starting")),
        Answered(200, prediction("processing", output=TEXT[:9])),
        Answered(200, prediction(output=[TEXT[:5], TEXT[5:]])),
    ]
    assert ask(wire(server)).text == TEXT
    # Never at the addresses that the answer names.
    assert server.trace == ["POST /v1/predictions", *["GET /v1/predictions/abc-1_Z"] * 3]
    assert server.requests[1].headers["Authorization"] == f"Bearer {KEY}"


def test_a_few_looks_may_fail(server: Server) -> None:
    server.created = Answered(201, prediction("starting"))
    server.looks = [
        Answered(404, b"{}"),
        Answered(429, b"{}", {"Retry-After": "0.01"}),
        Answered(200, b"<html>"),
        Answered(200, prediction(id="another")),
        Answered(200, prediction("processing")),
        Answered(500, b""),
        Answered(),
    ]
    assert ask(wire(server)).text == TEXT


@pytest.mark.parametrize(
    ("look", "kind", "looks"),
    [
        (Answered(503, b""), "busy", 5),
        (Answered(404, b""), "busy", 5),
        (Answered(200, prediction(id="another")), "garbled", 5),
        (Answered(401, b'{"detail": "Invalid token."}'), "misconfigured", 1),
    ],
)
def test_looking_is_given_up_and_the_prediction_canceled(server: Server, look: Answered, kind: str, looks: int) -> None:
    server.created = Answered(201, prediction("starting"))
    server.looks = [look]
    assert trouble(wire(server)).kind == kind
    assert server.trace[1:] == ["GET /v1/predictions/abc-1_Z"] * looks + ["POST /v1/predictions/abc-1_Z/cancel"]


def test_a_prediction_that_takes_too_long_is_canceled(server: Server) -> None:
    server.created = Answered(201, prediction("starting"))
    server.looks = [Answered(200, prediction("processing"))]
    problem = trouble(wire(server, timeout=0.3))
    assert problem.kind == "unreachable"
    assert "not done within 0.3 s" in problem.problem
    assert "timeout" in problem.hint
    assert server.trace[-1] == "POST /v1/predictions/abc-1_Z/cancel"
    assert server.requests[-1].headers["Authorization"] == f"Bearer {KEY}"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.005)


def test_a_cancelled_task_cancels_its_prediction(server: Server) -> None:
    server.created = Answered(201, prediction("starting"))
    server.looks = [Answered(200, prediction("processing"))]
    server.canceled = Answered(200, prediction("canceled"), seconds=0.1)

    async def run() -> None:
        async with httpx.AsyncClient() as client:
            task = asyncio.create_task(wire(server).send(client, QUESTION))
            await until(lambda: len(server.requests) > 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert server.trace[-1].endswith("/cancel")
            assert server.trace.count(server.trace[-1]) == 1

    asyncio.run(run())


def cancelled_while_creating(server: Server) -> float:
    """Cancel as soon as the server has the first request; how long that took."""

    async def run() -> float:
        async with httpx.AsyncClient() as client:
            task = asyncio.create_task(wire(server).send(client, QUESTION))
            await until(lambda: server.requests)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return time.monotonic() - began

    return asyncio.run(run())


def test_a_prediction_without_an_id_yet_is_canceled_as_soon_as_it_has_one(server: Server) -> None:
    server.created = Answered(201, prediction("starting"), seconds=0.3)
    cancelled_while_creating(server)
    assert server.trace == ["POST /v1/predictions", "POST /v1/predictions/abc-1_Z/cancel"]


@pytest.mark.parametrize(
    "created",
    [Answered(201, prediction()), Answered(500, b"{}"), Answered(201, prediction("starting", id="../x")), Answered()],
    ids=["done", "refused", "no id", "late"],
)
def test_what_was_not_created_or_is_done_is_not_canceled(
    server: Server, monkeypatch: pytest.MonkeyPatch, created: Answered
) -> None:
    if created == Answered():
        monkeypatch.setattr(predictions, "CREATE_SECONDS", 0.05)
    server.created = replace(created, seconds=0.3)
    cancelled_while_creating(server)
    assert server.trace == ["POST /v1/predictions"]


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_closing_early_leaves_no_prediction_running(seconds: float) -> None:
    with StandIn(rules="replicate", reader=lambda data: (), latency=30.0) as standin:

        async def run() -> None:
            async with httpx.AsyncClient() as client:
                ours = ReplicateWire(base_url=standin.url, model=MODEL, key=lambda: KEY, timeout=60.0)
                task = asyncio.create_task(ours.send(client, replace(QUESTION, picture=drawn())))
                await until(lambda: standin.in_flight)
                await asyncio.sleep(seconds)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await until(lambda: not standin.in_flight)

        asyncio.run(run())
        assert standin.requests[-1].path.endswith("/cancel")


def drawn() -> Picture:
    """A picture that can be opened."""
    out = io.BytesIO()
    Image.new("L", (64, 64), "white").save(out, "JPEG")
    return Picture(data=out.getvalue(), media_type="image/jpeg", width=64, height=64)


def test_a_cancelled_scope_cancels_its_prediction(server: Server) -> None:
    """anyio cancels every await in a scope again and again; the last request must get through all the same."""
    server.created = Answered(201, prediction("starting"))
    server.looks = [Answered(200, prediction("processing"))]
    server.canceled = Answered(200, prediction("canceled"), seconds=0.1)

    async def run() -> None:
        async with httpx.AsyncClient() as client:
            with anyio.move_on_after(0.2):
                await wire(server).send(client, QUESTION)
        assert server.trace[-1] == "POST /v1/predictions/abc-1_Z/cancel"

    asyncio.run(run())


def test_what_goes_wrong_when_canceling_is_not_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "CANCEL_SECONDS", 0.05)
    server.created = Answered(201, prediction("starting"))
    server.looks = [Answered(200, prediction("processing"))]
    server.canceled = Answered(200, prediction("canceled"), seconds=1.0)
    assert "not done within" in trouble(wire(server, timeout=0.1)).problem


@pytest.mark.parametrize("name", ["", "../predictions", "a/cancel", "a?b", "a\n", "x" * 65, "ä"])
def test_an_id_that_would_change_the_address(server: Server, name: str) -> None:
    server.created = Answered(201, prediction("starting", id=name))
    assert trouble(wire(server)).kind == "rejected"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        ("failed", "CUDA out of memory. Tried to allocate 20.00 MiB for the image", "busy"),
        ("failed", "Prediction interrupted; please retry (code: PA)", "busy"),
        ("failed", "Director: unexpected error handling prediction (E6716)", "busy"),
        ("failed", "", "busy"),
        ("failed", "list index out of range", "busy"),
        ("failed", f"cannot identify image file '/tmp/x' {KEY}", "rejected"),
        ("canceled", None, "busy"),
        ("aborted", None, "busy"),
    ],
)
def test_a_prediction_that_failed(server: Server, status: str, error: str | None, kind: str) -> None:
    server.created = Answered(201, prediction(status, error=error))
    problem = trouble(wire(server))
    assert problem.kind == kind
    assert status in problem.problem
    assert (error or "").replace(KEY, "***")[:30] in problem.problem
    assert len(server.requests) == 1  # there is nothing to cancel


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answered(401, f'{{"detail": "{KEY} is no token"}}'.encode()), "misconfigured"),
        (Answered(402, b'{"title": "Insufficient credit"}'), "misconfigured"),
        (Answered(403, b""), "misconfigured"),
        (Answered(404, b'{"detail": "The requested resource could not be found."}'), "misconfigured"),
        (
            Answered(422, b'{"title": "Invalid version or not permitted", "detail": "It does not exist"}'),
            "misconfigured",
        ),
        (Answered(422, b'{"detail": "- input.image: Does not match format uri"}'), "rejected"),
        (Answered(413, b""), "too_large"),
        (Answered(500, b"<html><title>Oops</title>"), "busy"),
        (Answered(308, b"", {"Location": "http://127.0.0.1:9/steal"}), "misconfigured"),
        (Answered(200, b"<html><title>Welcome</title>"), "garbled"),
        (Answered(201, b"[" * 100_000), "garbled"),
        (Answered(201, b'{"id": 7, "status": "succeeded"}'), "garbled"),
        (Answered(201, prediction(output={"text": "x"})), "rejected"),
        (Answered(201, prediction(output=["x", 7])), "rejected"),
        (Answered(200, b"", endless=True), "rejected"),
    ],
)
def test_what_is_no_prediction(server: Server, answer: Answered, kind: str) -> None:
    server.created = answer
    assert trouble(wire(server)).kind == kind
    assert server.trace == ["POST /v1/predictions"]


def test_wait_as_long_as_the_server_asks(server: Server) -> None:
    server.created = Answered(429, b'{"detail": "throttled"}', {"Retry-After": "13"})
    problem = trouble(wire(server))
    assert (problem.kind, problem.retry_after) == ("limited", 13.0)
    assert "throttled" in problem.problem


def test_an_answer_with_nothing_in_it(server: Server) -> None:
    server.created = Answered(201, prediction(output=None))
    assert ask(wire(server)).text == ""


def test_half_surrogates_do_not_get_through(server: Server) -> None:
    server.created = Answered(201, prediction().replace(b"# Hello", b"\\ud800!"))
    assert ask(wire(server)).text.endswith("?!")


def test_a_key_that_cannot_be_sent(server: Server) -> None:
    problem = trouble(wire(server, key=lambda: f"{KEY}\n"))
    assert problem.kind == "misconfigured"
    assert "REPLICATE_API_TOKEN" in problem.hint
    assert server.requests == []


def test_addresses() -> None:
    def base(url: str) -> str:
        return repr(ReplicateWire(base_url=url, model=MODEL, key=str, timeout=1.0)).split("'")[1]

    assert base("https://api.replicate.com") == "https://api.replicate.com/v1"
    assert base("https://api.replicate.com/v1/predictions/ ") == "https://api.replicate.com/v1"
    assert base("http://localhost:1/other/v1") == "http://localhost:1/other/v1"


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "api.replicate.com"},
        {"base_url": f"https://user:{KEY}@host/v1"},
        {"base_url": f"https://host/v1?token={KEY}"},
        {"model": "deepseek-ocr"},
        {"model": "a/b/c:d"},
        {"model": "a/b:"},
        {"model": "a/b:c d"},
        {"resolution": "huge"},
        {"timeout": 0.0},
        {"timeout": float("inf")},
        {"timeout": float("nan")},
    ],
)
def test_arguments_that_make_no_sense(changes: dict[str, Any]) -> None:
    facts = {"base_url": "https://host", "model": MODEL, "key": str, "timeout": 1.0} | changes
    with pytest.raises(ValueError, match=r"model|base_url|resolution|timeout") as caught:
        ReplicateWire(**cast("Any", facts))
    assert KEY not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("id", "status", "output")), inner),
    max_leaves=6,
)


@given(JSON | st.fixed_dictionaries({"id": JSON, "status": JSON | st.just("failed"), "output": JSON, "error": JSON}))
def test_any_json_is_a_prediction_or_none(data: object) -> None:
    try:
        found = _Prediction.parse(json.dumps(data).encode())
    except ValueError:
        return
    assert isinstance(data, dict)
    assert (found.id, found.status) == (data["id"], data["status"])
    found.error.encode()
