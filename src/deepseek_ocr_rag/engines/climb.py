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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ..errors import EngineError, EngineMisconfigured, EngineRejected, EngineUnavailable
from ..geometry import WHOLE_PAGE, Box, Frame
from ..pieces import fused_tables, page_regions
from ..prompts import PAGE_TASKS, Task
from ..recognition import PageImage, Piece, Recognition
from ..usage import Usage
from .asker import Asker, Asking, with_margin
from .connection import Learned
from .pictures import cropped, fitted, halves, is_blank
from .question import Picture, Send, Trouble
from .retry import LONGEST_WAIT, RECAST, Ask, Attempt, Outcome, Rung, Stop, ladder, next_move
from .verdict import Reading, joined, recognized

logger = logging.getLogger("deepseek_ocr_rag")

MOST_TABLES = 6
"""Tables of a page that are asked for once more."""

LARGEST_WHOLE = 1920
"""Pixels to which a huge page is scaled down for a task that cannot be done in tiles."""

_ERRORS: Mapping[str, type[EngineError]] = MappingProxyType(
    {"misconfigured": EngineMisconfigured}
    | dict.fromkeys(("rejected", "garbled", "field", "too_long", "too_large"), EngineRejected)
)


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
    asker = Asker(page, reference, asking, send, learned)
    return await _Climb(page, task, asking, asker).read()


