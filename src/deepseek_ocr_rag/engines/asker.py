"""One page's questions: how each is put, what all of them may cost, and what the server was found to take.

The ladder says what to try; here a rung becomes a question about a picture, is sent once, and comes back as a reading
that knows what is wrong with it. Requests, tokens and time are counted, and what a server refuses is remembered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..families import Family
from ..geometry import Box, Frame
from ..loops import find_loop
from ..marks import has_end_mark
from ..modes import image_tokens
from ..prompts import Task, prompt_for
from ..recognition import PageImage, Piece
from ..usage import Usage
from .connection import Learned
from .pacing import Ending
from .pictures import fitted
from .question import Guard, Picture, Question, Response, Send, Trouble, TroubleKind
from .retry import SHRINK, Ask, RetryPolicy, Rung
from .turns import Turns
from .verdict import Reading, judged

PROMPT_TOKENS = 48
"""Room for the chat template and a prompt of the model, of which the longest has 20 tokens."""

PLAIN_ANSWER = 4096
"""Tokens of an answer of a model whose context nobody told us."""

SHORTEST_ANSWER = 256

_ENDINGS: Mapping[TroubleKind, Ending] = MappingProxyType(
    {"limited": "refused", "busy": "refused", "unreachable": "lost", "garbled": "neutral"}
)
"""What trouble says of the server's load; all other says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What an engine settles for all pages."""

    engine: str
    model: str
    family: Family
    policy: RetryPolicy
    prompt: str | None = None
    """Sent instead of the task's own prompt."""
    prompt_task: Task | None = None
    """The one task that ``prompt`` is for; None is any."""
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
    quality: int = 80
    turns: Turns | None = None
    """Where requests wait until they may go out; None is nowhere."""


