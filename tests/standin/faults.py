"""What goes wrong on demand: of the network and the host, and of the model itself.

A host's fault is drawn anew for every attempt. A model's fault belongs to the picture: asked again in the same way it
does the same (temperature 0), asked in another way (n-gram settings, temperature, prompt) it may do better, and another
picture, such as half of the page, is another draw.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

HostKind = Literal[
    "429", "500", "503", "stall", "slow", "cut", "html", "html_502", "bad_json", "wrong_shape", "null", "failed"
]
ModelKind = Literal["loop", "loop_stop", "truncated", "truncated_stop", "empty", "broken_tags"]
Kind = HostKind | ModelKind

HOST: tuple[HostKind, ...] = get_args(HostKind)
"""429 with ``Retry-After``; 500; 503; a stall until the client leaves; slow; a connection cut in the body; an HTML page
with 200 or 502; JSON that is cut, or of another shape; null for the content; a prediction that fails (Replicate, 500
elsewhere)."""
MODEL: tuple[ModelKind, ...] = get_args(ModelKind)
"""The answer repeats itself up to the token limit, or for a while; is cut within a tag, and says so or not; is empty;
has broken tags."""
ALL: tuple[Kind, ...] = (*HOST, *MODEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; ``seconds`` are those of ``Retry-After`` or of the delay."""

    kind: Kind
    seconds: float = 1.0


Plan = Callable[[int, str], "Fault | Kind | None"]
"""The number of the request, from 1, and the hash of its picture, to what goes wrong."""


class Faults:
    """Which faults are given, by a plan or by chance.

    Args:
        plan: Decides alone, where there is one.
        rate: Share of requests, or of pictures, that are spoilt otherwise.
        seed: Makes chance repeat itself.
        kinds: What may happen by chance.
        cure: How probable it is that a model's fault is gone when asked in another way; 0 never, 1 at once.
        seconds: Of ``Retry-After`` and of slow answers.
    """

    def __init__(
        self,
        plan: Plan | None = None,
        *,
        rate: float = 0.0,
        seed: int = 0,
        kinds: Sequence[Kind] = ALL,
        cure: float = 0.7,
        seconds: float = 1.0,
    ) -> None:
        unknown = set(kinds) - set(ALL)
        if unknown:
            raise ValueError(f"no such faults: {', '.join(sorted(unknown))}")
        self._plan = plan
        self._rate = rate
        self._seed = seed
        self._host = [kind for kind in kinds if kind in HOST]
        self._model = [kind for kind in kinds if kind in MODEL]
        self._cure = cure
        self._seconds = seconds
        self._attempts: dict[str, int] = {}
        self._first: dict[str, str] = {}

    @classmethod
    def script(cls, *kinds: Kind | None, seconds: float = 1.0) -> Faults:
        """The faults of the first requests, one by one, and then none."""
        return cls(lambda number, _: kinds[number - 1] if number <= len(kinds) else None, seconds=seconds)

    @classmethod
    def always(cls, kind: Kind, *, seconds: float = 1.0) -> Faults:
        """One fault for every request."""
        return cls(lambda number, page: kind, seconds=seconds)

    def draw(self, number: int, page: str, settings: str) -> Fault | None:
        """What goes wrong with request ``number`` about a picture, asked in that way."""
        if self._plan is not None:
            planned = self._plan(number, page)
            return Fault(kind=planned, seconds=self._seconds) if isinstance(planned, str) else planned
        attempt = self._attempts[page] = self._attempts.get(page, 0) + 1
        first = self._first.setdefault(page, settings)
        kinds = len(self._host) + len(self._model)
        if self._model and self._chance(page) < self._rate * len(self._model) / kinds:
            if settings != first and self._chance(page, settings) < self._cure:
                return None
            return Fault(kind=self._choice(self._model, page), seconds=self._seconds)
        if self._host and self._chance(page, attempt) < self._rate * len(self._host) / kinds:
            return Fault(kind=self._choice(self._host, page, attempt), seconds=self._seconds)
        return None

    def _chance(self, *key: object) -> float:
        return random.Random(repr((self._seed, "chance", *key))).random()

    def _choice(self, kinds: Sequence[Kind], *key: object) -> Kind:
        return random.Random(repr((self._seed, "choice", *key))).choice(kinds)


_TAG = re.compile(r"(?:<\|ref\|>[^<]*<\|/ref\|>)?<\|det\|>[^<]*<\|/det\|>")


def spoil(text: str, kind: Kind, *, limit: int, key: str) -> tuple[str, str]:
    """An answer as the model spoils it, and its finish reason.

    Args:
        text: The good answer, special tokens included.
        limit: Characters that an answer can have.
        key: Makes chance repeat itself.
    """
    chance = random.Random(key)
    if kind == "loop":
        return _looped(text, limit, chance), "length"
    if kind == "loop_stop":
        return _looped(text, min(limit, 2 * len(text) + 3000), chance, is_whole=True), "stop"
    if kind in ("truncated", "truncated_stop"):
        return _truncated(text), "length" if kind == "truncated" else "stop"
    if kind == "empty":
        return "", "stop"
    broken = _TAG.sub(lambda match: _broken(match.group(), chance), text)
    return broken if broken != text else text.replace("<|det|>", "", 1), "stop"


def _looped(text: str, limit: int, chance: random.Random, *, is_whole: bool = False) -> str:
    """Half of the blocks, then one of them for ever, tag and all, or its last words alone; else one letter.

    Where ``is_whole``, the last repetition is.
    """
    blocks = re.split(r"(?<=\n\n)", text) if text.strip() else []
    if not blocks:
        return "a" * limit
    kept = blocks[: (len(blocks) + 1) // 2]
    words = " " + " ".join(kept[-1].split()[-4:])
    unit = kept[-1].rstrip() + "\n\n" if chance.random() < 0.5 and len(kept[-1]) < 1000 else words
    before = "".join(kept).rstrip() + ("\n\n" if unit is not words else "")
    looped = before + unit * max(1, (limit - len(before)) // len(unit))
    return looped if is_whole else (looped + unit)[:limit]


def _truncated(text: str) -> str:
    """Cut in the middle of a tag behind the middle, or somewhere where there is none."""
    tags = [match for match in _TAG.finditer(text) if match.start() > 0]
    tag = next((match for match in tags if match.start() >= len(text) / 2), tags[-1] if tags else None)
    return text[: len(text) * 6 // 10] if tag is None else text[: tag.start() + len(tag.group()) * 7 // 10]


def _broken(tag: str, chance: random.Random) -> str:
    """A tag, most often with one of the defects that were seen in real answers."""
    numbers = re.search(r"\d+, \d+, \d+, \d+", tag)
    ways = [
        tag.replace("<|/ref|>", "", 1),
        tag.replace("<|det|>", "", 1),
        tag.replace("<|/ref|>", "<|/ref|>大为<|/ref|>", 1),
    ]
    if numbers is not None:
        first, second, third, fourth = numbers.group().split(", ")
        wrong = (
            f"{first}, raw {second}, {third}, {fourth}",
            f"{first} {second}, {third}, {fourth}",
            f"{first}, {second}, {third}, 1{fourth.zfill(3)}",
            f"{third}, {second}, {first}, {fourth}",
        )
        ways += [tag.replace(numbers.group(), each, 1) for each in wrong]
    return chance.choice(ways) if chance.random() < 0.8 else tag
