"""Drawings of geometry: the model's Python-like dictionary of lines and circles, read without running any of it.

Asked to parse the figure, the model answers a drawing with something like ``{'Line': {'line': ['(0, 0) -- (3, 0)'],
'line_type': ['--'], 'line_endpoint': ['A: (0, 0)', 'B: (3, 0)']}, 'Circle': {'circle_center': ['O: (1, 1)'], 'radius':
[1]}}`` (run_dpsk_ocr_image.py evaluates it). Here a scanner of brackets, strings and words takes it apart: answers that
are cut off, nested otherwise or followed by prose are read as far as they make sense, in linear time, and what is no
drawing is none. Numbers stay as they are written.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeAlias

LONGEST = 100_000
"""Characters beyond which an answer is not looked at; 8192 tokens are a third of that."""

DEEPEST = 16
"""Brackets within brackets; answers have four."""

_LONGEST_PART = 200
"""Characters of a piece of text that is still joined to the next one."""

Point: TypeAlias = tuple[str, str]
"""``(x, y)``, as the model wrote them; its canvas goes from -15 to 15, y upwards."""

_Value: TypeAlias = "str | list[_Value] | dict[str, _Value]"

_TOKEN = re.compile(
    r"(?P<mark>[{}\[\](),:])"
    r"|(?P<text>\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z)|'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z))"
    r"|(?P<word>[^\s{}\[\](),:'\"]+)",
    re.DOTALL,
)
_CLOSES = {"}": "{", "]": "[", ")": "("}
_KEY = re.compile(r"[\"']?\b(?:lines?|circles?)\b[\"']?\s{0,8}:\s{0,8}[\[{]", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])[-+\u2212]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?!\w)")
_STYLES = {"--": "solid", "-": "solid", "solid": "solid", "dashed": "dashed", "dotted": "dotted"}
_ROLES = {
    "line": "lines",
    "lines": "lines",
    "circle": "circles",
    "circles": "circles",
    **dict.fromkeys(("line_type", "line_types", "type", "types"), "styles"),
    **dict.fromkeys(("line_endpoint", "line_endpoints", "endpoint", "endpoints", "point", "points"), "points"),
    **dict.fromkeys(("circle_center", "circle_centers", "circle_centre", "center", "centers", "centre"), "centers"),
    **dict.fromkeys(("radius", "radii", "circle_radius"), "radii"),
}
"""What the keys stand for, in lower case with underscores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A line from its first point to its last, whose names may be empty, as may its own.

    ``style`` is ``solid`` or the model's own word.
    """

    points: tuple[Point, ...]
    start_name: str = ""
    end_name: str = ""
    name: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A circle; name and radius may be empty."""

    center: Point
    radius: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What a figure of geometry shows, and which characters ``[start, end)`` of the answer say so."""

    segments: tuple[Segment, ...] = ()
    circles: tuple[Circle, ...] = ()
    points: tuple[tuple[str, Point], ...] = ()
    """Named points at which no line ends."""
    others: tuple[tuple[str, str], ...] = ()
    """Whatever else the answer says, as keys and texts."""
    start: int = 0
    end: int = 0

    @property
    def text(self) -> str:
        """The drawing in words, a line of text for each of its parts."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for segment in self.segments:
            first, last, name = segment.start_name, segment.end_name, segment.name
            if first and last:
                first, last, name = "", "", f"{first}-{last}"
            start, *via, end = segment.points
            way = "".join(f" via {_place(point)}" for point in via)
            style = f", {segment.style}" if segment.style else ""
            yield f"{f'Line {name}'.strip()}{style}, from {_place(start, first)}{way} to {_place(end, last)}"
        for circle in self.circles:
            radius = f", radius {circle.radius}" if circle.radius else ""
            yield f"{f'Circle {circle.name}'.strip()}, center {_place(circle.center)}{radius}"
        for name, point in self.points:
            yield f"Point {_place(point, name)}"
        for key, text in self.others:
            yield f"{key}: {text}" if key else text


