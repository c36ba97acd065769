"""Dataclasses as JSON-ready values, and back from values that anybody may have written.

Reading is strict: a list is a list, a truth is no number, numbers are finite and within their :class:`Range`. What is
wrong is told with its place, as in ``pages[0].blocks[3].boxes[1]: not four numbers``.
"""

from __future__ import annotations

import reprlib
import types
from collections.abc import Callable, Mapping, Set
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache, partial
from typing import Annotated, Any, Literal, Protocol, Self, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from typing import runtime_checkable as checkable

from .geometry import Box
from .ranges import Range

T = TypeVar("T")

_LARGEST = 1.7976931348623157e308


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


@checkable
class Packed(Protocol):
    """A sequence that is written in rows; named beside a field's type, as ``Annotated[Sequence[Item], Items]``."""

    def to_json(self) -> Any:
        """JSON-ready values."""

    @classmethod
    def of(cls, items: Any) -> Self:
        """The sequence of these items."""

    @classmethod
    def from_rows(cls, rows: object) -> Self | None:
        """The sequence of rows; None where one of them is not as it was written."""

    @staticmethod
    def as_object(row: object) -> object:
        """A row as the fields of an item, to be told what is wrong with it."""


def to_dict(value: Any) -> Any:
    """Turn dataclasses, tuples and mappings into JSON-ready values; boxes become four numbers."""
    kind: Any = type(value)
    return _writer(kind)(value)


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    """What turns values of a class into JSON-ready ones; looked up once for each class."""
    if kind is Box:
        return _sides
    if hasattr(kind, "to_json"):
        return lambda value: value.to_json()
    if is_dataclass(kind):
        names = [item.name for item in fields(kind)]
        return lambda value: {name: to_dict(getattr(value, name)) for name in names}
    if issubclass(kind, tuple | list):
        return lambda value: [to_dict(item) for item in value]
    if issubclass(kind, Mapping):
        return lambda value: {key: to_dict(item) for key, item in value.items()}
    return (lambda value: value.value) if issubclass(kind, StrEnum) else _same


def _sides(box: Box) -> list[float]:
    return [box.left, box.top, box.right, box.bottom]


def _same(value: Any) -> Any:
    return value


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
        built = _reader(cast("Any", kind), ignores_unknown)(data)
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


_Read = Callable[[Any], Any]
"""Makes of a JSON value what it stands for, or raises :class:`_WrongError`."""


