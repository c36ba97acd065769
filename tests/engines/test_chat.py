from __future__ import annotations

import asyncio
import base64
import json
import logging
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.engines import Engine
from deepseek_ocr_rag.engines.chat import ChatEngine
from deepseek_ocr_rag.engines.completion import Answer, Reply, seconds_to_wait
from deepseek_ocr_rag.engines.exchange import MAX_ANSWER_BYTES
from deepseek_ocr_rag.engines.providers import KEY_VARIABLE, PROVIDERS
from deepseek_ocr_rag.engines.remote import ChatOptions
from deepseek_ocr_rag.engines.retry import LONGEST_WAIT, RetryPolicy
from deepseek_ocr_rag.errors import EngineMisconfigured, EngineRejected, EngineUnavailable
from deepseek_ocr_rag.prompts import PROMPTS
from deepseek_ocr_rag.recognition import ImageRequest, PageImage, PageRequest, Recognition

KEY = "sk-very-secret-0123456789"
PAGE = PageImage(
    page_number=7, page_width=600, page_height=800, data=b"\xff\xd8picture", media_type="image/png", source="dir/a.pdf"
)


def completion(text: object = "text[[1, 2, 3, 4]]\nHello", **choice: object) -> bytes:
    first = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"} | choice
    usage = {"prompt_tokens": 903, "completion_tokens": 12}
    return json.dumps({"choices": [first], "usage": usage, "model": "served-name"}).encode()


@dataclass
class Answered:
    status: int = 200
    body: bytes = field(default_factory=completion)
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Server:
    """A chat server that answers as told: from ``script`` in turn, then for ever with ``rest``."""

    url: str = ""
    script: list[Answered] = field(default_factory=list)
    rest: Answered | Callable[[dict[str, Any]], Answered] = field(default_factory=Answered)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)
    in_flight: int = 0
    most_in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_for(self, body: dict[str, Any]) -> Answered:
        if self.script:
            return self.script.pop(0)
        return self.rest(body) if callable(self.rest) else self.rest


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                state.bodies.append(body)
                state.headers.append(dict(self.headers))
                state.paths.append(self.path)
                state.connections.add(self.client_address)
                state.in_flight += 1
                state.most_in_flight = max(state.most_in_flight, state.in_flight)
                answer = state.next_for(body)
            time.sleep(answer.seconds)
            with state.lock:
                state.in_flight -= 1
            try:
                self.send_response(answer.status)
                for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:
                self.close_connection = True  # the client gave up, as some tests want it to

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        listening.block_on_close = False
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        state.url = f"http://127.0.0.1:{listening.server_port}/v1"
        yield state
        listening.shutdown()


def options(**changes: Any) -> ChatOptions:
    limits = {name: changes.pop(name) for name in ("max_attempts", "backoff", "ask_again") if name in changes}
    retry = RetryPolicy(**({"backoff": 0.001} | limits))
    return ChatOptions(**({"retry": retry, "timeout": 5.0} | changes))


def ask(engine: ChatEngine, *pages: PageImage) -> list[Recognition]:
    async def run() -> list[Recognition]:
        try:
            return await asyncio.gather(*(engine.recognize(page) for page in pages or (PAGE,)))
        finally:
            await engine.aclose()

    return asyncio.run(run())


def test_one_page(server: Server) -> None:
    engine = ChatEngine(server.url, model="m", options=options())
    assert isinstance(engine, Engine)
    [answer] = ask(engine)
    assert answer == Recognition(
        page_number=7,
        engine="chat",
        text="text[[1, 2, 3, 4]]\nHello",
        model="served-name",
        prompt=PROMPTS["markdown"],
        finish_reason="stop",
        usage=answer.usage,
    )
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.requests) == (903, 12, 1)
    [body] = server.bodies
    picture = "data:image/png;base64," + base64.b64encode(PAGE.data).decode()
    assert body == {
        "model": "m",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": picture}},
                    {"type": "text", "text": PROMPTS["markdown"]},
                ],
            }
        ],
        "temperature": 0.0,
        "max_tokens": body["max_tokens"],
        "stream": False,
        "skip_special_tokens": False,
    }
    assert 7000 < body["max_tokens"] < 8192
    assert server.paths == ["/v1/chat/completions"]
    assert "Authorization" not in server.headers[0]


