"""What reading costs, as LangChain's own handlers are told of it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from langchain_core.documents.base import Blob
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_deepseek_ocr import DeepSeekOCRBlobParser, DeepSeekOCRLoader

from deepseek_ocr_rag import Price, Progress

MakePdf = Callable[..., Path]


class Told:
    """Keeps what handlers are told."""

    def __init__(self, *, fail: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.run_ids: set[uuid.UUID] = set()
        self.loops: set[int] = set()
        self.fail = fail

    def keep(self, name: str, data: dict[str, Any], run_id: uuid.UUID) -> None:
        self.events.append((name, data))
        self.run_ids.add(run_id)
        if name in self.fail:
            raise RuntimeError("a bug in the handler")


class SyncHandler(Told, BaseCallbackHandler):
    raise_error = True

    def on_custom_event(self, name: str, data: Any, *, run_id: uuid.UUID, **_: Any) -> None:
        self.keep(name, data, run_id)


class AsyncHandler(Told, AsyncCallbackHandler):
    async def on_custom_event(self, name: str, data: Any, *, run_id: uuid.UUID, **_: Any) -> None:
        self.loops.add(id(asyncio.get_running_loop()))
        await asyncio.sleep(0.01)
        self.keep(name, data, run_id)


def load(path: Path, way: str, **settings: Any) -> tuple[list[str], int]:
    """The texts that a load or a parse gives, and the event loop that it ran in, if it did."""
    if way == "load":
        return [document.page_content for document in DeepSeekOCRLoader(path, **settings).load()], 0
    if way == "parse":
        return [item.page_content for item in DeepSeekOCRBlobParser(**settings).parse(Blob.from_path(path))], 0

    async def main() -> tuple[list[str], int]:
        if way == "aload":
            documents = await DeepSeekOCRLoader(path, **settings).aload()
        else:
            documents = [item async for item in DeepSeekOCRBlobParser(**settings).alazy_parse(Blob.from_path(path))]
        return [document.page_content for document in documents], id(asyncio.get_running_loop())

    return asyncio.run(main())


@pytest.mark.parametrize("way", ["load", "aload", "parse", "aparse"])
def test_each_page_and_the_run_are_told(make_pdf: MakePdf, quick_engine: Any, way: str) -> None:
    path = make_pdf("a.pdf", "One.", "Two.")
    handlers: list[Any] = [SyncHandler(), AsyncHandler()]
    seen: list[Progress] = []
    _, loop = load(
        path,
        way,
        engine=quick_engine(fail=(2,)),
        fallback="none",
        workers=1,
        callbacks=handlers,
        progress=seen.append,
        price=Price(input_per_million=1.0, output_per_million=2.0, per_request=0.5),
    )
    for handler in handlers:
        (first, page), (second, failed), (last, run) = handler.events
        assert (first, second, last) == ("deepseek_ocr_page", "deepseek_ocr_page", "deepseek_ocr_run")
        assert page == {
            "source": str(path),
            "page_number": 1,
            "total_pages": 2,
            "status": "ok",
            "warnings": [],
            "usage_metadata": {"input_tokens": 1000, "output_tokens": 50, "total_tokens": 1050},
            "requests": 2,
            "retries": 1,
            "cache_hits": 0,
            "cost": pytest.approx(1.0011),
        }
        assert (failed["page_number"], failed["status"], failed["cost"]) == (2, "failed", 0.0)
        assert "refused" in failed["warnings"][0]
        assert (run["pages"], run["statuses"], run["is_complete"]) == (2, {"ok": 1, "failed": 1}, True)
        assert {name: run[name] for name in ("usage_metadata", "requests", "retries", "cache_hits", "cost")} == {
            name: page[name] for name in ("usage_metadata", "requests", "retries", "cache_hits", "cost")
        }
        assert len(handler.run_ids) == 1
    assert handlers[0].run_ids == handlers[1].run_ids
    assert [progress.page_number for progress in seen] == [1, 2]
    if loop:
        assert handlers[1].loops == {loop}  # asynchronous handlers run where the caller's other things run


@pytest.mark.parametrize("way", ["load", "aload"])
def test_a_handler_that_raises_loses_no_page(
    make_pdf: MakePdf, quick_engine: Any, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    path = make_pdf("a.pdf", "One.", "Two.")
    faulty: list[Any] = [
        SyncHandler(fail=("deepseek_ocr_page",)),
        AsyncHandler(fail=("deepseek_ocr_page", "deepseek_ocr_run")),
    ]
    with caplog.at_level(logging.WARNING):
        texts, _ = load(path, way, engine=quick_engine(), workers=1, callbacks=faulty)
    assert texts == ["# Part 1\n\nOne.", "# Part 2\n\nTwo."]
    assert [len(handler.events) for handler in faulty] == [3, 3]
    assert "a bug in the handler" in caplog.text


def test_of_a_load_that_stops_early_there_is_an_account(make_pdf: MakePdf, quick_engine: Any) -> None:
    make_pdf("a.pdf", "One.")
    folder = make_pdf("b.pdf", "Two.").parent
    handlers: list[Any] = [SyncHandler(), AsyncHandler()]
    loader = DeepSeekOCRLoader(folder, engine=quick_engine(), workers=1, callbacks=handlers)
    documents = loader.lazy_load()
    next(documents)
    documents.close()  # type: ignore[attr-defined]

    async def first() -> None:
        async for _ in (documents := loader.alazy_load()):
            break
        await documents.aclose()  # type: ignore[attr-defined]

    asyncio.run(first())
    for handler in handlers:
        runs = [data for name, data in handler.events if name == "deepseek_ocr_run"]
        assert [run["is_complete"] for run in runs] == [False, False]
        assert len(handler.run_ids) == 2
        assert all(run["usage_metadata"]["input_tokens"] == 1000 * run["pages"] > 0 for run in runs)


def test_a_manager_gives_its_run(make_pdf: MakePdf, quick_engine: Any) -> None:
    handler, parent = SyncHandler(), uuid.uuid4()
    manager = CallbackManager(handlers=[handler], parent_run_id=parent)
    loader = DeepSeekOCRLoader(make_pdf("a.pdf", "One."), engine=quick_engine(), workers=1, callbacks=manager)
    loader.load()
    assert handler.run_ids == {parent}
    assert loader.price is None
    assert [data["cost"] for _, data in handler.events] == [None, None]


def test_inside_of_a_runnable_the_events_are_streamed(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.")

    async def read(file: str, config: RunnableConfig) -> str:
        loader = DeepSeekOCRLoader(file, engine=quick_engine(), workers=1, callbacks=config["callbacks"])
        return (await loader.aload())[0].page_content

    async def main() -> list[Any]:
        stream = RunnableLambda(read).astream_events(str(path), version="v2")
        return [event async for event in stream if event["event"] == "on_custom_event"]

    assert [event["name"] for event in asyncio.run(main())] == ["deepseek_ocr_page", "deepseek_ocr_run"]


def test_nothing_is_inherited_in_silence(make_pdf: MakePdf, quick_engine: Any) -> None:
    path, handler = make_pdf("a.pdf", "One."), SyncHandler()

    def read(file: str) -> int:
        return len(DeepSeekOCRLoader(file, engine=quick_engine(), workers=1).load())

    assert RunnableLambda(read).invoke(str(path), {"callbacks": [handler]}) == 1
    assert handler.events == []
