"""What numbers in documents may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the largest number that a field takes, written as ``Annotated[int, Range(1)]``."""

    least: int
    most: int | None = None
