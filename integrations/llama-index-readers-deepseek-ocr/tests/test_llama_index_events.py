"""What reading costs, as LlamaIndex's own handlers are told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # documented, not marked
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.readers.deepseek_ocr import DeepSeekOCRPageEvent, DeepSeekOCRReader, DeepSeekOCRRunEvent
from llama_index_instrumentation.dispatcher import instrument_tags
from pydantic import Field

from deepseek_ocr_rag import PageFailed, Price

MakePdf = Callable[..., Path]


class Collector(BaseEventHandler):
    """Keeps our events, and raises on the pages in ``fail``."""

    events: list[Any] = Field(default_factory=list)
    fail: tuple[int, ...] = ()

    @classmethod
    def class_name(cls) -> str:
        return "Collector"

    def handle(self, event: BaseEvent, **_: Any) -> None:
        if isinstance(event, DeepSeekOCRPageEvent | DeepSeekOCRRunEvent):
            self.events.append(event)
            if isinstance(event, DeepSeekOCRPageEvent) and event.page_number in self.fail:
                raise RuntimeError("a bug in the handler")

    @property
    def pages(self) -> list[DeepSeekOCRPageEvent]:
        return [event for event in self.events if isinstance(event, DeepSeekOCRPageEvent)]

    @property
    def runs(self) -> list[DeepSeekOCRRunEvent]:
        return [event for event in self.events if isinstance(event, DeepSeekOCRRunEvent)]


@pytest.fixture
def dispatcher(request: pytest.FixtureRequest) -> Any:
    return get_dispatcher(getattr(request, "param", "deepseek_ocr"))


@pytest.fixture
def collector(dispatcher: Any) -> Iterator[Collector]:
    handler = Collector()
    dispatcher.add_event_handler(handler)
    yield handler
    dispatcher.event_handlers = [other for other in dispatcher.event_handlers if other is not handler]


@pytest.fixture
def spans(dispatcher: Any) -> Iterator[SimpleSpanHandler]:
    handler = SimpleSpanHandler()
    dispatcher.add_span_handler(handler)
    yield handler
    dispatcher.span_handlers = [other for other in dispatcher.span_handlers if other is not handler]


def load(reader: DeepSeekOCRReader, file: Path, way: str) -> list[Any]:
    if way == "sync":
        return reader.load_data(file)
    if way == "lazy":
        return list(reader.lazy_load_data(file))
    return asyncio.run(reader.aload_data(file))


@pytest.mark.parametrize("way", ["sync", "lazy", "async"])
def test_each_page_and_the_run_are_told(
    make_pdf: MakePdf, quick_engine: Any, collector: Collector, spans: SimpleSpanHandler, way: str
) -> None:
    path = make_pdf("a.pdf", "One.", "", "Three.")
    price = Price(input_per_million=1.0, output_per_million=2.0, per_request=0.5)
    reader = DeepSeekOCRReader(engine=quick_engine(fail=(3,)), fallback="none", workers=1, price=price)
    with instrument_tags({"customer": "ACME"}):
        assert len(load(reader, path, way)) == 3
    assert [(event.page_number, event.total_pages, event.status) for event in collector.pages] == [
        (1, 3, "ok"),
        (2, 3, "empty"),
        (3, 3, "failed"),
    ]
    first, blank, failed = collector.pages
    assert (first.input_tokens, first.output_tokens, first.requests, first.retries) == (1000, 50, 2, 1)
    assert first.cost == pytest.approx(0.001 + 0.0001 + 1.0)
    assert (first.source, first.warnings, blank.cost) == (str(path), [], 0.0)
    assert "refused to do markdown" in " ".join(failed.warnings)
    [run] = collector.runs
    assert collector.events[-1] is run
    assert (run.pages, run.statuses, run.is_complete) == (3, {"ok": 1, "empty": 1, "failed": 1}, True)
    assert (run.input_tokens, run.requests, run.cost) == (1000, 2, first.cost)
    assert {str(event.tags) for event in collector.events} == {"{'customer': 'ACME'}"}
    # Although pages are read on another thread's event loop, events belong to the caller's span.
    if way == "lazy":
        assert spans.completed_spans == []
        assert {event.span_id for event in collector.events} == {None}
    else:
        [span] = spans.completed_spans
        assert span.id_.startswith(f"DeepSeekOCRReader.{'load_data' if way == 'sync' else 'aload_data'}-")
        assert {event.span_id for event in collector.events} == {span.id_}


@pytest.mark.parametrize("dispatcher", ["root"], indirect=True)
@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_handler_that_raises_loses_no_page(
    make_pdf: MakePdf, quick_engine: Any, collector: Collector, way: str
) -> None:
    collector.fail = (1, 2)
    path = make_pdf("a.pdf", "One.", "Two.")
    documents = load(DeepSeekOCRReader(engine=quick_engine(), workers=1), path, way)
    assert [document.text for document in documents] == ["# Part 1\n\nOne.", "# Part 2\n\nTwo."]
    assert [event.cost for event in collector.events] == [None, None, None]


def test_of_a_load_that_stops_early_there_is_an_account(
    make_pdf: MakePdf, quick_engine: Any, collector: Collector
) -> None:
    make_pdf("a.pdf", "One.")
    folder = make_pdf("b.pdf", "Two.").parent
    documents = DeepSeekOCRReader(engine=quick_engine(), workers=1).lazy_load_data(folder)
    next(iter(documents))
    documents.close()  # type: ignore[attr-defined]
    [run] = collector.runs
    assert not run.is_complete
    assert run.input_tokens == 1000 * run.pages > 0


def test_a_load_that_fails_drops_its_span(
    make_pdf: MakePdf, quick_engine: Any, collector: Collector, spans: SimpleSpanHandler
) -> None:
    reader = DeepSeekOCRReader(engine=quick_engine(fail=(1,)), fallback="none", workers=1, failed_pages="raise")
    with pytest.raises(PageFailed):
        reader.load_data(make_pdf("a.pdf", "One."))
    assert len(spans.dropped_spans) == 1
    assert [run.is_complete for run in collector.runs] == [False]


def test_loads_side_by_side_keep_accounts_of_their_own(
    make_pdf: MakePdf, quick_engine: Any, collector: Collector
) -> None:
    files = [make_pdf("a.pdf", "One."), make_pdf("b.pdf", "Two.", "Three.")]
    reader = DeepSeekOCRReader(engine=quick_engine(), workers=1)

    async def main() -> None:
        await asyncio.gather(*(reader.aload_data(path) for path in files))

    asyncio.run(main())
    assert sorted(run.pages for run in collector.runs) == [1, 2]
    sources = {event.span_id: event.source for event in collector.pages}
    assert sorted(sources.values()) == [str(path) for path in files]


def test_events_are_plain_values(make_pdf: MakePdf, quick_engine: Any, collector: Collector) -> None:
    DeepSeekOCRReader(engine=quick_engine(), workers=1).load_data(make_pdf("a.pdf", "One."))
    shown = [event.model_dump(mode="json") for event in collector.events]
    assert [event["class_name"] for event in shown] == ["DeepSeekOCRPageEvent", "DeepSeekOCRRunEvent"]
    assert shown[0]["output_tokens"] == shown[1]["output_tokens"] == 50
