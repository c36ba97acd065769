"""Dataclasses as JSON-ready values, and back from values that anybody may have written.

Reading is strict: a list is a list, a truth is no number, numbers are finite and within their :class:`Range`. What is
wrong is told with its place, as in ``pages[0].blocks[3].boxes[1]: not four numbers``.
"""

from __future__ import annotations

import reprlib
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, Protocol, Self, TypeVar, Union, get_args, get_origin, get_type_hints
from typing import runtime_checkable as checkable

from .geometry import Box

T = TypeVar("T")

_LARGEST = 1.7976931348623157e308


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the largest number that a field takes, written as ``Annotated[int, Range(1)]``."""

    least: int
    most: int | None = None


@checkable
class Checked(Protocol):
    """A dataclass whose fields must fit together."""

    def check(self) -> None:
        """Raise ValueError if they do not."""


@checkable
class Written(Protocol):
    """A class that says itself how it is written as JSON."""

    def to_json(self) -> Any:
        """JSON-ready values."""

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read :meth:`to_json`'s values.

        Raises:
            ValueError: If they are none.
        """


def to_dict(value: Any) -> Any:
    """Turn dataclasses, tuples and mappings into JSON-ready values; boxes become four numbers."""
    if isinstance(value, Box):
        return list(value.as_tuple())
    if isinstance(value, Written):
        return value.to_json()
    if is_dataclass(value):
        return {item.name: to_dict(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple | list):
        return [to_dict(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_dict(item) for key, item in value.items()}
    return value.value if isinstance(value, StrEnum) else value


def from_dict(kind: type[T], data: object, *, ignores_unknown: bool = False) -> T:
    """Rebuild a dataclass from :func:`to_dict`'s values.

    Args:
        kind: The dataclass.
        data: The values.
        ignores_unknown: Whether fields that the dataclass does not have are left out, and not refused.

    Raises:
        ValueError: If a field is missing, unknown, or of the wrong type or size; the message says where.
    """
    try:
        built = _Reader(ignores_unknown).build(kind, data)
    except _WrongError as wrong:
        raise ValueError(f"not a {kind.__name__}: {wrong}") from wrong.__cause__
    assert isinstance(built, kind)  # noqa: S101 - it is what was asked for; this tells the type checker
    return built


class _WrongError(Exception):
    """What is wrong, and the way to it, which is noted from the inside out."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
        self.steps: list[str] = []

    def __str__(self) -> str:
        path = "".join(reversed(self.steps)).removeprefix(".")
        return f"{path}: {self.what}" if path else self.what


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _required(kind: Any) -> frozenset[str]:
    return frozenset(
        item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING and item.init
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    ignores_unknown: bool

    def build(self, kind: Any, value: Any) -> Any:
        origin = get_origin(kind)
        if origin is Annotated:
            plain, limits = get_args(kind)
            return _within(limits, self.build(plain, value))
        if origin is tuple:
            return self.items(get_args(kind)[0], value)
        if origin is Mapping:
            return self.mapping(get_args(kind)[1], value)
        if origin in (types.UnionType, Union):
            return None if value is None else self.build(get_args(kind)[0], value)
        return self.single(kind, value)

    def single(self, kind: Any, value: Any) -> Any:
        if is_dataclass(kind):
            return _box(value) if kind is Box else self.object(kind, value)
        is_written = isinstance(kind, type) and issubclass(kind, Written)
        return _written(kind, value) if is_written else _plain(kind, value)

    def object(self, kind: Any, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _WrongError(f"{reprlib.repr(value)} is not an object")
        hints = _hints(kind)
        unknown = [] if self.ignores_unknown else [name for name in value if name not in hints]
        if unknown:
            raise _WrongError(
                f"there is no field {reprlib.repr(unknown[0])}. If a newer deepseek-ocr-rag wrote it, install a newer "
                "version"
            )
        missing = sorted(_required(kind) - value.keys())
        if missing:
            raise _WrongError(f"{missing[0]!r} is missing")
        found = {}
        for name, item in value.items():
            if name in hints:
                try:
                    found[name] = self.build(hints[name], item)
                except _WrongError as wrong:
                    wrong.steps.append(f".{name}")
                    raise
        try:
            built = kind(**found)
            if isinstance(built, Checked):
                built.check()
        except ValueError as error:
            raise _WrongError(str(error)) from error
        return built

    def items(self, kind: Any, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _WrongError(f"{reprlib.repr(value)} is not a list")
        found = []
        for at, item in enumerate(value):
            try:
                found.append(self.build(kind, item))
            except _WrongError as wrong:
                wrong.steps.append(f"[{at}]")
                raise
        return tuple(found)

    def mapping(self, kind: Any, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _WrongError(f"{reprlib.repr(value)} is not an object")
        found = {}
        for name, item in value.items():
            try:
                found[_plain(str, name)] = self.build(kind, item)
            except _WrongError as wrong:
                wrong.steps.append(f"[{reprlib.repr(name)}]")
                raise
        return found


def _written(kind: type[Written], value: Any) -> Any:
    try:
        return kind.from_json(value)
    except ValueError as error:
        raise _WrongError(str(error)) from error


def _box(value: Any) -> Box:
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise _WrongError(f"{reprlib.repr(value)} is not a box, which is four numbers")
    left, top, right, bottom = (_plain(float, side) for side in value)
    try:
        return Box(left=left, top=top, right=right, bottom=bottom)
    except ValueError as error:
        raise _WrongError(str(error)) from error


def _within(limits: Range, value: Any) -> Any:
    if value < limits.least:
        raise _WrongError(f"{reprlib.repr(value)} is less than {limits.least}")
    if limits.most is not None and value > limits.most:
        raise _WrongError(f"{reprlib.repr(value)} is more than {limits.most}")
    return value


def _plain(kind: Any, value: Any) -> Any:
    """Check a leaf: wrong types must not slip into a document that somebody else's program wrote."""
    accepted = value
    if get_origin(kind) is Literal:
        same = (one for one in get_args(kind) if one == value and isinstance(one, bool) == isinstance(value, bool))
        accepted = next(same, None)
        fits = accepted is not None
    elif isinstance(kind, type) and issubclass(kind, StrEnum):
        fits = isinstance(value, str) and value in list(kind)
        accepted = kind(value) if fits else value
    elif kind is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST
    elif kind is int:
        # JSON has one sort of numbers.
        accepted = int(value) if isinstance(value, float) and value.is_integer() else value
        fits = isinstance(accepted, int) and not isinstance(value, bool)
    else:
        fits = isinstance(value, get_origin(kind) or kind)
    if not fits:
        name = f"a {kind.__name__}" if isinstance(kind, type) else f"one of {', '.join(map(repr, get_args(kind)))}"
        raise _WrongError(f"{reprlib.repr(value)} is not {_NAMES.get(kind, name)}")
    return accepted


_NAMES = {float: "a finite number", int: "an integer", str: "a string", bool: "true or false"}