class Asker:
    """Puts the questions about one page.

    Attributes:
        usage: What they cost so far.
        history: What was tried, for people.
        warnings: What the user should know.
        requests_left: Of the page's budget.
    """

    def __init__(self, page: PageImage, reference: str, asking: Asking, send: Send, learned: Learned) -> None:
        self.usage = Usage()
        self.history = [page.resolution] if page.resolution else []
        self.warnings: list[str] = []
        self.requests_left = asking.policy.max_requests + max(0, len(page.tiles) - 1)
        self._deadline = time.monotonic() + asking.policy.deadline
        self._reference = reference
        self._asking = asking
        self._send = send
        self._learned = learned

    @property
    def seconds_left(self) -> float:
        """Until the page's deadline."""
        return self._deadline - time.monotonic()

    def own_prompt(self, task: Task) -> str | None:
        """The user's prompt, where it is for this task."""
        asking = self._asking
        return asking.prompt if asking.prompt_task in (None, task) else None

    async def ask(
        self, picture: Picture, frame: Frame, task: Task, rung: Rung, move: Ask, *, has_words: bool = False
    ) -> Reading:
        """Ask once.

        Raises:
            Trouble: If there is no answer.
        """
        learned = self._learned
        shown = await self._shown(picture, rung.long_side, move.shrinks)
        question = self._question(shown, rung.task or task, rung, without=move.without)
        try:
            response = await self._exchange(question)
        except Trouble as trouble:
            self._learn_refusal(trouble, shown)
            raise
        learned.refused |= move.without
        if move.shrinks:
            learned.taken_side = max(shown.width, shown.height)
        learned.ends_marked = learned.ends_marked or has_end_mark(response.text)
        reading = Reading(
            pieces=(self._piece(response, picture, frame, question.task),),
            rung=rung.name,
            model=response.model or self._asking.model,
            prompt=question.prompt,
            finish_reason=response.finish_reason,
        )
        outcome = judged(reading, task=task, has_words=has_words, ends_marked=learned.ends_marked)
        return replace(reading, outcome=outcome)

    async def _exchange(self, question: Question) -> Response:
        turns = self._asking.turns
        if turns is None:
            response = await self._sent(question)
        else:
            async with turns.turn(question.tokens) as turn:
                self._deadline += turn.waited  # it is the page's time, not its place in line, that is limited
                try:
                    response = await self._sent(question)
                except Trouble as trouble:
                    turn.ending, turn.retry_after = _ENDINGS.get(trouble.kind, "neutral"), trouble.retry_after
                    raise
                turn.ending, turn.spent = "answered", response.usage.input_tokens + response.usage.output_tokens
        self.usage += replace(response.usage, requests=0, retries=0)
        self.warnings += response.notes
        return response

    async def _sent(self, question: Question) -> Response:
        self.requests_left -= 1
        self.usage += Usage(requests=1)
        try:
            async with asyncio.timeout(max(0.0, self.seconds_left)):
                return await self._send(question)
        except TimeoutError as error:
            raise Trouble("unreachable", "the page's time was over before the server answered") from error

    def _learn_refusal(self, trouble: Trouble, shown: Picture) -> None:
        learned, side = self._learned, max(shown.width, shown.height)
        if trouble.kind == "too_large":
            learned.refused_side = min(learned.refused_side or side, side)
            learned.refused_bytes = min(learned.refused_bytes or len(shown.data), len(shown.data))
        elif trouble.kind == "limited":
            self.requests_left += 1  # nothing was read
        elif trouble.kind == "field":
            self.requests_left += 1  # says nothing of the page; there are only so many fields
            if trouble.is_named:
                learned.refused.add(trouble.field)
        elif trouble.kind == "too_long":
            self.requests_left += 1
            known = learned.context or self._asking.family.context or 2 * PLAIN_ANSWER
            learned.context = trouble.room if SHORTEST_ANSWER < trouble.room < known else int(known * 0.75)

    async def _shown(self, picture: Picture, long_side: int, shrinks: int) -> Picture:
        """The picture as the rung and the server want it."""
        learned, side = self._learned, max(picture.width, picture.height)
        limits = [long_side]
        if shrinks and learned.refused_side:
            limits.append(int(learned.refused_side * SHRINK))
        elif 0 < learned.refused_side <= side and len(picture.data) >= learned.refused_bytes:
            limits.append(learned.taken_side or int(learned.refused_side * SHRINK))
        limit = min((limit for limit in limits if limit), default=0)
        shown = await fitted(picture, long_side=limit, max_bytes=self._asking.max_bytes, quality=self._asking.quality)
        if shown is not picture:
            self.history.append(f"sent at {shown.width}x{shown.height} px")
        return shown

    def _question(self, picture: Picture, task: Task, rung: Rung, *, without: frozenset[str]) -> Question:
        asking = self._asking
        own = self.own_prompt(task) if rung.task is None else None
        reference = self._reference if task == "locate" else ""
        prompt = own if own is not None else prompt_for(task, reference=reference, prompts=asking.family.prompts)
        guards = asking.family.guards if asking.has_guard else ()
        size, window = guards[min(rung.guard, len(guards) - 1)] if guards else (0, 0)
        return Question(
            picture=picture,
            task=task,
            prompt=prompt,
            reference=reference,
            max_tokens=self._room(picture, prompt),
            temperature=asking.temperature if rung.temperature is None else rung.temperature,
            guard=Guard(size=size, window=window) if guards else None,
            tokens=self._taken(picture, prompt),
            without=without | self._learned.refused,
        )

    def _room(self, picture: Picture, prompt: str) -> int:
        """Tokens that an answer may have: what picture and prompt leave of the context, and the user or host allow."""
        asking = self._asking
        contexts = [context for context in (asking.family.context, self._learned.context) if context]
        room = max(SHORTEST_ANSWER, min(contexts) - self._taken(picture, prompt)) if contexts else PLAIN_ANSWER
        return min(room, asking.max_tokens) if asking.max_tokens else room

    def _taken(self, picture: Picture, prompt: str) -> int:
        """Tokens of a picture and its prompt."""
        vision = self._asking.family.vision
        seen = image_tokens(picture.width, picture.height, vision=vision) if vision is not None else 0
        return PROMPT_TOKENS + len(prompt) // 2 + seen

    def _piece(self, response: Response, picture: Picture, frame: Frame, task: Task) -> Piece:
        """The answer with its place on the page; ``frame`` is the picture's."""
        if self._asking.is_padded and picture.width and picture.height:
            frame = Frame.padded_square(picture.width, picture.height).within(frame)
        repeats_from = find_loop(response.text, is_whole=response.finish_reason == "stop")
        return Piece(text=response.text, frame=frame, task=task, repeats_from=repeats_from)


def with_margin(boxes: Iterable[Box], margin: float = 0.01) -> Box:
    """The union of boxes and a little around it."""
    sides = [box.as_tuple() for box in boxes]
    return Box.from_fractions(
        min(left for left, _, _, _ in sides) - margin,
        min(top for _, top, _, _ in sides) - margin,
        max(right for _, _, right, _ in sides) + margin,
        max(bottom for _, _, _, bottom in sides) + margin,
    )
