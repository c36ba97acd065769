"""Blocks written as markdown: one by one, a page of them, or a whole document as one text.

What a page or column break cut in two is written in one piece: paragraphs and list items by their joint, a table's
continuation as further rows of the same table, without the header that it repeats. A text is made of fragments, and
each says whose characters it has, so that a text and the places of its characters on the pages never disagree. Plain
text that would open something in markdown gets a backslash, which is nobody's character.

This stands below the types that it writes, since pages and documents offer their markdown themselves.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .joining import FLOWING, can_join, repeated_rows
from .syntax import (
    BULLETS,
    Edit,
    comment_edits,
    fence_around,
    has_empty_line,
    heading_edits,
    item_marker,
    plain_edits,
)

if TYPE_CHECKING:
    from .document import Block

__all__ = [
    "BULLETS",
    "HYPHENS",
    "Fragment",
    "block_markdown",
    "chains",
    "joined",
    "markdown_parts",
    "picture_markdown",
    "written",
]

HYPHENS = "-\u2010\xad"
"""What a word that is divided at a line's end may be divided with."""

_ENDS_A_LINK = re.compile(r"[\s()<>\\\x00-\x1f\x7f\ud800-\udfff]")
"""Characters of a path that would end the link to it."""

_IN_ONE_LINE = str.maketrans("\r\n", "  ")

_DEEPEST_LIST = 8
"""Items that stand deeper are written as deep as this."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Some characters of a text: those of ``block`` from ``start`` on, or markdown's own where there is no block."""

    text: str
    block: Block | None = None
    start: int = 0


# One block


def markdown_parts(block: Block) -> tuple[str, int, str]:
    """How a block is written in markdown: ``(prefix, start, suffix)`` around ``block.text[start:]``.

    The parts are kept apart so that a chunk can say which of its characters are the page's own. The picture of a
    figure is in none of them, see :func:`picture_markdown`.
    """
    if block.kind.is_heading:
        return "#" * min(6, max(1, block.level)) + " ", 0, ""
    if block.kind == "list_item":
        indent, marker = "  " * block.level, item_marker(block.text)
        if marker.is_bullet:
            return indent + "- ", marker.start, ""
        return indent if marker.text else indent + "- ", 0, ""
    if block.kind == "code":
        fence = fence_around([block.text])
        return f"{fence}\n", 0, f"\n{fence}"
    return "", 0, ""


def picture_markdown(block: Block) -> str:
    """The figure's picture as ``![Figure](path)``, or nothing where none was saved.

    It stands above the block's text on pages and in documents. In chunks it does not: what they say is embedded, and
    their ids would depend on where the pictures lie.
    """
    return f"![Figure]({_ENDS_A_LINK.sub(_percent, block.image)})" if block.image else ""


def block_markdown(block: Block) -> str:
    """A block as markdown, its picture first; empty where there is neither text nor picture."""
    return "".join(fragment.text for fragment in _written((block,), indent="  " * block.level))


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


# Many blocks


def chains(blocks: Iterable[Block]) -> Iterator[tuple[Block, ...]]:
    """What is written in one piece: every block, once, each with those right behind it that go on from it.

    Args:
        blocks: In the order in which they are read. Running heads and feet between two parts do not part them; they
            come alone, after both.
    """
    chain: list[Block] = []
    between: list[Block] = []
    for block in blocks:
        if block.kind.is_furniture and chain:
            between.append(block)
        elif chain and _goes_on(chain[-1], block):
            chain.append(block)
        else:
            if chain:
                yield tuple(chain)
            yield from ((one,) for one in between)
            chain, between = [block], []
    if chain:
        yield tuple(chain)
    yield from ((one,) for one in between)


def joined(chain: Sequence[Block], *, start: int = 0) -> Iterator[Fragment]:
    """The own characters of a chain, and what joins them; of the first block, those from ``start`` on.

    They are what the blocks say, but that headings are in one line, with a space for each of their newlines.
    """
    if chain[0].kind == "table":
        yield from _rows(chain)
        return
    between = ""
    for at, block in enumerate(chain):
        following = chain[at + 1] if at + 1 < len(chain) else None
        is_code = block.kind == "code"
        begin = start if at == 0 else 0 if is_code else len(block.text) - len(block.text.lstrip())
        end = len(block.text) if following is None or is_code else _end(block, following)
        yield Fragment(between)
        if begin < end:
            text = block.text[begin:end]
            yield Fragment(text.translate(_IN_ONE_LINE) if block.kind.is_heading else text, block, begin)
        between = "\n" if is_code else " " if following is not None and following.joint == "space" else ""


def written(blocks: Iterable[Block], *, marks: Sequence[int] = ()) -> Iterator[Fragment]:
    """Blocks as markdown, without running heads and feet.

    Args:
        blocks: In the order in which they are read.
        marks: Pages to mark, ascending: each with a comment such as ``<!-- page 3 -->``, a paragraph of its own before
            the first block that begins on that page. None stands within what goes on over pages: of a page on which
            nothing begins, the mark follows, before the next one.
    """
    ahead = deque(marks)
    gap = ""
    nesting = _Nesting()
    for chain in chains(blocks):
        head = chain[0]
        if head.kind.is_furniture or (_is_blank(chain) and not head.image):
            continue
        is_item = head.kind == "list_item" and not head.image
        if not is_item or (ahead and ahead[0] <= head.page_number):
            nesting = _Nesting()
        while ahead and ahead[0] <= head.page_number:
            yield Fragment(f"{gap}<!-- page {ahead.popleft()} -->")
            gap = "\n\n"
        between, indent = nesting.place(head) if is_item else ("", "")
        yield Fragment(between or gap)
        yield from _written(chain, indent=indent)
        gap = "\n\n"
    for number in ahead:
        yield Fragment(f"{gap}<!-- page {number} -->")
        gap = "\n\n"