def test_options_reach_the_server(server: Server) -> None:
    chosen = options(
        prompt="Read.", max_tokens=5, temperature=0.5, image_first=False, extra_body={"a": 1}, image=ImageRequest()
    )
    ask(ChatEngine(server.url + "/chat/completions/?version=1", options=chosen))
    [body] = server.bodies
    assert (body["max_tokens"], body["temperature"], body["a"]) == (5, 0.5, 1)
    assert [part["type"] for part in body["messages"][0]["content"]] == ["text", "image_url"]
    assert body["messages"][0]["content"][0]["text"] == "Read."
    assert server.paths == ["/v1/chat/completions?version=1"]


def test_what_is_asked_of_the_renderer() -> None:
    image = ImageRequest(long_side=640, media_type="image/png")
    engine = ChatEngine("http://localhost/v1", options=options(image=image))
    assert engine.request == PageRequest(image=image, words=True)


@pytest.mark.parametrize("base_url", ["localhost:8000/v1", "ftp://host/v1", "http:///v1", "file:///etc/passwd"])
def test_a_wrong_address_is_refused_at_once(base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url must be"):
        ChatEngine(base_url)


def test_no_address_at_all() -> None:
    with pytest.raises(EngineMisconfigured, match="base_url"):
        ChatEngine()


@pytest.mark.parametrize("wrong", [{"max_attempts": 0}, {"max_in_flight": 0}, {"timeout": 0}])
def test_options_out_of_range_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ChatEngine("http://localhost", options=options(**wrong))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"family": "gpt"}, "deepseek-ocr-2"),
        ({"frame": "padded"}, "padded_square"),
        ({"image": ImageRequest(resolution=cast("Any", "huge"))}, "gundam"),
    ],
)
def test_words_that_are_none_are_refused_at_once(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ChatOptions(**wrong)


def test_a_picture_that_is_smaller_than_the_host_takes_is_not_sent(server: Server) -> None:
    engine = ChatEngine(server.url, provider="qianfan", api_key=KEY, options=options())
    with pytest.raises(EngineRejected, match=r"page 7: the picture has 4 x 90 pixels.*under 5.*larger picture"):
        ask(engine, replace(PAGE, width=4, height=90))
    assert server.bodies == []
    assert ask(engine, replace(PAGE, width=5, height=90))[0].text


def test_many_threads_may_use_an_engine_and_leave_their_loops_behind() -> None:
    engine = ChatEngine("http://localhost/v1", options=options(max_in_flight=1))

    class Gone:
        """An event loop that is closed, and leaves other threads the time to see that, too."""

        def is_closed(self) -> bool:
            time.sleep(0.001)
            return True

    def use(_: int) -> frozenset[str]:
        async def run() -> frozenset[str]:
            refused = engine.refused
            await engine.aclose()
            return refused

        return asyncio.run(run())

    engine._pools.update(dict.fromkeys(cast("Any", [Gone() for _ in range(50)])))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, range(16))) == [frozenset()] * 16
    assert engine._pools == {}


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_is_read_when_a_request_is_made(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ChatEngine(server.url, options=options())
    monkeypatch.setenv(KEY_VARIABLE, f" {KEY}\n")
    ask(engine)
    ask(ChatEngine(server.url, api_key="given", options=options()))
    ask(ChatEngine(server.url.replace("//", "//us%40er:pass@"), options=options()))
    basic = base64.b64encode(b"us@er:pass").decode()
    sent = [headers["Authorization"] for headers in server.headers]
    assert sent == [f"Bearer {KEY}", "Bearer given", f"Basic {basic}"]


def test_secrets_stay_out_of_sight(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    engine = ChatEngine(server.url.replace("//", "//user:passw0rd@") + "?sign=t0ken", api_key=KEY, options=options())
    server.script = [Answered(), Answered(401, json.dumps({"error": {"message": f"bad key {KEY}"}}).encode())]
    ask(engine)
    with pytest.raises(EngineRejected) as caught:
        ask(engine)
    seen = [repr(engine), repr(engine.__dict__), engine.fingerprint, str(caught.value), repr(caught.value)]
    for secret in (KEY, "passw0rd"):
        assert all(secret not in text for text in [*seen, caplog.text])
    # The address with its query is the HTTP library's to log; ours are the messages.
    assert all("t0ken" not in text for text in (repr(engine), engine.fingerprint, str(caught.value)))
    assert "bad key ***" in str(caught.value)


def test_a_key_that_no_header_carries_is_refused_without_showing_it(server: Server) -> None:
    for key in ("sk-\nbroken", "schlüssel"):
        with pytest.raises(EngineRejected, match=r"page 7.*characters") as caught:
            ask(ChatEngine(server.url, api_key=key, options=options()))
        assert key not in str(caught.value)
    assert server.bodies == []


def test_an_engine_can_be_pickled_while_in_use(server: Server) -> None:
    engine = ChatEngine(server.url, api_key=KEY, options=options())

    async def run() -> bytes:
        await engine.recognize(PAGE)
        data = pickle.dumps(engine)
        await engine.aclose()
        return data

    copy = pickle.loads(asyncio.run(run()))
    assert ask(copy)[0].text
    assert copy.fingerprint == engine.fingerprint
    assert server.headers[1]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(copy)


def test_the_fingerprint_changes_with_what_changes_answers() -> None:
    def fingerprint(base_url: str = "http://h/v1", model: str = "m", **changes: Any) -> str:
        return ChatEngine(
            base_url, model=model, api_key=changes.pop("key", None), options=options(**changes)
        ).fingerprint

    base = fingerprint()
    same = [fingerprint(key="other"), fingerprint("http://u:p@h/v1/"), fingerprint(timeout=9.0, max_in_flight=2)]
    assert set(same) == {base}
    row = PROVIDERS["vllm"]
    rows = [
        row,
        replace(row, extra_body={}),
        replace(row, guard="none"),
        replace(row, image_first=False),
        replace(row, image_mark="<image>\n"),
        replace(row, names_format=True),
        replace(row, max_side=100),
    ]
    assert len({ChatEngine("http://h/v1", provider=row).fingerprint for row in rows}) == len(rows)
    told = replace(row, notes="Other words.", sources=(), key_hint="?", keeps_special_tokens=None)
    assert ChatEngine(provider=told).fingerprint == ChatEngine(provider=row).fingerprint
    others = [
        fingerprint("http://other/v1"),
        fingerprint(model="n"),
        fingerprint(prompt="p"),
        fingerprint(image=ImageRequest(long_side=640)),
        fingerprint(temperature=0.5),
        fingerprint(max_tokens=9),
        fingerprint(extra_body={}),
        fingerprint(image_first=False),
        fingerprint(ask_again=False),
    ]
    assert len({base, *others}) == len(others) + 1


# --- retries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_trouble_is_tried_again(server: Server, status: int) -> None:
    server.script = [Answered(status, b"<html><title>Busy</title>", {"Content-Type": "text/html"}), Answered(status)]
    [answer] = ask(ChatEngine(server.url, options=options()))
    assert (answer.attempts, answer.usage.requests, answer.status) == (3, 3, "ok")
    assert len(server.bodies) == 3


def test_lasting_trouble_ends_in_unavailable(server: Server) -> None:
    server.rest = Answered(503, b'{"detail": "model is loading"}')
    with pytest.raises(EngineUnavailable) as caught:
        ask(ChatEngine(server.url, options=options(max_attempts=2)))
    message = str(caught.value)
    assert message.startswith("dir/a.pdf, page 7: the server at http://127.0.0.1")
    assert "answered 503 with 'model is loading' (2 requests)." in message
    assert message.endswith("run again.")
    assert len(server.bodies) == 2


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(EngineMisconfigured, match=r"page 7: the server cannot be reached.*3 requests"):
            ask(ChatEngine(url, options=options()))


def test_a_server_that_stalls_is_left(server: Server) -> None:
    server.script = [Answered(seconds=0.4)]
    [answer] = ask(ChatEngine(server.url, options=options(timeout=0.1)))
    assert answer.attempts == 2


def test_a_server_that_always_stalls_is_unavailable(server: Server) -> None:
    server.rest = Answered(seconds=0.4)
    with pytest.raises(EngineUnavailable, match=r"did not answer within 0\.05 s"):
        ask(ChatEngine(server.url, options=options(timeout=0.05, max_attempts=2)))


def test_a_connection_that_breaks_in_the_answer_is_tried_again(server: Server) -> None:
    server.script = [Answered(headers={"Content-Encoding": "gzip"})]  # it is not gzip
    assert ask(ChatEngine(server.url, options=options()))[0].attempts == 2


def test_retry_after_is_honoured(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("deepseek_ocr_rag.engines.climb.asyncio.sleep", record)
    server.script = [Answered(429, headers={"Retry-After": "2"}), Answered(503, headers={"Retry-After": "99999"})]
    with pytest.raises(EngineUnavailable):  # the second wait would be longer than a page may take
        ask(ChatEngine(server.url, options=replace(options(), retry=RetryPolicy(backoff=1.0, deadline=50))))
    ours = [seconds for seconds in waits if seconds > 0]
    assert len(ours) == 1
    assert 2.15 <= ours[0] <= 2.3
    server.script = [Answered(503, headers={"Retry-After": "99999"})]
    ask(ChatEngine(server.url, options=options(backoff=1.0)))
    assert max(waits) == LONGEST_WAIT


def test_retry_after_as_a_date() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert seconds_to_wait(format_datetime(now + timedelta(seconds=90), usegmt=True), now=now) == 90
    assert seconds_to_wait(format_datetime(now - timedelta(seconds=90), usegmt=True), now=now) == 0


@given(st.text() | st.sampled_from(["", "nan", "inf", "-5", "1e999", "Mon, 99 Foo 2026", "²"]))
def test_retry_after_is_never_trusted(value: str) -> None:
    assert 0 <= seconds_to_wait(value) < float("inf")


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, KEY_VARIABLE),
        (403, KEY_VARIABLE),
        (404, "base_url"),
        (307, "redirects"),
        (418, "model"),
    ],
)
def test_refusals_are_not_tried_again_and_say_what_to_do(server: Server, status: int, advice: str) -> None:
    server.rest = Answered(status, b'{"error": {"message": "no"}}')
    with pytest.raises(EngineRejected, match=rf"^dir/a\.pdf, page 7: .*{status} with 'no'") as caught:
        ask(ChatEngine(server.url, options=options()))
    assert isinstance(caught.value, EngineMisconfigured) == (status != 418)
    assert advice in caught.value.hint
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_extra_fields_are_given_up_where_the_server_refuses_them(server: Server, status: int) -> None:
    server.rest = lambda body: Answered(status) if "skip_special_tokens" in body else Answered()
    engine = ChatEngine(server.url, options=options(max_attempts=1))

    async def run() -> list[Recognition]:
        answers = [await engine.recognize(PAGE), await engine.recognize(PAGE)]
        await engine.aclose()
        return [*answers, await engine.recognize(PAGE)]

    async def all_of_it() -> list[Recognition]:
        try:
            return await run()
        finally:
            await engine.aclose()

    answers = asyncio.run(all_of_it())
    assert [answer.attempts for answer in answers] == [2, 1, 2]  # remembered until the engine is closed
    assert all("skip_special_tokens" in answer.warnings[0] for answer in answers)


