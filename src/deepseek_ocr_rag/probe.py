"""Asking a server about the calibration page, and putting what it tells into words: what works, and what to set.

Two questions are asked. The first is the usual one; the second depends on what its answer lacks: tables alone where
cells got lost, lines with boxes where there were no boxes, plain text otherwise. A field of the request that the server
refuses costs a request more, and so does whatever the engine's own policy tries again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from .calibration import Calibration, calibration_page
from .document import PageStatus
from .engines import Engine
from .engines.providers import GuardFields, Provider
from .errors import EngineError
from .families import Family
from .findings import Findings, FrameName, TableState, examine
from .prompts import Task
from .serial import to_dict
from .usage import Usage

QUESTIONS = 2
"""Questions that a probe asks."""

GUARD_FIELDS: Mapping[GuardFields, tuple[str, ...]] = MappingProxyType(
    {"none": (), "vllm": ("vllm_xargs",), "sglang": ("custom_logit_processor", "custom_params")}
)

_SKIP = "skip_special_tokens"
_HARDLY = 0.2
"""A share of words under this is no reading of the page."""
_MOST = 0.9
"""Shares over this are as good as such a simple page can be expected to be read."""

_FRAMES: Mapping[FrameName, str] = MappingProxyType(
    {
        "per_axis": "0..999 along each side",
        "padded_square": "0..999 on the page padded to a square",
        "per_mille": "0..1000 along each side",
        "pixels": "pixels of the picture",
    }
)
_TABLES: Mapping[TableState, str] = MappingProxyType(
    {"cells": "its cells survive", "fused": "its cells are LOST", "missing": "not there as a table"}
)
_START: Mapping[str, str] = MappingProxyType(
    {
        "vllm": " with --logits_processors vllm.model_executor.models.deepseek_ocr:NGramPerReqLogitsProcessor",
        "sglang": " with --enable-custom-logit-processor",
    }
)


@runtime_checkable
class RemoteServer(Protocol):
    """What engines on servers tell about themselves beside reading pages."""

    @property
    def provider(self) -> Provider:
        """The row of facts that requests are made by."""

    @property
    def family(self) -> Family:
        """Which model it is."""

    @property
    def refused(self) -> frozenset[str]:
        """Fields of the request that the server refused so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question and what came of it: ``findings``, or ``error`` and what to do about it."""

    task: Task
    seconds: float
    findings: Findings | None = None
    status: PageStatus = "failed"
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    history: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """What a server does to answers. ``advice`` is what to set, in words of our options; empty where all is well."""

    engine: str
    answers: bool
    asked: tuple[Asked, ...]
    refused: tuple[str, ...]
    """Extra fields of the request that the server refuses."""
    taken: tuple[str, ...]
    """Extra fields that it takes; many servers ignore what they do not know."""
    advice: tuple[str, ...]

    @property
    def findings(self) -> Findings | None:
        """What the answer to the usual question tells; None where there was none."""
        return self.asked[0].findings

    @property
    def usage(self) -> Usage:
        """What the probe cost."""
        return sum((asked.usage for asked in self.asked), Usage())

    @property
    def reports_usage(self) -> bool:
        """Whether the server counts tokens."""
        return self.usage.input_tokens + self.usage.output_tokens > 0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values."""
        own: dict[str, Any] = to_dict(self)
        return own | {"usage": to_dict(self.usage), "reports_usage": self.reports_usage}

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield f"probe: {self.engine} {'answers' if self.answers else 'DOES NOT ANSWER'}"
        for asked in self.asked:
            yield f"  {asked.task}: {asked.seconds:.1f} s, {asked.error or _heard(asked)}"
            yield from (f"    {line}" for line in (*asked.history, *asked.warnings))
        usage = self.usage
        tokens = (
            f"{usage.input_tokens} tokens in, {usage.output_tokens} out" if self.reports_usage else "no token count"
        )
        yield f"  cost: {usage.requests or len(self.asked)} request(s), {tokens}"
        if self.findings is not None:
            yield from _found(self.findings)
        if self.refused or self.taken:
            yield f"  extra fields: {_listed(self.refused)} refused; {_listed(self.taken)} taken or ignored"
        yield "  advice:" if self.advice else "  advice: nothing needs to be set"
        yield from (f"    - {line}" for line in self.advice)