def read_drawing(text: str) -> Drawing | None:
    """Read the drawing in an answer, whole or cut off anywhere; None where there is none. Never raises."""
    key = _KEY.search(text) if len(text) <= LONGEST else None
    if key is None:
        return None
    starts = (text.find("{"), text.rfind("{", 0, key.start()), key.start())
    for start in dict.fromkeys(start for start in starts if 0 <= start <= key.start()):
        value, end = _read(text, start)
        found: defaultdict[str, list[_Value]] = defaultdict(list)
        _sort_in(value, "", found)
        drawing = _drawing(found, start, end)
        if drawing.segments or drawing.circles:
            return drawing
    return None


# From characters to values


@dataclass(slots=True)
class _Open:
    """A bracket that is not closed yet, with what it holds so far."""

    bracket: str
    items: list[_Value] = field(default_factory=list)
    entries: dict[str, _Value] = field(default_factory=dict)
    key: str | None = None
    goes_on: bool = False
    """Whether a string was last: two in a row are one, as in Python; models do not escape the quote in A'."""

    def add(self, value: _Value) -> None:
        if self.key is None:
            self.items.append(value)
        else:
            _merge(self.entries, self.key, value)
        self.key, self.goes_on = None, False

    def add_string(self, text: str) -> None:
        last = self.items[-1] if self.items and self.goes_on else None
        if isinstance(last, str) and len(last) <= _LONGEST_PART:
            self.items[-1] = last + text
        else:
            goes_on = self.key is None
            self.add(text)
            self.goes_on = goes_on

    def end_item(self, mark: str) -> None:
        """A comma, or the colon that makes the item a key."""
        self.goes_on = False
        if mark == ":" and self.bracket == "{" and self.items and isinstance(self.items[-1], str):
            self.key = str(self.items.pop())

    def closed(self) -> _Value:
        if self.bracket != "{":
            return self.items
        if self.key:
            self.items.append(self.key)  # of an answer that was cut off
        if self.items:
            _merge(self.entries, "", self.items)
        return self.entries


def _read(text: str, start: int) -> tuple[_Value, int]:
    """The value that begins at ``start``, and where it ends; brackets that are not closed end with the text."""
    opened: list[_Open] = [] if text[start] == "{" else [_Open("{")]
    end = len(text)
    for token in _TOKEN.finditer(text, start):
        mark = token["mark"] or ""
        if mark in _CLOSES.values():
            opened.append(_Open(mark))
            if len(opened) > DEEPEST:
                return "", start
        elif mark in _CLOSES and _close(opened, _CLOSES[mark]):
            end = token.end()
            break
        elif mark in (",", ":"):
            opened[-1].end_item(mark)
        elif token["text"]:
            opened[-1].add_string(_unquoted(token["text"]))
        elif token["word"]:
            opened[-1].add(token["word"])
    while len(opened) > 1:
        opened[-2].add(opened.pop().closed())
    return opened[0].closed(), end


def _close(opened: list[_Open], bracket: str) -> bool:
    """Close the innermost bracket of that kind and all within it; one that nobody opened is left out.

    Returns:
        Whether that was the outermost one.
    """
    if all(one.bracket != bracket for one in opened):
        return False
    while len(opened) > 1:
        inner = opened.pop()
        opened[-1].add(inner.closed())
        if inner.bracket == bracket:
            return False
    return True


def _merge(entries: dict[str, _Value], key: str, value: _Value) -> None:
    """Add an entry; one that is there already is kept beside the new one."""
    if key in entries:
        known = entries[key]
        value = [*(known if isinstance(known, list) else [known]), *(value if isinstance(value, list) else [value])]
    entries[key] = value


def _unquoted(text: str) -> str:
    quote = text[0]
    inner = text[1:-1] if len(text) > 1 and text[-1] == quote else text[1:]
    return inner.replace("\\" + quote, quote).strip()


