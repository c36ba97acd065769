"""Blocks written as markdown: one by one, a page of them, or a whole document as one text.

What a page or column break cut in two is written in one piece: paragraphs and list items by their joint, a table's
continuation as further rows of the same table, without the header that it repeats. A text is made of fragments, and
each says whose characters it has, so that a text and the places of its characters on the pages never disagree.

This stands below the types that it writes, since pages and documents offer their markdown themselves.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .document import Block

BULLETS = "•◦▪▫‣·●○■□◆➢➤✓"

HYPHENS = "-\u2010\xad"
"""What a word that is divided at a line's end may be divided with."""

_ENDS_A_LINK = re.compile(r"[\s()<>\\\x00-\x1f\x7f\ud800-\udfff]")
"""Characters of a path that would end the link to it."""

_FLOWING = frozenset({"paragraph", "list_item", "footnote", "caption", "other"})
"""Kinds that may be parts of one text: engines call the rest of a list item on the next page a paragraph."""

_JOINED = _FLOWING | {"title", "heading", "table", "code"}

_RULE = re.compile(r"[^\n]*\n\|(?:---\|)+(?=\n|\Z)")
_NOT_A_ROW = re.compile(r"(?:\A|\n)(?!\|)")


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
        indent = "  " * block.level
        if block.text[:1] in BULLETS and block.text:
            return indent + "- ", len(block.text) - len(block.text[1:].lstrip()), ""
        marked = block.text[:2] in ("- ", "* ", "+ ") or block.text[:3].rstrip(".) ").isdigit()
        return indent if marked else indent + "- ", 0, ""
    if block.kind == "code":
        return "```\n", 0, "\n```"
    return "", 0, ""


def picture_markdown(block: Block) -> str:
    """The figure's picture as ``![Figure](path)``, or nothing where none was saved.

    It stands above the block's text on pages and in documents. In chunks it does not: what they say is embedded, and
    their ids would depend on where the pictures lie.
    """
    return f"![Figure]({_ENDS_A_LINK.sub(_percent, block.image)})" if block.image else ""


def block_markdown(block: Block) -> str:
    """A block as markdown, its picture first; empty where there is neither text nor picture."""
    return "".join(fragment.text for fragment in _written((block,)))


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
    """The own characters of a chain, and what joins them; of the first block, those from ``start`` on."""
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
            yield Fragment(block.text[begin:end], block, begin)
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
    for chain in chains(blocks):
        head = chain[0]
        if head.kind.is_furniture or not (head.text or head.image):
            continue
        while ahead and ahead[0] <= head.page_number:
            yield Fragment(f"{gap}<!-- page {ahead.popleft()} -->")
            gap = "\n\n"
        yield Fragment(gap)
        yield from _written(chain)
        gap = "\n\n"
    for number in ahead:
        yield Fragment(f"{gap}<!-- page {number} -->")
        gap = "\n\n"


def _written(chain: Sequence[Block]) -> Iterator[Fragment]:
    head = chain[0]
    picture = picture_markdown(head)
    yield Fragment(picture + ("\n\n" if picture and head.text else ""))
    if head.text:
        prefix, start, suffix = markdown_parts(head)
        yield Fragment(prefix)
        yield from joined(chain, start=start)
        yield Fragment(suffix)


def _goes_on(last: Block, block: Block) -> bool:
    """Whether ``block`` goes on from ``last`` in a way that can be written in one piece."""
    if not block.continues or block.continues != last.id or not (last.text.strip() and block.text.strip()):
        return False
    if block.kind != last.kind and not {block.kind, last.kind} <= _FLOWING:
        return False
    if block.kind != "table":
        return block.kind in _JOINED
    if last.table is None or block.table is None or last.table.columns != block.table.columns:
        return False
    return all(_RULE.match(one.text) and not _NOT_A_ROW.search(one.text) for one in (last, block))


def _end(block: Block, following: Block) -> int:
    """Where a block's text ends when another one follows in the same line."""
    text = block.text.rstrip()
    return len(text) - (following.joint == "hyphen" and text[-1:] in HYPHENS)


def _rows(chain: Sequence[Block]) -> Iterator[Fragment]:
    """One table: what follows the first part is its rows, without their rule and the header that they repeat."""
    yield Fragment(chain[0].text, chain[0])
    for block in chain[1:]:
        ends = [match.start() for match in re.finditer(r"\n|\Z", block.text)]
        header = max(1, block.table.header_rows) if block.table is not None and block.table.repeats_header else 0
        # The rule stands below the first row, whether that is a header or not.
        spans = [(0, ends[0])] if header == 0 else []
        spans += [(ends[max(1, header)] + 1, ends[-1])] if len(ends) > max(1, header) + 1 else []
        for start, end in spans:
            yield Fragment("\n")
            yield Fragment(block.text[start:end], block, start)
