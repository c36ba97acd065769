"""Reading one page through the ladder: the driver with the clock, for every server of the model.

It asks about the page's picture, or its tiles one after the other, and climbs the rungs that :mod:`.retry` names:
again, smaller, with other settings, in halves, with Free OCR. Whatever was answered is kept raw, with the part of the
page that it is about; tables whose cells got lost on the way are asked for once more. The best answer wins; none at
all is an error that says what was tried.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..errors import EngineError, EngineMisconfigured, EngineRejected, EngineUnavailable
from ..families import Family
from ..geometry import WHOLE_PAGE, Box, Frame
from ..loops import find_loop
from ..modes import image_tokens
from ..pieces import fused_tables, page_regions
from ..prompts import Task, prompt_for
from ..recognition import PageImage, Piece, Recognition
from ..usage import Usage
from .connection import Learned
from .pictures import cropped, fitted, halves, is_blank
from .question import Guard, Picture, Question, Response, Send, Trouble
from .retry import LONGEST_WAIT, SHRINK, Ask, Attempt, Outcome, RetryPolicy, Rung, Stop, ladder, next_move
from .verdict import Reading, has_end_mark, joined, judged, recognized

logger = logging.getLogger("deepseek_ocr_rag")

MOST_TABLES = 6
"""Tables of a page that are asked for once more."""

PROMPT_TOKENS = 48
"""Room for the prompt and the chat template; the longest prompt of the model has 20 tokens."""

PLAIN_ANSWER = 4096
"""Tokens of an answer of a model whose context nobody told us."""

_ERRORS: Mapping[str, type[EngineError]] = MappingProxyType(
    {"misconfigured": EngineMisconfigured}
    | dict.fromkeys(("rejected", "garbled", "field", "too_large"), EngineRejected)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What an engine settles for all pages."""

    engine: str
    model: str
    family: Family
    policy: RetryPolicy
    prompt: str | None = None
    """Sent instead of the task's own prompt."""
    temperature: float = 0.0
    max_tokens: int = 0
    """Longest answer; 0 is what the context leaves."""
    has_guard: bool = False
    """Whether the server takes n-gram settings."""
    has_temperature: bool = True
    has_free_ocr: bool = True
    is_padded: bool = False
    """Whether the server counts in the page padded to a square."""
    max_bytes: int = 0
    quality: int = 85


async def read_page(
    page: PageImage, *, task: Task, reference: str = "", asking: Asking, send: Send, learned: Learned
) -> Recognition:
    """Ask the model about a page until there is a good answer, or no more to try.

    Raises:
        EngineMisconfigured: If no page can be read until the user mends something.
        EngineUnavailable: If the server did not answer in time.
        EngineRejected: If it refused, or what came back is no answer.
    """
    if not page.data:
        raise EngineRejected(
            "there is no picture of the page to send.",
            source=page.source,
            page_number=page.page_number,
            hint="Render it as engine.request asks.",
        )
    return await _Climb(page, task, reference, asking, send, learned).read()


