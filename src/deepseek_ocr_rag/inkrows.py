"""Where rows of ink stand in given places of a page, found on its picture without reading any of it.

Specks are filtered out, slanting rows are levelled by shifting columns (so that what is left and right stays), and
rules are told from letters by their length. What is left lies in bands: those that touch are cut where they are
thinnest, dots and accents go to the letters that they belong to. Runs inside the worker.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import median_high
from typing import TYPE_CHECKING, Any

from .geometry import PAGE_BOX, Box, bounding_box
from .ink import find_ink, find_lines, without_specks
from .levelling import levelled, slope_of
from .recognition import Inked, InkRow

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    Pixels = np.ndarray[Any, Any]

    Band = tuple[int, int]
    Place = tuple[float, float, float, float]

MARGIN = 0.007
"""How far over a place's edges ink is looked for, in fractions of the page: models are off by about 5/1000."""

AROUND = 0.06
"""How far around places ink is found: as far as slanting rows reach, and more than the margin."""

STRIP = 120
"""Pixels of the strips in which a line's height is measured: few descenders meet the line below there."""

RULE = 0.06
"""A run of ink that is as long as this share of the page's longer side is a rule."""

THIN = 0.45
"""A band lower than this share of a line's height is a part of one: dots, accents, underlines."""

TALL = 1.6
"""A band higher than so many lines is more than one."""

FAINT, SPARSE = 0.2, 0.5
"""A band with less of a line's ink, which covers less of its own width, is vowels or accents of the lines beside it."""

GAP = 0.1
"""Columns without ink are a gap from this share of a line's height on."""


def part_around(boxes: Sequence[Box]) -> Box | None:
    """The part of the page that has to be seen to tell what is in ``boxes``; None where there are none."""
    hull = bounding_box(boxes)
    if hull is None:
        return None
    return Box.from_fractions(hull.left - AROUND, hull.top - AROUND, hull.right + AROUND, hull.bottom + AROUND)


def find_rows(picture: Image.Image, boxes: Sequence[Box], *, part: Box = PAGE_BOX) -> tuple[Inked, ...]:
    """The rows of ink in each of ``boxes``, in their order.

    Args:
        picture: A part of the upright page, at about 150 dpi.
        boxes: Places on that page, with text in one column.
        part: Which part it is, at least :func:`part_around` the boxes.
    """
    frame = _Frame(part, picture.width, picture.height)
    ink = find_ink(without_specks(picture), page_size=frame.page_size)
    places = [frame.pixels(box) for box in boxes]
    slope = slope_of(_only_in(ink, places))
    level, above = levelled(ink, slope)
    return tuple(_Place(level, place, frame, slope=slope, above=above).inked() for place in places)


class _Frame:
    """Where the pixels of a part of the page stand on the page."""

    def __init__(self, part: Box, width: int, height: int) -> None:
        self._across, self._down = width / max(part.width, 1e-6), height / max(part.height, 1e-6)
        self._left, self._top = part.left * self._across, part.top * self._down

    @property
    def page_size(self) -> tuple[float, float]:
        """Pixels that the whole page would have."""
        return self._across, self._down

    def pixels(self, box: Box) -> Place:
        """Left, top, right and bottom of a place, in pixels of the part."""
        left, top, right, bottom = box.to_size(width=self._across, height=self._down)
        return left - self._left, top - self._top, right - self._left, bottom - self._top

    def across(self, pixel: float) -> float:
        """A column, in fractions of the page."""
        return round((pixel + self._left) / self._across, 5)

    def down(self, pixel: float, slope: float) -> float:
        """A row that falls so and stands here at the part's left edge, in fractions of the page at the page's."""
        return round((pixel + self._top - slope * self._left) / self._down, 5)

    def slope(self, slope: float) -> float:
        """What falls so for each pixel, in fractions of the page."""
        return round(slope * self._across / self._down, 6)


def _only_in(ink: Pixels, places: Sequence[Place]) -> Pixels:
    import numpy as np

    kept = np.zeros_like(ink)
    for place in places:
        left, top, right, bottom = (max(0, round(side)) for side in place)
        kept[top:bottom, left:right] = ink[top:bottom, left:right]
    return kept


# --- one place --------------------------------------------------------------------------------------------------------


