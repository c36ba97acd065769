"""What reading costs, as events of LlamaIndex's instrumentation: one for each page, and one at the end of a load.

They are sent while the reading goes on, from the thread that reads, and belong to the span and the tags of the caller.
A handler that raises does not disturb the reading: LlamaIndex's dispatcher sees to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import asdict
from typing import Any, TypeVar, cast

from llama_index.core.bridge.pydantic import Field
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # documented, not marked
from llama_index.core.instrumentation.events import BaseEvent

from deepseek_ocr_rag import Price, Progress, Spending

DISPATCHER = "deepseek_ocr"
"""The name of the dispatcher; handlers of the root dispatcher are told, too."""

dispatcher = get_dispatcher(DISPATCHER)

F = TypeVar("F", bound=Callable[..., Any])


class _UsageEvent(BaseEvent):
    """What was spent, whatever it was spent on."""

    input_tokens: int = Field(default=0, description="Tokens of pictures and prompts.")
    output_tokens: int = Field(default=0, description="Tokens of answers.")
    requests: int = Field(default=0, description="Requests sent, those that failed included.")
    retries: int = Field(default=0, description="Requests beyond the first one of each picture.")
    cache_hits: int = Field(default=0, description="Answers that were recorded or cached and cost nothing.")
    cost: float | None = Field(default=None, description="By the reader's price; None where it has none.")


class DeepSeekOCRPageEvent(_UsageEvent):
    """A page is done; pages of a file come in order."""

    source: str = Field(description="The file that the page is of.")
    page_number: int = Field(description="Counted from 1.")
    total_pages: int = Field(description="Pages of this file that are to be read.")
    status: str = Field(description="ok, retried, truncated, looped, empty, suspect, fallback or failed.")
    warnings: list[str] = Field(default=[], description="What was wrong with the page, for people.")

    @classmethod
    def class_name(cls) -> str:
        """The type's tag in serialized events."""
        return "DeepSeekOCRPageEvent"


class DeepSeekOCRRunEvent(_UsageEvent):
    """A load has ended: its totals."""

    pages: int = Field(description="Pages that were done.")
    statuses: dict[str, int] = Field(description="How many pages ended how.")
    is_complete: bool = Field(description="False where the load was stopped early, by its reader or by an error.")

    @classmethod
    def class_name(cls) -> str:
        """The type's tag in serialized events."""
        return "DeepSeekOCRRunEvent"


def in_span(function: F) -> F:
    """Make a method a span of the dispatcher, without losing its type as the dispatcher's own decorator does."""
    return cast("F", dispatcher.span(function))


@contextmanager
def announced(*, price: Price | None) -> Iterator[Callable[[Progress], None]]:
    """Send the events of a load; gives what is to be called with each page that is done, from whatever thread."""
    context = copy_context()  # pages are read elsewhere, but events belong to the caller's span
    spending = Spending(price=price)
    is_complete = False

    def announce(progress: Progress) -> None:
        spending.add(progress)
        context.run(_send_page, progress, price)

    try:
        yield announce
        is_complete = True
    finally:
        context.run(_send_run, spending, is_complete=is_complete)


def _send_page(progress: Progress, price: Price | None) -> None:
    dispatcher.event(
        DeepSeekOCRPageEvent(
            source=progress.source,
            page_number=progress.page_number,
            total_pages=progress.total_pages,
            status=progress.status,
            warnings=list(progress.warnings),
            cost=None if price is None else price.of(progress.usage),
            **asdict(progress.usage),
        )
    )


def _send_run(spending: Spending, *, is_complete: bool) -> None:
    dispatcher.event(
        DeepSeekOCRRunEvent(
            pages=spending.pages,
            statuses=dict(spending.statuses),
            is_complete=is_complete,
            cost=spending.cost,
            **asdict(spending.usage),
        )
    )