@cache
def _reader(kind: Any, ignores_unknown: bool) -> _Read:
    """What reads a type; made once for each."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        if isinstance(arguments[1], Range):
            return _within(arguments[1], _reader(arguments[0], ignores_unknown))
        return _rows(arguments[1], _items(_reader(get_args(arguments[0])[0], ignores_unknown)))
    if origin is tuple:
        return _items(_reader(arguments[0], ignores_unknown))
    if origin is Mapping:
        return _mapping(_reader(arguments[1], ignores_unknown))
    if origin in (types.UnionType, Union):
        some = _reader(arguments[0], ignores_unknown)
        return lambda value: None if value is None else some(value)
    return (
        _box if kind is Box else _object(kind, ignores_unknown=ignores_unknown) if is_dataclass(kind) else _leaf(kind)
    )


def _object(kind: Any, *, ignores_unknown: bool) -> _Read:
    hints = get_type_hints(kind, include_extras=True)
    known, required = hints.keys(), _required(kind)
    is_checked = issubclass(kind, Checked)
    readers: dict[str, _Read] = {}

    def read(value: Any) -> Any:
        if not isinstance(value, dict | Mapping):
            raise _WrongError(f"{reprlib.repr(value)} is not an object")
        if not readers:  # not before, since a class may hold itself; in one step, since threads read at once
            readers.update({name: _reader(hint, ignores_unknown) for name, hint in hints.items()})
        if not value.keys() <= known and not ignores_unknown:
            _refuse_unknown(value, known)
        if not value.keys() >= required:
            raise _WrongError(f"{min(required - value.keys())!r} is missing")
        found = _fields(value, readers)
        try:
            built = kind(**found)
            if is_checked:
                built.check()
        except ValueError as error:
            raise _WrongError(str(error)) from error
        return built

    return read


def _fields(value: Mapping[str, Any], readers: Mapping[str, _Read]) -> dict[str, Any]:
    found = {}
    for name, item in value.items():
        if name in readers:
            try:
                found[name] = readers[name](item)
            except _WrongError as wrong:
                wrong.steps.append(f".{name}")
                raise
    return found


def _refuse_unknown(value: Mapping[Any, Any], known: Set[str]) -> None:
    unknown = next(name for name in value if name not in known)
    raise _WrongError(
        f"there is no field {reprlib.repr(unknown)}. If a newer deepseek-ocr-rag wrote it, install a newer version"
    )


def _required(kind: Any) -> frozenset[str]:
    return frozenset(
        item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING and item.init
    )


def _items(read_one: _Read) -> _Read:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _WrongError(f"{reprlib.repr(value)} is not a list")
        found: list[Any] = []
        try:
            for item in value:
                found.append(read_one(item))  # noqa: PERF401 - how many were read tells which one is wrong
        except _WrongError as wrong:
            wrong.steps.append(f"[{len(found)}]")
            raise
        return tuple(found)

    return read


def _rows(kind: type[Packed], read_all: _Read) -> _Read:
    def read(value: Any) -> Any:
        packed = kind.from_rows(value)
        if packed is not None:
            return packed
        return kind.of(read_all([kind.as_object(row) for row in value] if isinstance(value, list | tuple) else value))

    return read


def _mapping(read_one: _Read) -> _Read:
    read_name = _leaf(str)

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _WrongError(f"{reprlib.repr(value)} is not an object")
        found = {}
        for name, item in value.items():
            try:
                found[read_name(name)] = read_one(item)
            except _WrongError as wrong:
                wrong.steps.append(f"[{reprlib.repr(name)}]")
                raise
        return found

    return read


def _written(kind: type[Written], value: Any) -> Any:
    try:
        return kind.from_json(value)
    except ValueError as error:
        raise _WrongError(str(error)) from error


def _box(value: Any) -> Box:
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise _WrongError(f"{reprlib.repr(value)} is not a box, which is four numbers")
    left, top, right, bottom = value
    if type(left) is type(top) is type(right) is type(bottom) is float and (
        0 <= left <= right <= 1 and 0 <= top <= bottom <= 1
    ):
        return Box.ordered(left, top, right, bottom)
    left, top, right, bottom = (_plain(float, side) for side in value)
    try:
        return Box(left=left, top=top, right=right, bottom=bottom)
    except ValueError as error:
        raise _WrongError(str(error)) from error


def _within(limits: Range, read_one: _Read) -> _Read:
    least, most = limits.least, limits.most

    def read(value: Any) -> Any:
        number = read_one(value)
        if number < least:
            raise _WrongError(f"{reprlib.repr(number)} is less than {least}")
        if most is not None and number > most:
            raise _WrongError(f"{reprlib.repr(number)} is more than {most}")
        return number

    return read


def _leaf(kind: Any) -> _Read:
    """What reads a leaf: at a glance where its type is the one that was written."""
    if isinstance(kind, type) and issubclass(kind, Written):
        return partial(_written, kind)
    if kind in (str, int, bool):
        return lambda value: value if type(value) is kind else _plain(kind, value)
    is_enum = isinstance(kind, type) and issubclass(kind, StrEnum)
    known = {one: one for one in (kind if is_enum else get_args(kind)) if isinstance(one, str)}
    if known:
        return lambda value: known[value] if type(value) is str and value in known else _plain(kind, value)
    return partial(_plain, kind)


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