class _Climb:
    """One page on its way up."""

    def __init__(
        self, page: PageImage, task: Task, reference: str, asking: Asking, send: Send, learned: Learned
    ) -> None:
        self._page = page
        self._task: Task = task
        self._reference = reference
        self._asking = asking
        self._send_once = send
        self._learned = learned
        self._deadline = time.monotonic() + asking.policy.deadline
        self._requests_left = asking.policy.max_requests + max(0, len(page.tiles) - 1)
        self._usage = Usage()
        self._history = [page.resolution] if page.resolution else []
        self._warnings: list[str] = []

    async def read(self) -> Recognition:
        page = self._page
        whole = Picture(
            data=page.data, media_type=page.media_type or "image/jpeg", width=page.width, height=page.height
        )
        try:
            if page.tiles:
                readings = await self._in_parts(whole, WHOLE_PAGE, page.tiles, depth=1, kind="tile")
            else:
                readings = [await self._climb(whole, WHOLE_PAGE, depth=0)]
        except Trouble as trouble:
            raise self._error(trouble) from trouble
        recognition = recognized(readings, page=page, task=self._task, engine=self._asking.engine)
        tables = await self._lost_tables(whole, recognition)
        return replace(
            recognition,
            pieces=(*recognition.pieces, *tables),
            usage=self._usage,
            attempts=self._usage.requests,
            warnings=(*recognition.warnings, *dict.fromkeys(self._warnings)),
            history=tuple(self._history),
        )

    # --- a picture ----------------------------------------------------------------------------------------------------

    async def _in_parts(
        self, picture: Picture, frame: Frame, boxes: Sequence[Box], *, depth: int, kind: str
    ) -> list[Reading]:
        """The parts of a picture, each with a ladder of its own; one that cannot be read leaves the others.

        Raises:
            Trouble: If none can be read.
        """
        readings: list[Reading] = []
        lost: Trouble | None = None
        for number, box in enumerate(boxes, start=1):
            try:
                part = await cropped(picture, box, quality=self._asking.quality)
                if not await is_blank(part):
                    readings.append(await self._climb(part, Frame.from_box(box).within(frame), depth=depth))
            except Trouble as trouble:
                if trouble.kind == "misconfigured":
                    raise
                lost = trouble
                self._warnings.append(f"{kind} {number} of {len(boxes)} could not be read: {trouble.problem}")
                readings.append(Reading(pieces=(), outcome="truncated"))
        if lost is not None and not any(reading.pieces for reading in readings):
            raise lost
        return readings or [Reading(pieces=(), outcome="empty")]

    async def _climb(self, picture: Picture, frame: Frame, *, depth: int) -> Reading:
        """Try rung after rung; the best answer counts.

        Raises:
            Trouble: If there is none.
        """
        asking = self._asking
        rungs = ladder(
            has_guard=asking.has_guard,
            has_temperature=asking.has_temperature,
            depth=depth,
            free_ocr=asking.has_free_ocr and self._task in ("markdown", "ocr") and asking.prompt is None,
        )
        attempts: list[Attempt] = []
        readings: list[Reading | None] = []
        trouble: Trouble | None = None
        while True:
            seconds = self._deadline - time.monotonic()
            move = next_move(attempts, rungs, asking.policy, requests_left=self._requests_left, seconds_left=seconds)
            if isinstance(move, Stop):
                break
            await asyncio.sleep(min(LONGEST_WAIT, move.wait + move.backoff * random.uniform(0.5, 1.0)))  # noqa: S311
            if attempts and not rungs[move.rung].in_halves:
                self._usage += Usage(retries=1)
            try:
                reading = await self._try(picture, frame, rungs[move.rung], move, depth=depth)
            except Trouble as met:
                trouble = met
                self._note(rungs[move.rung], met.kind, met.problem)
                attempts.append(Attempt(rung=move.rung, outcome=met.kind, retry_after=met.retry_after, field=met.field))
                readings.append(None)
                continue
            attempts.append(Attempt(rung=move.rung, outcome=reading.outcome, letters=reading.letters))
            readings.append(reading)
            if reading.outcome != "ok" or len(attempts) > 1:
                self._note(rungs[move.rung], reading.outcome, f"{reading.letters} letters")
        best = readings[move.best] if move.best is not None else None
        if best is None:
            raise trouble or Trouble("unreachable", "there was no time or request left to ask")
        return best

    async def _try(self, picture: Picture, frame: Frame, rung: Rung, move: Ask, *, depth: int) -> Reading:
        if rung.in_halves:
            parts = await self._in_parts(picture, frame, await halves(picture), depth=depth + 1, kind="half")
            return replace(joined(parts), rung=rung.name)
        limits = [rung.long_side, self._learned.largest]
        if move.shrinks:
            limits.append(round(max(picture.width, picture.height) * SHRINK**move.shrinks))
        side = min((limit for limit in limits if limit), default=0)
        shown = await fitted(picture, long_side=side, max_bytes=self._asking.max_bytes, quality=self._asking.quality)
        task = rung.task or self._task
        question = self._question(shown, task, rung, without=move.without)
        response = await self._send(question)
        self._learned.refused |= move.without
        if move.shrinks:
            self._learned.largest = max(shown.width, shown.height)
        is_whole = response.finish_reason == "stop"
        repeats_from = find_loop(response.text, is_whole=is_whole)
        piece = Piece(text=response.text, frame=self._seen(picture, frame), task=task, repeats_from=repeats_from)
        reading = Reading(
            pieces=(piece,),
            rung=rung.name,
            model=response.model or self._asking.model,
            prompt=question.prompt,
            finish_reason=response.finish_reason,
        )
        self._learned.ends_marked = self._learned.ends_marked or has_end_mark(response.text)
        outcome = judged(
            reading,
            task=self._task,
            has_words=depth == 0 and len(self._page.words) > 2,
            ends_marked=self._learned.ends_marked,
        )
        return replace(reading, outcome=outcome)

    # --- one question -------------------------------------------------------------------------------------------------

    def _question(self, picture: Picture, task: Task, rung: Rung, *, without: frozenset[str] = frozenset()) -> Question:
        asking = self._asking
        own = asking.prompt if asking.prompt is not None and task == self._task else None
        reference = self._reference if task == "locate" else ""
        guards = asking.family.guards if asking.has_guard else ()
        size, window = guards[min(rung.guard, len(guards) - 1)] if guards else (0, 0)
        return Question(
            picture=picture,
            task=task,
            prompt=own if own is not None else prompt_for(task, reference=reference, prompts=asking.family.prompts),
            reference=reference,
            max_tokens=self._room(picture, own or ""),
            temperature=asking.temperature if rung.temperature is None else rung.temperature,
            guard=Guard(size=size, window=window) if guards else None,
            without=without | self._learned.refused,
        )

    def _room(self, picture: Picture, prompt: str) -> int:
        """Tokens that an answer may have: what picture and prompt leave of the context, and the user or host allow."""
        asking = self._asking
        vision = asking.family.vision
        if vision is None:
            return asking.max_tokens or PLAIN_ANSWER
        taken = image_tokens(picture.width, picture.height, vision=vision) + PROMPT_TOKENS + len(prompt)
        room = max(256, asking.family.context - taken)
        return min(room, asking.max_tokens) if asking.max_tokens else room

    async def _send(self, question: Question) -> Response:
        self._requests_left -= 1
        self._usage += Usage(requests=1)
        response = await self._send_once(question)
        self._usage += replace(response.usage, requests=0, retries=0)
        self._warnings += response.notes
        return response

    def _seen(self, picture: Picture, frame: Frame) -> Frame:
        """Where the model's grid lies on the page."""
        if not self._asking.is_padded or not picture.width or not picture.height:
            return frame
        return Frame.padded_square(picture.width, picture.height).within(frame)

    # --- the answer ---------------------------------------------------------------------------------------------------

    async def _lost_tables(self, whole: Picture, recognition: Recognition) -> tuple[Piece, ...]:
        """Ask once more for tables that came without cells: as pipe tables, which no server strips."""
        asking = self._asking
        if self._task != "markdown" or not asking.policy.ask_again or "table" not in asking.family.prompts:
            return ()
        pieces: list[Piece] = []
        for region in fused_tables(page_regions(recognition, task=self._task).regions)[:MOST_TABLES]:
            if self._requests_left <= 0 or time.monotonic() > self._deadline:
                break
            box = _with_margin(region.boxes)
            try:
                picture = await cropped(whole, box, quality=self._asking.quality)
                response = await self._send(self._question(picture, "table", Rung(name="the table alone")))
            except Trouble as trouble:
                self._warnings.append(f"a table without cells could not be asked for again: {trouble.problem}")
                break
            self._history.append("a table had lost its cells and was asked for again")
            pieces.append(Piece(text=response.text, frame=Frame.from_box(box), task="table"))
        return tuple(pieces)

    def _note(self, rung: Rung, outcome: Outcome, detail: str) -> None:
        line = f"{rung.name}: {outcome} ({detail})"
        self._history.append(line)
        logger.info("%s, page %d: %s", self._page.source, self._page.page_number, line)

    def _error(self, trouble: Trouble) -> EngineError:
        requests = self._usage.requests
        times = f" ({requests} requests)" if requests > 1 else ""
        return _ERRORS.get(trouble.kind, EngineUnavailable)(
            f"{trouble.problem}{times}.",
            source=self._page.source,
            page_number=self._page.page_number,
            hint=trouble.hint or "Check that the server is up and can take more requests, then run again.",
        )


def _with_margin(boxes: Iterable[Box], margin: float = 0.01) -> Box:
    sides = [box.as_tuple() for box in boxes]
    return Box.from_fractions(
        min(left for left, _, _, _ in sides) - margin,
        min(top for _, top, _, _ in sides) - margin,
        max(right for _, _, right, _ in sides) + margin,
        max(bottom for _, _, _, bottom in sides) + margin,
    )
