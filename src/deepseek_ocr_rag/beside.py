"""Pictures of figures in a markdown: links in lines of their own, which leave the text and go with what is beside them.

They are no text: nobody searches for a path, and where a picture lies must not decide what a chunk is.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from .chunking.parts import Part
from .document import Block, BlockKind
from .markdown import picture_markdown
from .syntax import BULLETS

_PICTURE = re.compile(r"^!\[Figure\]\(([^()<>\s]{1,4096})\)[ \t\r]*$", re.MULTILINE)
_LEADS = f" \t\n\r{BULLETS}"
"""What chunks leave out at the beginning of a block."""


class Pictures:
    """The pictures that a text may refer to: those that the metadata beside it lists, and others in their folders.

    A list that would be too long is cut, and what else a text says in these words is somebody else's.

    Args:
        images: The metadata's ``images``; anything else lists none.
    """

    def __init__(self, images: object) -> None:
        try:
            listed = json.loads(images) if images and isinstance(images, str) else None if images else []
        except (ValueError, RecursionError):
            listed = None
        self.are_ours = isinstance(listed, list)
        """Whether they are a list as we write it, or none at all."""
        self.listed = [image for image in listed if isinstance(image, str)] if isinstance(listed, list) else []
        self._images = {_written(image): image for image in self.listed}
        self._folders = {_folder(written): _folder(image) for written, image in self._images.items()}

    def known(self, written: str) -> str:
        """The path or address that stands in a link, or nothing for one that is not known."""
        folder = _folder(written)
        beside = self._folders[folder] + written[len(folder) :] if folder in self._folders else ""
        return self._images.get(written, beside)

    def taken_out(self, text: str) -> tuple[str, list[tuple[int, str]]]:
        """The text with blanks where known pictures stand, so that all else keeps its place, and those pictures."""
        pieces, found, at = list[str](), list[tuple[int, str]](), 0
        for match in _PICTURE.finditer(text) if self.listed else ():
            if image := self.known(match[1]):
                found.append((match.start(), image))
                pieces += (text[at : match.start()], " " * len(match[0]))
                at = match.end()
        return "".join([*pieces, text[at:]]), found


def _written(image: str) -> str:
    figure = Block(id="", kind=BlockKind.FIGURE, text="", page_number=1, image=image)
    return picture_markdown(figure).removeprefix("![Figure](").removesuffix(")")


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]


class Beside:
    """Which pictures of a text stand beside a part of it: between text, they are shown with both.

    Whether what follows is the figure's own text or its caption is not known, nor whether those before tell of it.

    Args:
        parts: All parts of the text, in order.
        pictures: Where pictures stand in it, in order.
    """

    def __init__(self, parts: Sequence[Part], pictures: Sequence[tuple[int, str]]) -> None:
        starts, ends = [_start(part) for part in parts], [part.end for part in parts]
        self._images = [image for _, image in pictures]
        places = [bisect_left(starts, at) for at, _ in pictures]
        self._before = [ends[place - 1] if place else 0 for place in places]
        """For each picture, where the text before it ends."""
        self._after = [starts[place] if place < len(starts) else ends[-1] + 1 if ends else 0 for place in places]
        """And where the text after it begins."""

    def images(self, start: int, end: int) -> list[str]:
        """The pictures that stand beside, or in, characters ``[start, end)`` of the text."""
        return self._images[bisect_left(self._after, start) : bisect_right(self._before, end)]


def _start(part: Part) -> int:
    own = part.text[part.start : part.end]
    return part.start + len(own) - len(own.lstrip(_LEADS))
