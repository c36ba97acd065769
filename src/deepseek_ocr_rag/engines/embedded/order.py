"""Reading order of boxes on a page: columns are read one after the other, bands across the page one below the other.

A recursive cut. A white gap from top to bottom separates columns. Where there is none, white gaps from left to right
make bands; neighbouring bands are brought together again while a column gap runs through all of them, so that
paragraphs that happen to end at the same height in both columns do not tear the columns apart.
"""

from __future__ import annotations

from collections.abc import Sequence

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1 in any unit, origin top left."""


def reading_order(boxes: Sequence[Rect], *, gap: float) -> list[int]:
    """Put boxes into reading order (left to right, top to bottom) and return their indices.

    Args:
        boxes: The boxes of one page's text.
        gap: The narrowest white space that counts as a column gap, in the unit of the boxes.
    """
    return _order(list(range(len(boxes))), boxes, gap)


def _order(members: list[int], boxes: Sequence[Rect], gap: float) -> list[int]:
    if len(members) < 2:
        return members
    columns = _cut(members, boxes, axis=0, gap=gap)
    if len(columns) > 1:
        return [index for column in columns for index in _order(column, boxes, gap)]
    bands = _join_bands(_cut(members, boxes, axis=1, gap=0.0), boxes, gap)
    if len(bands) > 1:
        return [index for band in bands for index in _order(band, boxes, gap)]
    # Boxes that overlap each other both ways: the upper one first, and of two on a level the left one.
    return sorted(members, key=lambda index: (boxes[index][1], boxes[index][0]))


def _cut(members: list[int], boxes: Sequence[Rect], *, axis: int, gap: float) -> list[list[int]]:
    """Split at the white gaps along one axis; along the height, boxes may overlap by a tenth of their size."""
    parts: list[list[int]] = []
    reach = float("-inf")
    for index in sorted(members, key=lambda member: boxes[member][axis]):
        start, end = boxes[index][axis], boxes[index][axis + 2]
        slack = 0.1 * (end - start) if axis else 0.0
        if parts and start + slack < reach + gap:
            parts[-1].append(index)
        else:
            parts.append([index])
        reach = max(reach, end - slack)
    return parts


def _join_bands(bands: list[list[int]], boxes: Sequence[Rect], gap: float) -> list[list[int]]:
    joined: list[list[int]] = []
    for band in bands:
        if joined and len(_cut(joined[-1] + band, boxes, axis=0, gap=gap)) > 1:
            joined[-1] = joined[-1] + band
        else:
            joined.append(band)
    return joined