async def probe(engine: Engine) -> ProbeReport:
    """Ask an engine about the calibration page; costs two requests, and one more for each field that is refused.

    Trouble with the server is in the report. An engine that is not to try again by itself, so that the probe shows what
    a server does at once, is one with ``RetryPolicy(ask_again=False)``.
    """
    image = engine.request.image
    calibration = calibration_page(media_type=image.media_type if image else "image/jpeg")
    asked = [await _ask(engine, calibration, task="markdown")]
    if asked[0].findings is not None:
        asked.append(await _ask(engine, calibration, task=next_task(asked[0].findings)))
    server = engine if isinstance(engine, RemoteServer) else None
    refused = server.refused if server else frozenset()
    return ProbeReport(
        engine=engine.name,
        answers=asked[0].findings is not None,
        asked=tuple(asked),
        refused=tuple(sorted(refused)),
        taken=tuple(sorted(_sent(server) - refused)) if server and asked[0].findings else (),
        advice=tuple(advise(asked, server)),
    )


def next_task(findings: Findings) -> Task:
    """What to ask next, to tell why an answer lacks what it lacks."""
    if findings.form == "plain":
        return "ocr"
    return "table" if findings.table == "fused" else "free_ocr"


def _sent(server: RemoteServer) -> frozenset[str]:
    """The extra fields of a request; SGLang's guard is not sent without a text that only the user's server prints."""
    provider, family = server.provider, server.family
    guard = GUARD_FIELDS["vllm"] if provider.guard == "vllm" and family.guards else ()
    idle = () if family.has_boxes else (_SKIP,)
    return frozenset((*provider.extra_body, *guard)).difference(idle)


async def _ask(engine: Engine, calibration: Calibration, *, task: Task) -> Asked:
    start = time.monotonic()
    try:
        recognition = await engine.recognize(calibration.page, task=task)
    except EngineError as error:
        return Asked(task=task, seconds=time.monotonic() - start, error=error.message, hint=error.hint)
    except ValueError as error:  # this model has no prompt for the task
        return Asked(task=task, seconds=time.monotonic() - start, error=str(error))
    return Asked(
        task=task,
        seconds=time.monotonic() - start,
        findings=examine(recognition, calibration.truth, task=task),
        status=recognition.status,
        model=recognition.model,
        usage=recognition.usage,
        history=recognition.history,
        warnings=recognition.warnings,
    )


# --- what to set ------------------------------------------------------------------------------------------------------


def advise(asked: Sequence[Asked], server: RemoteServer | None = None) -> Iterator[str]:
    """What to set or to change, the gravest first; nothing where all is well.

    Args:
        asked: The questions; the first one is the usual one.
        server: Who was asked, if that is known.
    """
    first, again = asked[0], asked[1].findings if len(asked) > 1 else None
    findings = first.findings
    if findings is None:
        yield first.hint or "Check base_url, model and the key, then probe again."
    elif findings.words < _HARDLY:
        yield (
            "The answer has next to nothing of the page, so the model may not see the picture:"
            " check that model=... reads pictures, and try ChatOptions(image_first=...) the other way round."
        )
    else:
        yield from _about_boxes(findings, again, server)
        yield from _about_tokens(findings, server)
        yield from _about_tables(findings, again)
        yield from _about_fields(server)
        yield from _about_reading(first, findings)


def _about_boxes(findings: Findings, again: Findings | None, server: RemoteServer | None) -> Iterator[str]:
    if findings.form == "plain":
        yield _about_plain(again, server)
    elif findings.frame == "padded_square" and findings.frame_in_use != "padded_square":
        yield 'Set ChatOptions(frame="padded_square"): this server counts boxes on the page padded to a square.'
    elif findings.frame in ("per_axis", "per_mille") and findings.frame_in_use == "padded_square":
        yield 'Set ChatOptions(frame="per_axis"): this server counts boxes along each side of the page.'
    elif findings.frame == "pixels":
        yield "Boxes are counted in pixels, as DeepSeek-OCR never does: check model=..., and do not rely on the boxes."
    elif findings.frame is None and findings.frame_error is not None:
        yield f"Boxes are {findings.frame_error:.0%} of the page off in every known frame: do not rely on them."


def _about_plain(again: Findings | None, server: RemoteServer | None) -> str:
    without = "Without boxes, text is placed only on pages that have a text layer."
    if server is not None and not server.family.has_boxes:
        return f"{server.family.title} is asked, which gives no boxes. {without}"
    if again is not None and again.form != "plain":
        return 'Boxes come with task="ocr" only: pass it where places matter more than headings and tables.'
    return (
        "There are no boxes: <|grounding|> does not reach the model, or it is another model. llama.cpp needs the"
        f" picture before the prompt, ChatOptions(image_first=True); elsewhere try image_first=False. {without}"
    )