def test_a_bad_page_does_not_take_the_extra_fields_from_the_others(server: Server) -> None:
    server.script = [Answered(400, b'{"message": "bad request"}'), Answered(400, b'{"message": "bad request"}')]
    engine = ChatEngine(server.url, options=options())

    async def run() -> Recognition:
        with pytest.raises(EngineRejected, match="bad request"):
            await engine.recognize(PAGE)
        answer = await engine.recognize(PAGE)
        await engine.aclose()
        return answer

    assert asyncio.run(run()).warnings == ()
    assert ["skip_special_tokens" in body for body in server.bodies] == [True, False, True]


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (Answered(200, b"<!DOCTYPE html><title>Sign  in</title>" + b"x" * 9999), "an HTML page titled 'Sign in'"),
        (Answered(200, b"<p>hi", {"Content-Type": "text/html"}), "an HTML page"),
        (Answered(200, b"{'not json'"), "not json"),
        (Answered(200, b""), "an empty body"),
        (Answered(200, b'{"error": {"message": "out of credit"}}'), "'out of credit'"),
        (Answered(200, b'{"choices": []}'), "choices"),
        (Answered(200, b'{"choices": [{"message": {"content": 5}}]}'), "content"),
        (Answered(200, b"[" * 100_000), r"\[\[\["),
        (Answered(200, b"\xff\xfe\x00\x01"), "�"),
    ],
)
def test_what_is_no_completion_is_named(server: Server, answer: Answered, named: str) -> None:
    server.rest = answer
    with pytest.raises(EngineRejected, match=f"page 7: .*no chat completion but .*{named}.*base_url") as caught:
        ask(ChatEngine(server.url, options=options()))
    assert len(str(caught.value)) < 600
    assert len(server.bodies) == 3  # a proxy may be to blame, and have gone a moment later