class _Place:
    """The ink in and around one place of a levelled part of the page."""

    def __init__(self, level: Pixels, place: Place, frame: _Frame, *, slope: float, above: int) -> None:
        self._frame, self._slope, self._above = frame, slope, above
        self._longest = max(frame.page_size)
        left, top, right, bottom = place
        # The box around slanting text is higher than the text.
        tilt = min(abs(slope) * (right - left), 0.5 * (bottom - top))
        middle = (top + bottom) / 2 - slope * (left + right) / 2 + above
        margin = math.ceil(MARGIN * self._longest)
        half = (bottom - top - tilt) / 2
        self._x0, self._x1 = max(0, math.floor(left) - margin), min(level.shape[1], math.ceil(right) + margin)
        self._y0 = max(0, math.floor(middle - half) - margin)
        self._y1 = min(level.shape[0], math.ceil(middle + half) + margin)
        self._inner = (middle - half - self._y0, middle + half - self._y0)
        self._sides = (max(0, math.floor(left) - self._x0), math.ceil(right) - self._x0)
        self._ink = level[self._y0 : self._y1, self._x0 : self._x1]

    def inked(self) -> Inked:
        """What is there."""
        import numpy as np

        if min(self._ink.shape) < 3 or self._sides[0] >= self._sides[1]:
            return Inked()
        rules, letters = self._without_rules()
        profile: Pixels = np.asarray(letters.sum(axis=1), dtype=np.float64)
        height = _line_height(letters)
        bands = _split(letters, _bands(profile, _floor(letters.shape[1])), height)
        bands = _merged([band for band in bands if self._holds(band)], profile)
        rows = [row for band in bands if (row := self._row(letters, band)) is not None]
        return Inked(rows=tuple(rows), rules=tuple(map(self._down, rules)), slope=self._frame.slope(self._slope))

    def _without_rules(self) -> tuple[list[float], Pixels]:
        """The heights of horizontal rules, and the ink without rules of either way."""
        import numpy as np

        longest = RULE * self._longest
        height, width = self._ink.shape
        lying = _runs(self._ink, math.ceil(min(longest, 0.9 * width)))
        standing = _runs(self._ink.T, math.ceil(min(longest, 0.8 * height))).T
        share: Pixels = np.asarray(lying[:, self._sides[0] : self._sides[1]].mean(axis=1))
        rules = [(top + bottom) / 2 for top, bottom in _bands(share, 0.5)]
        return rules, self._ink & ~lying & ~standing

    def _holds(self, band: Band) -> bool:
        """Whether a band is the box's own and not a neighbour's, of which the margin shows a part."""
        top, bottom = self._inner
        shared = min(band[1], bottom) - max(band[0], top)
        return bool(shared >= 0.5 * (band[1] - band[0]))

    def _row(self, letters: Pixels, band: Band) -> InkRow | None:
        import numpy as np

        height = band[1] - band[0]
        columns: Pixels = np.asarray(letters[band[0] : band[1]].any(axis=0), dtype=np.float64)
        runs = _bands(columns, 0.5)
        inside = [at for at, (left, right) in enumerate(runs) if left < self._sides[1] and right > self._sides[0]]
        if not inside:
            return None
        first, last = inside[0], inside[-1]
        while first > 0 and runs[first][0] - runs[first - 1][1] < 0.35 * height:
            first -= 1
        while last < len(runs) - 1 and runs[last + 1][0] - runs[last][1] < 0.35 * height:
            last += 1
        kept = runs[first : last + 1]
        wide = [(one[1], other[0]) for one, other in itertools.pairwise(kept) if other[0] - one[1] >= GAP * height]
        return InkRow(
            left=self._across(kept[0][0]),
            right=self._across(kept[-1][1]),
            top=self._down(band[0]),
            bottom=self._down(band[1]),
            gaps=tuple(self._across(side) for gap in wide for side in gap),
        )

    def _across(self, pixel: float) -> float:
        return self._frame.across(pixel + self._x0)

    def _down(self, pixel: float) -> float:
        return self._frame.down(pixel + self._y0 - self._above, self._slope)