def _shown(value: _Value) -> str:
    """A value in words: tuples of numbers as points, all else with commas."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(item)}" if key else _shown(item) for key, item in value.items())
    if isinstance(value, list):
        inner = ", ".join(_shown(item) for item in value)
        return f"({inner})" if len(value) in (2, 3) and all(isinstance(item, str) for item in value) else inner
    return value


# From values to lines and circles


def _sort_in(value: _Value, role: str, found: defaultdict[str, list[_Value]]) -> None:
    """Sort the leaves of a value by what their key stands for; another key is the name of what it leads to."""
    if isinstance(value, dict):
        for key, item in value.items():
            plain = "_".join(key.lower().replace("-", " ").replace("_", " ").split())
            if plain in _ROLES or not key or isinstance(item, dict):
                _sort_in(item, _ROLES.get(plain, role), found)
            else:
                found[role].append(f"{key}: {_shown(item)}")
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            _sort_in(item, role, found)
    else:
        found[role] += value if isinstance(value, list) else [value]


def _drawing(found: defaultdict[str, list[_Value]], start: int, end: int) -> Drawing:
    others: list[tuple[str, str]] = []
    named: list[tuple[str, Point]] = []
    for item in found.pop("points", ()):
        name, numbers = _named(item)
        if len(numbers) == 2:
            named.append((name, (numbers[0], numbers[1])))
        else:
            others.append(("Point", _shown(item)))
    names = {_key(point): name for name, point in named}
    segments = tuple(_segments(found, names, others))
    circles = tuple(_circles(found, others))
    used = {_key(point) for segment in segments for point in (segment.points[0], segment.points[-1])}
    others += [("", text) for items in found.values() for item in items if (text := _shown(item))]
    return Drawing(
        segments=segments,
        circles=circles,
        points=tuple((name, point) for name, point in named if _key(point) not in used),
        others=tuple(others),
        start=start,
        end=end,
    )


def _segments(
    found: defaultdict[str, list[_Value]], names: dict[Point, str], others: list[tuple[str, str]]
) -> Iterator[Segment]:
    for item, style in zip_longest(found.pop("lines", ()), found.pop("styles", ())):
        word = _shown(style) if style is not None else ""
        name, numbers = _named(item) if item is not None else ("", [])
        if len(numbers) < 4 or len(numbers) % 2:
            left = ", ".join(text for text in (_shown(item) if item is not None else "", word) if text)
            others += [("Line", left)] if left else []
            continue
        points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        yield Segment(
            points=points,
            start_name=names.get(_key(points[0]), ""),
            end_name=names.get(_key(points[-1]), ""),
            name=name,
            style=_STYLES.get(word.lower(), word),
        )


def _circles(found: defaultdict[str, list[_Value]], others: list[tuple[str, str]]) -> Iterator[Circle]:
    radii = found.pop("radii", [])
    for item, radius in zip_longest(found.pop("centers", []), radii):
        name, numbers = _named(item) if item is not None else ("", [])
        size = _shown(radius) if radius is not None else ""
        if len(numbers) == 2:
            yield Circle(center=(numbers[0], numbers[1]), radius=size, name=name)
        else:
            left = ", ".join(text for text in (_shown(item) if item is not None else "", size) if text)
            others += [("Circle", left)] if left else []
    for item in found.pop("circles", ()):
        name, numbers = _named(item)
        if len(numbers) in (2, 3):
            yield Circle(center=(numbers[0], numbers[1]), radius="".join(numbers[2:]), name=name)
        elif text := _shown(item):
            others.append(("Circle", text))


def _named(item: _Value) -> tuple[str, list[str]]:
    """The name before the last colon, and the numbers after it."""
    text = _shown(item)
    name, _, rest = text.rpartition(":")
    return name.strip(), [number.replace("\u2212", "-") for number in _NUMBER.findall(rest)]


def _key(point: Point) -> Point:
    """The same for two ways to write one place."""
    x, y = (f"{float(number):g}" for number in point)
    return x, y


def _place(point: Point, name: str = "") -> str:
    return f"{name} ({point[0]}, {point[1]})".strip()