@dataclass(slots=True)
class _Nesting:
    """The items of a list that are open, from the outermost: their levels, and where what they hold is to stand."""

    open: list[tuple[int, int]] = field(default_factory=list)

    def place(self, item: Block) -> tuple[str, str]:
        """What stands between the next item and the one before, if there is one, and its indentation.

        The first of a list has none, however deep it stood on its page.
        """
        between = "\n" if self.open else ""
        depth = len(self.open)
        while self.open and (self.open[-1][0] >= item.level or len(self.open) > _DEEPEST_LIST):
            self.open.pop()
        marker = item_marker(item.text)
        if between and len(self.open) == depth and marker.is_number and int(marker.text[:-1]) != 1:
            between = "\n\n"  # or it would be text of the item above: only a 1 opens a list right below text
        column = self.open[-1][1] if self.open else 0
        self.open.append((item.level, column + _item_width(item)))
        return between, " " * column


def _item_width(item: Block) -> int:
    """How far what belongs to an item is indented: by its marker, and four for numbers, as most readers want it."""
    marker = item_marker(item.text)
    return max(4, len(marker.text) + 1) if marker.is_number else 2


def _is_blank(chain: Sequence[Block]) -> bool:
    """Whether there is nothing to write: white space, or a bullet without words."""
    text = chain[0].text
    if len(chain) > 1 or chain[0].kind != "list_item":
        return len(chain) == 1 and not text.strip()
    marker = item_marker(text)
    return not marker.is_number and not text[marker.start :].strip()


def _written(chain: Sequence[Block], *, indent: str = "") -> Iterator[Fragment]:
    """A chain as markdown; ``indent`` is that of a list item."""
    head = chain[0]
    picture = picture_markdown(head)
    if _is_blank(chain):
        yield Fragment(picture)
        return
    yield Fragment(picture + "\n\n" if picture else "")
    if head.kind == "list_item":
        yield from _written_item(chain, indent)
    elif head.kind == "code":
        fence = fence_around(block.text for block in chain)
        yield Fragment(f"{fence}\n")
        yield from joined(chain)
        yield Fragment(f"\n{fence}")
    elif head.kind.is_heading:
        yield Fragment(markdown_parts(head)[0])
        yield from _edited(joined(chain), heading_edits)
    else:
        yield from _edited(joined(chain), plain_edits if head.kind in FLOWING else comment_edits)


def _written_item(chain: Sequence[Block], indent: str) -> Iterator[Fragment]:
    """A list item with its own marker where markdown knows it; what follows an empty line is indented."""
    head = chain[0]
    marker = item_marker(head.text)
    words = list(joined(chain, start=marker.start))
    yield Fragment(indent if marker.text and not marker.is_bullet else f"{indent}- ")
    if marker.text and not marker.is_bullet:
        yield Fragment(marker.text, head, head.text.index(marker.text))
        yield Fragment(" ")
    is_long = has_empty_line("".join(fragment.text for fragment in words))
    deeper = indent + " " * _item_width(head) if is_long else ""
    yield from _edited(words, lambda text: plain_edits(text, in_list=True, indent=deeper))


def _edited(fragments: Iterable[Fragment], find: Callable[[str], Iterable[Edit]]) -> Iterator[Fragment]:
    """Fragments with the edits that are found for their text; what is written there is nobody's."""
    given = list(fragments)
    edits = deque(find("".join(fragment.text for fragment in given)))
    at = 0
    for fragment in given:
        begin, end = at, at + len(fragment.text)
        while edits and edits[0].start < end:
            edit = edits[0]
            if edit.start >= begin:
                yield from _cut(fragment, at - begin, edit.start - begin)
                yield Fragment(edit.text)
            at = min(edit.end, end)
            if edit.end > end:
                break  # the next fragment begins with the rest of it
            edits.popleft()
        yield from _cut(fragment, at - begin, end - begin)
        at = end


def _cut(fragment: Fragment, start: int, end: int) -> Iterator[Fragment]:
    if start < end:
        yield Fragment(fragment.text[start:end], fragment.block, fragment.start + start)


def _goes_on(last: Block, block: Block) -> bool:
    """Whether ``block`` goes on from ``last`` in a way that can be written in one piece."""
    return bool(block.continues) and block.continues == last.id and can_join(last, block)


def _end(block: Block, following: Block) -> int:
    """Where a block's text ends when another one follows in the same line."""
    text = block.text.rstrip()
    return len(text) - (following.joint == "hyphen" and text[-1:] in HYPHENS)


def _rows(chain: Sequence[Block]) -> Iterator[Fragment]:
    """One table: what follows the first part is its rows, without their rule and the header that they repeat."""
    yield Fragment(chain[0].text, chain[0])
    for block in chain[1:]:
        ends = [match.start() for match in re.finditer(r"\n|\Z", block.text)]
        header = repeated_rows(block.table) if block.table is not None else 0
        # The rule stands below the first row, whether that is a header or not.
        spans = [(0, ends[0])] if header == 0 else []
        spans += [(ends[max(1, header)] + 1, ends[-1])] if len(ends) > max(1, header) + 1 else []
        for start, end in spans:
            yield Fragment("\n")
            yield Fragment(block.text[start:end], block, start)