def _runs(ink: Pixels, length: int) -> Pixels:
    """The ink that lies in runs of at least ``length`` along a row."""
    import numpy as np

    found = np.zeros_like(ink)
    if length > ink.shape[1]:
        return found
    total = np.concatenate((np.zeros((ink.shape[0], 1), dtype=np.int32), ink.cumsum(axis=1, dtype=np.int32)), axis=1)
    rows, starts = np.nonzero(total[:, length:] - total[:, :-length] == length)
    for row in np.unique(rows).tolist():
        own = starts[rows == row]
        steps = np.zeros(ink.shape[1] + 1, dtype=np.int32)
        np.add.at(steps, own, 1)
        np.add.at(steps, own + length, -1)
        found[row] = steps[:-1].cumsum() > 0
    return found


# --- bands ------------------------------------------------------------------------------------------------------------


def _floor(width: int) -> float:
    """Pixels of ink from which on a row has some: a last line may be one short word."""
    return 1.5 + 0.003 * width


def _bands(profile: Pixels, floor: float) -> list[Band]:
    """Runs of a profile that are over ``floor``."""
    import numpy as np

    steps = np.diff(np.concatenate(([False], profile > floor, [False])).astype(np.int8))
    return [
        (int(top), int(end)) for top, end in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    ]


def _line_height(letters: Pixels) -> float:
    """The usual height of a line's ink; 0 where there is none that looks like text."""
    return _median([line.height for line in find_lines(letters, STRIP)])


def _split(letters: Pixels, bands: Sequence[Band], height: float) -> list[Band]:
    """Bands with those that hold several lines cut where they are thin."""
    usual = height or _median([bottom - top for top, bottom in bands])
    found: list[Band] = []
    for top, bottom in bands:
        found += _cut(letters, (top, bottom), usual) if bottom - top > TALL * usual else [(top, bottom)]
    return found


def _cut(letters: Pixels, band: Band, height: float) -> list[Band]:
    """Raise the water in a tall band until its lines stand apart; each gets what lies up to the thinnest place."""
    top, bottom = band
    rows = letters[top:bottom]
    part: Pixels = rows.sum(axis=1)
    for share in (0.08, 0.15, 0.25, 0.35, 0.45):
        cores = [core for core in _bands(part, share * float(part.max())) if core[1] - core[0] >= 0.25 * height]
        cores = _without_marks(cores, rows)
        if len(cores) > 1 and max(core[1] - core[0] for core in cores) <= TALL * height:
            cuts = [one[1] + int(part[one[1] : other[0]].argmin()) for one, other in itertools.pairwise(cores)]
            edges = [top, *(top + cut for cut in cuts), bottom]
            return list(itertools.pairwise(edges))
    return [band]


def _without_marks(cores: Sequence[Band], rows: Pixels) -> list[Band]:
    """Those that are lines: vowels and accents over and under the letters make bands of little ink, far apart."""
    import numpy as np

    ink = [float(rows[top:bottom].sum()) for top, bottom in cores]
    lines: list[Band] = []
    for (top, bottom), own in zip(cores, ink, strict=True):
        columns = np.flatnonzero(rows[top:bottom].any(axis=0))
        is_sparse = len(columns) < SPARSE * (columns[-1] - columns[0] + 1)
        if not is_sparse or own >= FAINT * max(ink):
            lines.append((top, bottom))
    return lines


def _merged(bands: Sequence[Band], profile: Pixels) -> list[Band]:
    """Bands with thin ones joined to the nearer neighbour; lone specks go."""
    if not bands:
        return []
    ink = [float(profile[top:bottom].sum()) for top, bottom in bands]
    usual = _median(
        [bottom - top for (top, bottom), amount in zip(bands, ink, strict=True) if amount >= 0.2 * max(ink)]
    )
    joined: list[Band] = []
    wait: Band | None = None
    for at, (top, bottom) in enumerate(bands):
        start, wait = (wait[0] if wait else top), None
        if bottom - start >= THIN * usual:
            joined.append((start, bottom))
            continue
        above = start - joined[-1][1] if joined else math.inf
        below = bands[at + 1][0] - bottom if at + 1 < len(bands) else math.inf
        if min(above, below) > 0.5 * usual:
            if ink[at] >= 0.02 * max(ink):
                joined.append((start, bottom))
        elif above <= below:
            joined[-1] = (joined[-1][0], bottom)
        else:
            wait = (start, bottom)
    return joined


def _median(values: Sequence[float]) -> float:
    return float(median_high(values)) if values else 0.0
