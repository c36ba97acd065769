"""Which caption belongs to which table or figure, and which text a figure without words stands with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .document import Block, BlockKind, markdown_parts


def captions_of(blocks: Sequence[Block]) -> dict[int, int]:
    """The captions of a page's tables and figures, both as their places among ``blocks``.

    A caption stands right above or below. One between two of them belongs to the one above, unless that one has a
    caption above it already; figures without text in a row share theirs.
    """
    found: dict[int, int] = {}
    taken: set[int] = set()
    at = 0
    while at < len(blocks):
        end = at + 1
        if not _is_shown(blocks, at):
            at = end
            continue
        while _is_silent(blocks, end - 1) and _is_silent(blocks, end):
            end += 1
        above = at - 1 if _is_caption(blocks, at - 1) and at - 1 not in taken else None
        below = end if _is_caption(blocks, end) else None
        chosen = below if above is None or (below is not None and not _is_shown(blocks, end + 1)) else above
        if chosen is not None:
            taken.add(chosen)
            found |= dict.fromkeys(range(at, end), chosen)
        at = end
    return found


def hosts(blocks: Sequence[Block]) -> dict[int, int]:
    """Where figures without text belong: to their caption, else to the text before them, else to that after them.

    Both are places among ``blocks``. Where nothing on the page says anything, they belong nowhere.
    """
    body = [at for at, block in enumerate(blocks) if not block.kind.is_furniture]
    captions = captions_of([blocks[at] for at in body])
    last = next((at for at in body if blocks[at].text.strip()), None)
    found: dict[int, int] = {}
    for place, at in enumerate(body):
        if not _is_silent(blocks, at):
            last = at if blocks[at].text.strip() else last
        elif last is not None:
            found[at] = body[captions[place]] if place in captions else last
    return found


def images_shown(blocks: Sequence[Block], spans: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """The pictures of a page's figures that stand with a text.

    Those of which it has some characters, and those without any where it has the end next to them of what they belong
    to.

    Args:
        blocks: The blocks of the page.
        spans: For each block of which the text shows something, by id, from where to where.
    """
    if not any(block.image for block in blocks):
        return
    places = hosts(blocks)
    for at, block in enumerate(blocks):
        host = blocks[places.get(at, at)]
        if not block.image or host.id not in spans:
            continue
        start, end = spans[host.id]
        if places.get(at, at) < at:
            is_shown = end >= len(host.text.rstrip())
        else:
            is_shown = host is block or not host.text[markdown_parts(host)[1] : start].strip()
        if is_shown:
            yield block.image


def _is_shown(blocks: Sequence[Block], at: int) -> bool:
    return at < len(blocks) and blocks[at].kind in (BlockKind.TABLE, BlockKind.FIGURE)


def _is_silent(blocks: Sequence[Block], at: int) -> bool:
    return at < len(blocks) and blocks[at].kind is BlockKind.FIGURE and not blocks[at].text.strip()


def _is_caption(blocks: Sequence[Block], at: int) -> bool:
    return 0 <= at < len(blocks) and blocks[at].kind is BlockKind.CAPTION