def _about_tokens(findings: Findings, server: RemoteServer | None) -> Iterator[str]:
    if findings.keeps_special_tokens is not False:
        return
    told = "The server strips special tokens; boxes are read all the same, but the cells of tables are lost."
    if server is not None and _SKIP in server.refused:
        yield f"{told} It refuses {_SKIP}=false: ask those who run it to allow that field."
    elif server is None or _SKIP not in server.provider.extra_body:
        yield f'{told} vLLM and SGLang keep them with ChatOptions(extra_body={{"{_SKIP}": False}}).'
    else:
        yield f"{told} It ignores {_SKIP}=false, as llama.cpp does; llama-server has a flag --special, which may help."


def _about_tables(findings: Findings, again: Findings | None) -> Iterator[str]:
    if findings.table == "fused" and again is not None and again.table == "cells":
        yield (
            'Tables keep their cells when they are asked for alone (task="table"). That is done by itself, at a'
            " request for each such table, unless ChatOptions(retry=RetryPolicy(ask_again=False)) forbids it."
        )
    elif findings.table == "fused":
        yield "Documents with tables need another server: asking for a table alone does not bring back its cells."
    elif findings.table == "missing":
        yield "The table is not in the answer as a table: ask with the model's own prompt, without ChatOptions(prompt)."
    elif findings.cells < _MOST:
        yield f"Only {findings.cells:.0%} of the table's cells are right: do not rely on tables read by this server."


def _about_fields(server: RemoteServer | None) -> Iterator[str]:
    if server is None:
        return
    refused, guard = server.refused, server.provider.guard
    lists = sorted(name for name in refused if "." in name)
    guards = refused.intersection(GUARD_FIELDS[guard])
    others = sorted(refused.difference(lists, guards))
    if guards:
        start = _START.get(guard, "")
        yield f"The server refuses the n-gram guard, without which pages may repeat themselves: start it{start}."
    elif lists:
        yield f"Update the server: it refuses {_listed(lists)}, so that the n-gram guard may cut tables short."
    if others:
        yield f"Leave {_listed(others)} out of ChatOptions(extra_body=...): refusing costs a request in each run."


def _about_reading(first: Asked, findings: Findings) -> Iterator[str]:
    if first.status == "looped":
        yield "The answer repeats itself: set up the n-gram guard, and use bf16 or f16 weights, not quantised ones."
    elif first.status == "truncated" or findings.finish_reason == "length":
        yield "The answer to a short page was cut off: raise ChatOptions(max_tokens=...) or the server's context."
    elif not findings.finish_reason and not findings.has_end_mark:
        yield (
            "Nothing tells an answer that was cut off from a whole one: no finish_reason, no end mark. vLLM sends the"
            ' mark with "include_stop_str_in_output": True in ChatOptions(extra_body=...).'
        )
    if findings.words < _MOST:
        yield (
            f"Only {findings.words:.0%} of the words were read: use bf16 or f16 weights, not quantised ones, and see"
            " that nothing between here and the model makes pictures smaller."
        )


# --- words for people -------------------------------------------------------------------------------------------------


def _heard(asked: Asked) -> str:
    findings = asked.findings
    if findings is None:
        return "no answer"
    read = f"{findings.cells:.0%} of the cells" if asked.task == "table" else f"{findings.words:.0%} of the words"
    return f"{findings.form} answer of {asked.model or 'a model without a name'}, {read}"


def _found(findings: Findings) -> Iterator[str]:
    kept = {True: "survive", False: "are STRIPPED", None: "cannot be told"}[findings.keeps_special_tokens]
    yield f"  form: {findings.form}; special tokens {kept}"
    yield f"  table: {_TABLES[findings.table]}; {findings.cells:.0%} of its cells are right"
    if findings.frame_error is None:
        yield f"  boxes: {findings.boxes or 'none'}, too few to tell how they are counted"
    else:
        name = _FRAMES[findings.frame] if findings.frame else "in no known frame"
        yield f"  boxes: {name}, off by {findings.frame_error:.1%} of the page ({findings.boxes} boxes)"
    yield (
        f"  text: {findings.words:.0%} of the words, {findings.numbers:.0%} of the numbers,"
        f" {findings.character_error:.1%} of the letters wrong"
    )
    mark = "sent" if findings.has_end_mark else "not sent"
    yield f"  end: finish_reason {findings.finish_reason or 'not sent'}, end mark {mark}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
