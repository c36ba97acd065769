"""What a file says of itself: its title and its bookmarks, which may say anything and lead anywhere.

What the libraries say of a file when they fail is of this kind, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from .document import OutlineEntry
from .errors import SourceTooLarge
from .limits import Limits

LONGEST_OUTLINE = 20_000
LONGEST_ENTRY = 500
LONGEST_COMPLAINT = 200


def outline(entries: Iterable[tuple[int, str, int]], *, page_count: int) -> Iterator[OutlineEntry]:
    """The bookmarks that say something and lead to a page, of levels, titles and page numbers."""
    for level, title, page_number in entries:
        text = " ".join(printable(title, instead=" ").split())[:LONGEST_ENTRY]
        if text and 1 <= page_number <= page_count:
            yield OutlineEntry(level=level, title=text, page_number=page_number)


def printable(text: str, *, instead: str = "") -> str:
    """The text without control characters and the like."""
    return "".join(char if char.isprintable() else instead for char in text)


def complaint(error: BaseException, *, path: Path | None = None, name: str = "") -> str:
    """What an error of somebody else's library says, in one line; the user knows the file by its name, not its path."""
    lines = str(error).strip().splitlines()
    said = lines[0] if lines else type(error).__name__
    return (said.replace(str(path), name) if path is not None else said)[:LONGEST_COMPLAINT]


def check_size(width: float, height: float, *, limits: Limits, name: str, page_number: int | None = None) -> None:
    """Refuse to draw, or to open, so many pixels.

    Raises:
        SourceTooLarge: If they are more than the limit.
    """
    if width * height > limits.max_pixels:
        raise SourceTooLarge(
            f"{width:.0f} x {height:.0f} pixels are more than {limits.max_pixels}.",
            source=name,
            page_number=page_number,
            hint="Ask for a smaller picture, or raise max_pixels=...",
        )
