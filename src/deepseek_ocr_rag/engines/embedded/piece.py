"""What the text layer and OCR have in common: a word in its place. Whoever needs no more does without PyMuPDF."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A word (or an OCR word) in points of the page that it was read from, origin top left."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    line: int
    """Pieces of the same number were written as one line."""
    block: int
    bold: bool = False
    mono: bool = False
    is_placed: bool = True
    """Whether the box is the word's own, and not a share of its line's."""

    @property
    def middle(self) -> tuple[float, float]:
        """Centre of the piece."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2
