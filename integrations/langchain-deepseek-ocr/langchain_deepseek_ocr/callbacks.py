"""What reading costs, told to LangChain's callback handlers: an event for each page that is done, and one at the end.

They are custom events, so handlers have ``on_custom_event(name, data, *, run_id, ...)``. Nothing is inherited from
surrounding runs in silence: inside of a runnable, pass ``callbacks=config["callbacks"]``; the events are that run's.
What a handler raises is logged; it must not cost pages that were paid for.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import copy_context
from typing import Any, TypeVar

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager, CallbackManager, Callbacks
from langchain_core.messages.ai import UsageMetadata

from deepseek_ocr_rag import Price, Progress, Spending, Usage

PAGE_EVENT = "deepseek_ocr_page"
"""A page is done: ``source``, ``page_number``, ``total_pages``, ``status``, ``warnings``, and what it cost."""
RUN_EVENT = "deepseek_ocr_run"
"""A load has ended: ``pages``, ``statuses``, ``is_complete`` (whether it was not stopped early), and what it cost.

What something cost is ``usage_metadata`` as messages have it, ``requests``, ``retries``, ``cache_hits``, and ``cost``,
which is None without a price.
"""

Report = Callable[[Progress], None]
Manager = TypeVar("Manager", CallbackManager, AsyncCallbackManager)

logger = logging.getLogger(__name__)


@contextmanager
def told(callbacks: Callbacks, *, price: Price | None, progress: Report | None) -> Iterator[Report]:
    """Tell handlers of a load; gives what is to be called with each page, from whatever thread.

    Handlers run in the thread that reads, which waits for them.
    """
    managers, run_id = _managers(CallbackManager, callbacks)
    context = copy_context()  # pages are read elsewhere, but handlers belong to the caller

    def send(name: str, data: dict[str, Any]) -> None:
        for manager in managers:
            try:
                context.run(manager.on_custom_event, name, data, run_id=run_id)
            except Exception:
                logger.exception("a callback handler failed on %s", name)

    with _account(price, progress, send) as report:
        yield report


@asynccontextmanager
async def atold(callbacks: Callbacks, *, price: Price | None, progress: Report | None) -> AsyncIterator[Report]:
    """Tell handlers of a load, in this event loop, which reads on meanwhile; all has been told at the end."""
    managers, run_id = _managers(AsyncCallbackManager, callbacks)
    coming: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()

    async def deliver() -> None:
        while (event := await coming.get()) is not None:
            for manager in managers:
                try:
                    await manager.on_custom_event(*event, run_id=run_id)
                except Exception:
                    logger.exception("a callback handler failed on %s", event[0])

    delivery = asyncio.create_task(deliver())
    try:
        with _account(price, progress, lambda name, data: coming.put_nowait((name, data))) as report:
            yield report
    finally:
        coming.put_nowait(None)
        await delivery


@contextmanager
def _account(
    price: Price | None, progress: Report | None, send: Callable[[str, dict[str, Any]], None]
) -> Iterator[Report]:
    spending = Spending(price=price)
    is_complete = False

    def report(done: Progress) -> None:
        spending.add(done)
        page = {
            "source": done.source,
            "page_number": done.page_number,
            "total_pages": done.total_pages,
            "status": done.status,
            "warnings": list(done.warnings),
        }
        send(PAGE_EVENT, page | _cost(done.usage, price))
        if progress is not None:
            progress(done)

    try:
        yield report
        is_complete = True
    finally:
        run = {"pages": spending.pages, "statuses": dict(spending.statuses), "is_complete": is_complete}
        send(RUN_EVENT, run | _cost(spending.usage, price))


def _cost(usage: Usage, price: Price | None) -> dict[str, Any]:
    tokens = UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
    )
    return {
        "usage_metadata": tokens,
        "requests": usage.requests,
        "retries": usage.retries,
        "cache_hits": usage.cache_hits,
        "cost": None if price is None else price.of(usage),
    }


def _managers(kind: type[Manager], callbacks: Callbacks) -> tuple[list[Manager], uuid.UUID]:
    """A manager for each handler, and the run that they belong to: that of a run's own manager, else a new one.

    One manager for all would not tell the others where a handler insists on raising.
    """
    if not isinstance(callbacks, BaseCallbackManager):
        return [kind(handlers=[handler]) for handler in callbacks or []], uuid.uuid4()
    managers = [
        kind(handlers=[handler], tags=list(callbacks.tags), metadata=dict(callbacks.metadata))
        for handler in callbacks.handlers
    ]
    return managers, callbacks.parent_run_id or uuid.uuid4()
