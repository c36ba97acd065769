"""An engine on a server: what all of them share, whatever the server speaks.

The API key is looked up when a request is made and stays out of messages, fingerprints and ``repr``. What is sent and
how an answer looks on the wire is the business of :mod:`.chat` and :mod:`.replicate`; when to ask again, of
:mod:`.climb`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from ..errors import EngineRejected
from ..families import FamilyName, family, family_of
from ..modes import Resolution
from ..prompts import Task
from ..recognition import ImageRequest, PageImage, PageRequest, Recognition
from . import Engine
from .asker import Asking
from .climb import read_page
from .connection import Pool, Secret, shown
from .providers import Provider, current_key, provider
from .question import Question, Response
from .retry import RetryPolicy
from .turns import Turns

if TYPE_CHECKING:
    import httpx

FrameName = Literal["per_axis", "padded_square"]

_FOR_PEOPLE = ("title", "models", "key_hint", "keeps_special_tokens", "sources", "notes")
_ELSEWHERE = ("name", "base_url", "key_variable")
"""What of a provider's row changes no answer, or stands in the fingerprint by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """How a server is asked. What is None is as the provider's row and the model's family say."""

    prompt: str | None = None
    """Sent instead of the task's own prompt."""
    prompt_task: Task | None = None
    """The one task that ``prompt`` is for; None is any."""
    family: FamilyName | None = None
    """Which model it is, where its name is not one of the known ones: its prompts, context and n-gram settings."""
    max_tokens: int = 0
    """Longest answer; 0 is what picture and prompt leave of the model's context."""
    temperature: float = 0.0
    timeout: float = 300.0
    """Seconds for one request, from sending to the last byte of the answer."""
    image: ImageRequest = field(default_factory=ImageRequest)
    image_first: bool | None = None
    """Whether the picture comes before the prompt; llama.cpp gives no boxes otherwise."""
    extra_body: Mapping[str, object] | None = None
    """Fields merged into the request, in place of the provider's own. Without ``skip_special_tokens: false`` vLLM and
    SGLang destroy the cells of tables."""
    logit_processor: str = ""
    """SGLang's n-gram guard, serialised by its ``DeepseekOCRNoRepeatNGramLogitProcessor.to_str()``."""
    frame: FrameName = "per_axis"
    """How the server counts: llama.cpp up to build 9028 counts in the page padded to a square."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_in_flight: int = 64
    """Requests under way at the same time, at most; how many there are is found out by what the server does."""
    requests_per_minute: float = 0.0
    """No more go out, by all calls that share the engine; 0 is no limit."""
    tokens_per_minute: float = 0.0
    """No more are spent, but for the last request: those of pictures, prompts and answers; 0 is no limit."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense: later it would spoil every page, or nobody would notice."""
        if self.max_in_flight < 1 or self.timeout <= 0 or self.max_tokens < 0:
            raise ValueError("max_in_flight must be at least 1, timeout positive, max_tokens not negative")
        if self.requests_per_minute < 0 or self.tokens_per_minute < 0:
            raise ValueError("requests_per_minute and tokens_per_minute must not be negative")
        if self.family is not None:
            family(self.family)
        known = {"frame": (self.frame, FrameName), "image.resolution": (self.image.resolution, Resolution)}
        for name, (value, values) in known.items():
            if value not in get_args(values):
                raise ValueError(f"{name}={value!r}: pass one of {', '.join(get_args(values))}")