class _Climb:
    """One page on its way up."""

    def __init__(self, page: PageImage, task: Task, asking: Asking, asker: Asker) -> None:
        self._page = page
        self._task: Task = task
        self._asking = asking
        self._asker = asker
        self._reserved = 0
        """Requests that parts of the page still to come are to have."""

    async def read(self) -> Recognition:
        page, asker = self._page, self._asker
        whole = Picture(
            data=page.data, media_type=page.media_type or "image/jpeg", width=page.width, height=page.height
        )
        try:
            readings = await self._read_whole(whole)
        except Trouble as trouble:
            raise self._error(trouble) from trouble
        recognition = recognized(readings, page=page, task=self._task, engine=self._asking.engine)
        tables = await self._lost_tables(whole, recognition)
        return replace(
            recognition,
            pieces=(*recognition.pieces, *tables),
            usage=asker.usage,
            attempts=asker.usage.requests,
            warnings=(*recognition.warnings, *dict.fromkeys(asker.warnings)),
            history=tuple(asker.history),
        )

    async def _read_whole(self, whole: Picture) -> list[Reading]:
        if not self._page.tiles:
            return [await self._climb(whole, WHOLE_PAGE, self._task, depth=0)]
        if _can_be_cut(self._task):
            return await self._in_parts(whole, WHOLE_PAGE, self._page.tiles, depth=1, kind="tile")
        picture = await fitted(whole, long_side=LARGEST_WHOLE, max_bytes=0, quality=self._asking.quality)
        return [await self._climb(picture, WHOLE_PAGE, self._task, depth=0)]

    async def _in_parts(
        self, picture: Picture, frame: Frame, boxes: Sequence[Box], *, depth: int, kind: str
    ) -> list[Reading]:
        """The parts of a picture, each with a ladder of its own; one that cannot be read leaves the others.

        Raises:
            Trouble: If none can be read.
        """
        readings: list[Reading] = []
        lost: Trouble | None = None
        reserved = self._reserved
        for number, box in enumerate(boxes, start=1):
            self._reserved = reserved + len(boxes) - number
            try:
                part = await cropped(picture, box, quality=self._asking.quality)
                if not await is_blank(part):
                    place = Frame.from_box(box).within(frame)
                    readings.append(await self._climb(part, place, self._task, depth=depth))
            except Trouble as trouble:
                if trouble.kind == "misconfigured":
                    raise
                lost = trouble
                self._asker.warnings.append(f"{kind} {number} of {len(boxes)} could not be read: {trouble.problem}")
                readings.append(Reading(pieces=(), outcome="truncated"))
            finally:
                self._reserved = reserved
        if lost is not None and not any(reading.pieces for reading in readings):
            raise lost
        return readings or [Reading(pieces=(), outcome="empty")]

    async def _climb(self, picture: Picture, frame: Frame, task: Task, *, depth: int) -> Reading:
        """Try rung after rung; the best answer counts.

        Raises:
            Trouble: If there is none.
        """
        rungs = self._rungs(picture, task, depth=depth)
        attempts: list[Attempt] = []
        readings: list[Reading | None] = []
        trouble: Trouble | None = None
        while True:
            move = next_move(
                attempts,
                rungs,
                self._asking.policy,
                requests_left=self._asker.requests_left - self._reserved,
                seconds_left=self._asker.seconds_left,
            )
            if isinstance(move, Stop):
                break
            await asyncio.sleep(min(LONGEST_WAIT, move.wait + move.backoff * random.uniform(0.5, 1.0)))  # noqa: S311
            rung = rungs[move.rung]
            if attempts and not rung.in_halves and attempts[-1].outcome not in RECAST:
                self._asker.usage += Usage(retries=1)
            try:
                reading = await self._try(picture, frame, task, rung, move, depth=depth)
            except Trouble as met:
                trouble = met
                self._note(rung, met.kind, met.problem)
                attempts.append(Attempt(rung=move.rung, outcome=met.kind, retry_after=met.retry_after, field=met.field))
                readings.append(None)
                continue
            attempts.append(Attempt(rung=move.rung, outcome=reading.outcome, letters=reading.letters))
            readings.append(reading)
            if reading.outcome != "ok" or len(attempts) > 1:
                self._note(rung, reading.outcome, f"{reading.letters} letters")
        best = readings[move.best] if move.best is not None else None
        if best is None:
            raise trouble or Trouble("unreachable", "no time or request of the page's budget is left to ask")
        return best

    def _rungs(self, picture: Picture, task: Task, *, depth: int) -> tuple[Rung, ...]:
        asking = self._asking
        is_own = self._asker.own_prompt(task) is not None
        return ladder(
            has_guard=asking.has_guard,
            has_temperature=asking.has_temperature,
            depth=depth,
            free_ocr=asking.has_free_ocr and task in ("markdown", "ocr") and not is_own,
            in_parts=_can_be_cut(task),
            side=max(picture.width, picture.height),
        )

    async def _try(self, picture: Picture, frame: Frame, task: Task, rung: Rung, move: Ask, *, depth: int) -> Reading:
        if rung.in_halves:
            parts = await self._in_parts(picture, frame, await halves(picture), depth=depth + 1, kind="half")
            return replace(joined(parts), rung=rung.name)
        has_words = depth == 0 and len(self._page.words) > 2
        return await self._asker.ask(picture, frame, task, rung, move, has_words=has_words)

    async def _lost_tables(self, whole: Picture, recognition: Recognition) -> tuple[Piece, ...]:
        """Ask once more for tables that came without cells: as pipe tables, which no server strips."""
        asking = self._asking
        if self._task != "markdown" or not asking.policy.ask_again or "table" not in asking.family.prompts:
            return ()
        pieces: list[Piece] = []
        for region in fused_tables(page_regions(recognition, task=self._task).regions)[:MOST_TABLES]:
            box = with_margin(region.boxes)
            try:
                picture = await cropped(whole, box, quality=asking.quality)
                reading = await self._climb(picture, Frame.from_box(box), "table", depth=2)
            except Trouble as trouble:
                self._asker.warnings.append(f"a table without cells could not be asked for again: {trouble.problem}")
                continue
            self._asker.history.append("a table had lost its cells and was asked for again")
            pieces += (replace(piece, retells=True) for piece in reading.pieces)
        return tuple(pieces)

    def _note(self, rung: Rung, outcome: Outcome, detail: str) -> None:
        line = f"{rung.name}: {outcome} ({detail})"
        self._asker.history.append(line)
        logger.info("%s, page %d: %s", self._page.source, self._page.page_number, line)

    def _error(self, trouble: Trouble) -> EngineError:
        """What the page's trouble comes to; a server that is not there at all is not there for any page."""
        requests = self._asker.usage.requests
        times = f" ({requests} requests)" if requests > 1 else ""
        kind = _ERRORS.get(trouble.kind, EngineUnavailable) if trouble.is_connected else EngineMisconfigured
        error = kind(
            f"{trouble.problem}{times}.",
            source=self._page.source,
            page_number=self._page.page_number,
            hint=trouble.hint or "Check that the server is up and can take more requests, then run again.",
        )
        error.requests, error.history = requests, tuple(self._asker.history)
        return error


def _can_be_cut(task: Task) -> bool:
    """Whether parts of the picture can be asked about: half of a chart is another chart."""
    return task in (*PAGE_TASKS, "table")
