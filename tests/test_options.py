"""Which server is asked, and what options are refused before anything is read."""

from __future__ import annotations

import os
from typing import Any, get_args

import pytest

from deepseek_ocr_rag import ChatEngine, ChatOptions, ReadOptions, RetryPolicy
from deepseek_ocr_rag.doctor import examine
from deepseek_ocr_rag.engines.local import LocalEngine
from deepseek_ocr_rag.engines.predictions import TASK_TYPES
from deepseek_ocr_rag.engines.remote import RemoteEngine
from deepseek_ocr_rag.engines.replicate import ReplicateEngine
from deepseek_ocr_rag.figures import FigureOptions
from deepseek_ocr_rag.options import make_engine, make_fallback, server_of, with_engine
from deepseek_ocr_rag.prompts import PAGE_TASKS, Task

from .fakes import FakeEngine

URL = "http://127.0.0.1:9/v1"
OTHER = "http://127.0.0.1:8/v1"
EVERYTHING = {"PROVIDER": "novita", "BASE_URL": OTHER, "MODEL": "theirs"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of ours is set but the key of one host."""
    for name in [name for name in os.environ if name.startswith("DEEPSEEK_OCR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NOVITA_API_KEY", "key-of-novita")
    return monkeypatch


@pytest.mark.parametrize(
    ("given", "variables", "provider", "base_url", "model"),
    [
        ({"provider": "vllm"}, {}, "vllm", "", ""),
        ({"provider": "vllm"}, EVERYTHING, "vllm", "", ""),
        ({"provider": "vllm", "base_url": URL}, EVERYTHING, "vllm", URL, ""),
        ({"provider": "vllm", "model": "ours"}, EVERYTHING, "vllm", "", "ours"),
        ({"base_url": URL}, {}, "custom", URL, ""),
        ({"base_url": URL}, EVERYTHING, "custom", URL, ""),
        ({"base_url": URL, "model": "ours"}, EVERYTHING, "custom", URL, "ours"),
        ({}, EVERYTHING, "novita", OTHER, "theirs"),
        ({"model": "ours"}, EVERYTHING, "novita", OTHER, "ours"),
        ({}, {"PROVIDER": "novita"}, "novita", "", ""),
        ({}, {"BASE_URL": OTHER, "MODEL": "theirs"}, "custom", OTHER, "theirs"),
        ({"api_key": "k", "prompt": "Read.", "resolution": "tiny"}, {"BASE_URL": OTHER}, "custom", OTHER, ""),
    ],
)
def test_which_server_is_asked(
    environment: pytest.MonkeyPatch,
    given: dict[str, Any],
    variables: dict[str, str],
    provider: str,
    base_url: str,
    model: str,
) -> None:
    for name, value in variables.items():
        environment.setenv(f"DEEPSEEK_OCR_{name}", value)
    options = ReadOptions(**given)
    target = server_of(options)
    assert target is not None
    assert (target.provider, target.base_url, target.model) == (provider, base_url, model)
    engine = make_engine(options)
    assert isinstance(engine, RemoteEngine)
    assert (engine.provider.name, engine.model) == (provider, model or engine.provider.model)
    assert engine._url.startswith(base_url)


def test_a_providers_key_goes_to_no_server_but_its_own(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DEEPSEEK_OCR_PROVIDER", "novita")
    engine = make_engine(ReadOptions(base_url=URL))
    assert isinstance(engine, RemoteEngine)
    assert engine._current_key() == ""
    environment.setenv("DEEPSEEK_OCR_API_KEY", "key-of-all")
    assert engine._current_key() == "key-of-all"


@pytest.mark.parametrize("variables", [{"MODEL": "theirs"}, {"API_KEY": "k"}, {"PROVIDER": " "}])
def test_without_a_server_pages_are_read_offline(environment: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        environment.setenv(f"DEEPSEEK_OCR_{name}", value)
    assert make_engine(ReadOptions()) == LocalEngine()


def test_doctor_speaks_of_the_server_that_is_asked(environment: pytest.MonkeyPatch) -> None:
    for name, value in EVERYTHING.items():
        environment.setenv(f"DEEPSEEK_OCR_{name}", value)
    for given in ({"base_url": URL}, {"name": "vllm", "base_url": URL}):
        report = examine(**given)
        assert report.server is not None
        assert report.server.url == f"{URL}/models"
        assert report.engine == "chat"
    environment.delenv("DEEPSEEK_OCR_PROVIDER")
    environment.delenv("DEEPSEEK_OCR_BASE_URL")
    report = examine(model="ours")
    assert (report.engine, report.server) == ("none", None)
    assert "model: would be ignored: there is no server" in report.reason


OF_SERVERS: list[dict[str, Any]] = [
    {"provider": "vllm"},
    {"base_url": URL},
    {"model": "m"},
    {"api_key": "s3cret"},
    {"prompt": "Read."},
    {"resolution": "large"},
    {"retry": RetryPolicy(max_requests=1)},
]


@pytest.mark.parametrize("given", OF_SERVERS, ids=lambda given: next(iter(given)))
def test_what_would_be_ignored_is_refused(given: dict[str, Any]) -> None:
    [name] = given
    engines: list[tuple[Any, str]] = [
        ("local", "asks no server"),
        (LocalEngine(), "engine object"),
        (FakeEngine(), "engine object"),
    ]
    for engine, said in engines:
        with pytest.raises(ValueError, match=f"^{name}: would be ignored.*{said}") as caught:
            ReadOptions(engine=engine, **given)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("given", OF_SERVERS[2:], ids=lambda given: next(iter(given)))
def test_options_of_a_server_need_one(environment: pytest.MonkeyPatch, given: dict[str, Any]) -> None:
    options = ReadOptions(**given)
    with pytest.raises(ValueError, match=f"^{next(iter(given))}: would be ignored: there is no server"):
        make_engine(options)
    environment.setenv("DEEPSEEK_OCR_BASE_URL", URL)
    assert isinstance(make_engine(options), ChatEngine)


def test_an_engine_takes_the_place_of_what_it_was_made_from() -> None:
    options = ReadOptions(provider="vllm", base_url=URL, model="m", prompt="Read.", resolution="tiny", pages="3")
    engine = make_engine(options)
    assert with_engine(options, engine) == ReadOptions(engine=engine, pages="3")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"resolution": "huge"}, "resolution='huge'.*gundam"),
        ({"task": "translate"}, "task='translate'.*markdown"),
        ({"fallback": "vllm"}, "fallback"),
        ({"provider": "nobody"}, "nobody.*novita"),
    ],
)
def test_words_that_are_none_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_engine(ReadOptions(**wrong))


def engines() -> list[tuple[RemoteEngine, tuple[str, ...]]]:
    """Engines, and what they cannot be asked for."""
    own = ChatOptions(prompt="Find things.", prompt_task="objects")
    return [
        (ChatEngine(URL), ()),
        (ChatEngine(URL, model="deepseek-chat"), ("locate", "objects")),
        (ChatEngine(URL, model="deepseek-chat", options=own), ("locate",)),
        (ChatEngine(URL, model="deepseek-chat", options=ChatOptions(prompt="Find things.")), ()),
        (ReplicateEngine(api_key="r8-key"), tuple(task for task in get_args(Task) if task not in TASK_TYPES)),
    ]


@pytest.mark.parametrize("task", get_args(Task))
def test_a_task_that_the_model_cannot_do_is_refused_when_the_engine_is_made(task: Task) -> None:
    reference = "a seal" if task == "locate" else ""
    for engine, lacks in engines():
        options = ReadOptions(engine=engine, task=task, reference=reference)
        if task in lacks:
            with pytest.raises(ValueError, match=f"task='{task}'.*can be asked for markdown"):
                make_engine(options)
        else:
            assert make_engine(options) is engine
    for local in ("auto", "local", LocalEngine()):
        options = ReadOptions(engine=local, task=task, reference=reference)
        if task in PAGE_TASKS:
            assert make_engine(options) == LocalEngine()
        else:
            with pytest.raises(ValueError, match=f"task='{task}' needs a model"):
                make_engine(options)


def test_the_engine_of_a_provider_is_checked_as_well() -> None:
    with pytest.raises(ValueError, match=r"task='ocr'.*Replicate.*free_ocr"):
        make_engine(ReadOptions(provider="replicate", api_key="r8-key", task="ocr"))


def test_reading_figures_is_a_task_too() -> None:
    engine = ReplicateEngine(api_key="r8-key")
    figures = FigureOptions(folder="figures", read="parse")
    assert make_engine(ReadOptions(engine=engine, figures=figures)) is engine
    with pytest.raises(ValueError, match="reading figures"):
        make_engine(ReadOptions(engine=engine, figures=FigureOptions(folder="figures", read="describe")))


@pytest.mark.parametrize("quality", ["fast", "auto", "best"])
def test_the_quality_is_the_embedded_engines(quality: Any) -> None:
    options = ReadOptions(quality=quality)
    assert make_engine(options) == LocalEngine(quality=quality)
    assert make_fallback(options, FakeEngine()) == LocalEngine(quality=quality)
    with pytest.raises(ValueError, match="quality='good'"):
        ReadOptions(quality="good")  # type: ignore[arg-type]