class RemoteEngine(ABC):
    """Reads pages with a model on a server.

    The object can be pickled, and used again, in another event loop too, after :meth:`aclose`. A key sent to an
    ``http://`` address travels in clear text: use ``https://`` for anything but your own machine.
    """

    def __init__(self, row: Provider, *, url: str, model: str, api_key: str | None, options: ChatOptions) -> None:
        self.provider = row
        self.model = model
        self.options = options
        self.family = family(options.family) if options.family else family_of(model)
        self._url = url
        self._key = Secret(api_key)
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._turns = self._new_turns()
        self._fingerprint = self._digest()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown(self._url)!r}, provider={self.provider.name!r}, model={self.model!r})"

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_pools": {}, "_turns": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._turns = self._new_turns()

    @property
    @abstractmethod
    def name(self) -> str:
        """Short name for messages and metadata."""

    @abstractmethod
    async def _exchange(self, client: httpx.AsyncClient, question: Question) -> Response:
        """Ask once.

        Raises:
            Trouble: If there is no answer.
        """

    @property
    def fingerprint(self) -> str:
        """Server, model, and a hash of everything else that is sent but the key."""
        return self._fingerprint

    @property
    def max_in_flight(self) -> int:
        """How many requests may be under way at once, at most."""
        return self.options.max_in_flight

    @property
    def places(self) -> int:
        """How many pages there is use for now, beside those that are being prepared."""
        return self._turns.places

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What the model can be asked for; what the user has a prompt of his own for, too."""
        own, tasks = self.options.prompt_task, tuple(self.family.prompts)
        if self.options.prompt is None or own in tasks:
            return tasks
        return (*tasks, own) if own else get_args(Task)

    @property
    def refused(self) -> frozenset[str]:
        """Extra fields that the server refused so far, in this event loop."""
        return frozenset(self._open_pool().learned.refused)

    @property
    def request(self) -> PageRequest:
        """The picture, and the text layer's words to find lines with."""
        sides = [side for side in (self.options.image.max_side, self.provider.max_side) if side]
        return PageRequest(image=replace(self.options.image, max_side=min(sides, default=0)), words=True)

    async def recognize(self, page: PageImage, *, task: Task = "markdown", reference: str = "") -> Recognition:
        """Ask the model to read one page, as often and in as many ways as :attr:`ChatOptions.retry` allows.

        Args:
            page: The page, with the picture that :attr:`request` asks for.
            task: What to do with it.
            reference: What the task ``locate`` looks for.

        Returns:
            The raw answer. ``status`` is ``retried`` where the first one was no good, and ``truncated``, ``looped`` or
            ``suspect`` where none was; then the best one is kept.

        Raises:
            EngineMisconfigured: If no page can be read until address, key, account or model are set right.
            EngineUnavailable: When the server did not answer in all attempts.
            EngineRejected: When it refused, what came back is no answer, or the picture is smaller than it takes.
            ValueError: If the model has no prompt for the task.
        """
        self._check_size(page)
        pool = self._open_pool()
        async with self._turns.page():
            return await read_page(
                page,
                task=task,
                reference=reference,
                asking=self._asking(),
                send=partial(self._send, pool),
                learned=pool.learned,
            )

    async def aclose(self) -> None:
        """Close this event loop's connections. The engine can be used again afterwards."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await asyncio.gather(*(client.aclose() for client in pool.clients))

    async def _send(self, pool: Pool, question: Question) -> Response:
        client = await pool.idle.get()
        try:
            return await self._exchange(client, question)
        finally:
            pool.idle.put_nowait(client)

    def _new_turns(self) -> Turns:
        options = self.options
        return Turns(
            most=options.max_in_flight,
            patience=options.timeout,
            requests_per_minute=options.requests_per_minute,
            tokens_per_minute=options.tokens_per_minute,
        )

    def _check_size(self, page: PageImage) -> None:
        short, least = min(page.width, page.height), self.provider.min_side
        if 0 < short < least:
            size = f"the picture has {page.width} x {page.height} pixels"
            problem = f"{size}; {self.provider.title} takes none with a side under {least}."
            hint = "Use a larger picture, or another server."
            raise EngineRejected(problem, source=page.source, page_number=page.page_number, hint=hint)

    def _asking(self) -> Asking:
        limits = [limit for limit in (self.options.max_tokens, self.provider.max_tokens) if limit]
        return Asking(
            engine=self.name,
            model=self.model,
            family=self.family,
            policy=self.options.retry,
            prompt=self.options.prompt,
            prompt_task=self.options.prompt_task,
            temperature=self.options.temperature,
            max_tokens=min(limits, default=0),
            has_guard=self.provider.guard == "vllm"
            or (self.provider.guard == "sglang" and bool(self.options.logit_processor)),
            is_padded=self.options.frame == "padded_square",
            max_bytes=self.provider.max_bytes,
            quality=self.options.image.quality,
            turns=self._turns,
        )

    def _current_key(self) -> str:
        """The key as given, or as the environment has it now: some live for an hour."""
        return current_key(self.provider, self._key.reveal())

    def _open_pool(self) -> Pool:
        """This event loop's connections; those of loops that are gone cannot be closed any more and are forgotten."""
        loop = asyncio.get_running_loop()
        for known in list(self._pools):
            if known.is_closed():
                self._pools.pop(known, None)  # another thread may have been faster
        if loop not in self._pools:
            self._pools[loop] = Pool.open(slots=self.options.max_in_flight, timeout=self.options.timeout)
        return self._pools[loop]

    def _digest(self) -> str:
        """A hash of what changes answers: not of limits, keys and connections."""
        options, row = self.options, self.provider
        facts = {
            "family": self.family.name,
            "prompts": options.prompt if options.prompt is not None else dict(self.family.prompts),
            "max_tokens": options.max_tokens,
            "temperature": options.temperature,
            "image": asdict(options.image),
            "image_first": options.image_first,
            "extra_body": None if options.extra_body is None else dict(options.extra_body),
            "logit_processor": options.logit_processor,
            "prompt_task": None if options.prompt is None else options.prompt_task,
            "frame": options.frame,
            "ask_again": options.retry.ask_again,
            "row": {f.name: getattr(row, f.name) for f in fields(row) if f.name not in (*_FOR_PEOPLE, *_ELSEWHERE)},
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=dict).encode()).hexdigest()[:16]
        return f"{self.name} {shown(self._url)} {self.provider.name} {self.model} {options.image.resolution} {digest}"


def remote_engine(
    name: str,
    *,
    base_url: str = "",
    model: str = "",
    api_key: str | None = None,
    options: ChatOptions | None = None,
) -> Engine:
    """The engine of a provider.

    Raises:
        ValueError: If there is no such provider, or the address is none.
        EngineMisconfigured: If its key, its address or a variable in it is not set.
    """
    if provider(name).route == "replicate":
        from .replicate import ReplicateEngine

        return ReplicateEngine(base_url, provider=name, model=model, api_key=api_key, options=options)
    from .chat import ChatEngine

    return ChatEngine(base_url, provider=name, model=model, api_key=api_key, options=options)