def test_a_web_page_of_a_proxy_is_tried_again(server: Server) -> None:
    server.script = [Answered(200, b"<!DOCTYPE html><title>Back soon</title>")]
    assert ask(ChatEngine(server.url, options=options()))[0].attempts == 2


def test_an_endless_answer_is_cut_off(server: Server) -> None:
    server.rest = Answered(200, b" " * (MAX_ANSWER_BYTES + 1))
    with pytest.raises(EngineRejected, match=r"page 7: the answer from .* is over 16 MiB"):
        ask(ChatEngine(server.url, options=options()))


def test_a_page_without_a_picture_is_not_sent(server: Server) -> None:
    with pytest.raises(EngineRejected, match="page 1: there is no picture"):
        ask(ChatEngine(server.url), PageImage(page_number=1, page_width=1, page_height=1))
    assert server.bodies == []


# --- what the answer says about itself --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "finish", "status", "warning"),
    [
        ("half a", "length", "truncated", "cut off"),
        ("", "stop", "suspect", "empty"),
        (None, "stop", "suspect", "empty"),
        ("some", "content_filter", "suspect", "filter"),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "stop", "ok", ""),
    ],
)
def test_status(server: Server, text: object, finish: str, status: str, warning: str) -> None:
    server.rest = Answered(200, completion(text, finish_reason=finish))
    page = PageImage(page_number=1, page_width=1, page_height=1, data=b"x")
    [answer] = ask(ChatEngine(server.url, options=options(ask_again=False)), page)
    assert (answer.status, answer.finish_reason) == (status, finish)
    assert warning in " ".join(answer.warnings)
    assert bool(answer.warnings) == bool(warning)
    assert answer.text == ("ab" if isinstance(text, list) else text or "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage", "error", "text", "model"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_an_answer_or_a_value_error(value: object) -> None:
    body = json.dumps(value).encode()
    assert Reply(status=200, body=body).excerpt()
    try:
        answer = Answer.parse(body)
    except ValueError:
        return
    answer.text.encode()


def test_half_surrogates_do_not_get_in() -> None:
    assert Answer.parse(completion("a\ud83db")).text == "a?b"


# --- connections ------------------------------------------------------------------------------------------------------


def test_pages_in_flight_are_bounded_and_connections_kept(server: Server) -> None:
    server.rest = Answered(seconds=0.02)
    pages = [PageImage(page_number=number, page_width=1, page_height=1, data=b"x") for number in range(1, 31)]
    answers = ask(ChatEngine(server.url, options=options(max_in_flight=10)), *pages)
    assert [answer.page_number for answer in answers] == list(range(1, 31))
    assert 2 <= server.most_in_flight <= 10
    assert len(server.connections) <= 10


def test_one_engine_serves_one_event_loop_after_another(server: Server) -> None:
    engine = ChatEngine(server.url, options=options())
    for _ in range(3):
        assert ask(engine)[0].text
    assert len(server.connections) == 3
    asyncio.run(engine.aclose())  # nothing is open, nothing to do


def test_a_cancelled_page_gives_its_place_back(server: Server) -> None:
    engine = ChatEngine(server.url, options=options(max_in_flight=1))

    async def run() -> Recognition:
        server.script = [Answered(seconds=0.3)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.recognize(PAGE), 0.05)
        answer = await asyncio.wait_for(engine.recognize(PAGE), 5)
        await engine.aclose()
        return answer

    assert asyncio.run(run()).text
