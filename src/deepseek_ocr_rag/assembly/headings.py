"""Headings of a whole document, page by page: which lines are headings, and how deep each of them stands.

A heading's level is the number of headings that are open above it, by their ranks; no level is left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..document import Block, BlockKind, OutlineEntry, Page
from ..geometry import bounding_box
from .headlines import LONGEST_PLAIN, can_be_headline, doubt_of, has_stop, is_lead_in, kind_instead, label_of
from .looks import Look, Looks
from .numbering import Number, Numbers, number_of, without_number
from .outline import named_blocks
from .ranks import STEP, Rank, Ranks

LARGER = 1.1
"""Letters of this many times the text's size stand out."""

SAME_AS_TEXT = 1.05
"""Up to this many times the text's size they do not."""

LABEL_TIMES = 3
"""What stands this often above texts, in letters of their size, is a label in a form and heads nothing."""

MOST_LABELS = 4096
ROW, ROW_OF_TEXT = 2, 1
"""More headings of one look than these, with nothing between them, are a list: of letters larger than the text's, and
of others."""

NEAR = 3
"""Blocks before and after one, in reading order, that may stand beside it in a form or a table."""

INVISIBLE = 0.3
"""Letters of less than this share of the text's size are not there for readers."""

LEAST_TEXT = 80
"""Sentences of more characters than this are text that no title stands under."""

_CAN_BE_HEADING = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.OTHER})


@dataclass(slots=True, kw_only=True)
class _Line:
    """A block that is a heading as far as is known, with the evidence."""

    at: int
    block: Block
    look: Look
    number: Number | None
    entry: OutlineEntry | None


@dataclass(slots=True, kw_only=True)
class _Open:
    """A heading under which the next one may stand."""

    rank: Rank
    id: str
    look: Look
    is_numbered: bool
    is_part: bool = False


class Levels:
    """Decides on headings, given the pages in order: each is seen some pages before it is settled.

    What is decided on a page depends only on the pages seen by then. Documents shorter than that distance are decided
    on as a whole.
    """

    def __init__(self, outline: Sequence[OutlineEntry] = ()) -> None:
        self._outline: defaultdict[int, list[OutlineEntry]] = defaultdict(list)
        for entry in outline:
            self._outline[entry.page_number].append(entry)
        self._found: dict[int, dict[int, OutlineEntry]] = {}
        self._looks = Looks()
        self._numbers = Numbers()
        self._repeats: Counter[str] = Counter()
        self._ranks = Ranks()
        self._open: list[_Open] = []
        self._is_counting = False
        self._title = ""
        self._is_begun = False
        self._bare: _Open | None = None
        """A heading of a number alone with nothing behind it yet: what comes next is its second line."""

    def see(self, page: Page) -> None:
        """Take in the evidence of a page; its running heads and feet are marked already."""
        named = self._found[page.number] = self._named(page)
        for block in page.blocks:
            self._looks.count_text(block)
        for at, block in enumerate(page.blocks):
            if block.kind.is_furniture or not block.text.strip():
                continue
            if block.kind.is_heading or at in named:
                self._looks.of(block).count_doubt(block.text)
                if at in named or self._kind_instead(block) is None:
                    self._count(block, named.get(at))
            elif block.kind in _CAN_BE_HEADING and can_be_headline(block.text):
                self._looks.of(block).plain += 1
                self._numbers.count_text(block.text)

    def settled(self, page: Page) -> Page:
        """The page with its headings and their levels, and with the section of every block."""
        named = self._found.pop(page.number, {})
        changed = list(page.blocks)
        lines: list[_Line] = []
        for at, block in enumerate(page.blocks):
            kind = self._kind(at, page.blocks, is_named=at in named)
            if kind.is_heading:
                number = self._number(block.text)
                lines.append(_Line(at=at, block=block, look=self._looks.of(block), number=number, entry=named.get(at)))
            elif block.kind.is_heading:
                changed[at] = replace(block, kind=kind, level=0)
        lines = self._without_rows(lines, changed)
        placed = {line.at: line for line in self._begun(lines, changed)}
        for at, block in enumerate(changed):
            changed[at] = self._placed(placed[at]) if at in placed else self._sectioned(block)
        return replace(page, blocks=tuple(changed))

    def _named(self, page: Page) -> dict[int, OutlineEntry]:
        entries = self._outline.get(page.number)
        return dict(named_blocks(entries, page.blocks)) if entries else {}

    # Evidence

    def _count(self, block: Block, entry: OutlineEntry | None) -> None:
        look = self._looks.of(block)
        look.labelled += 1
        words = _words(block)
        number = _number_in(words)
        if number is None:
            label = label_of(words)
            if len(self._repeats) < MOST_LABELS or label in self._repeats:
                self._repeats[label] += 1
        else:
            self._numbers.count(number)
        self._ranks.count(look, number, entry)

    def _number(self, text: str) -> Number | None:
        """A heading's number; a bare one only if one of its neighbours numbers a heading too."""
        number = _number_in(" ".join(text.split()))
        return number if number is None or self._numbers.is_one(number) else None

    # Which lines are headings

    def _kind_instead(self, block: Block) -> BlockKind | None:
        rows = self._looks.of(block).rows
        return kind_instead(block.text, stands_out=self._stands_out(block), allowed=rows)

    def _kind(self, at: int, blocks: Sequence[Block], *, is_named: bool) -> BlockKind:
        block = blocks[at]
        text = block.text.strip()
        if not text:
            return BlockKind.PARAGRAPH if block.kind.is_heading else block.kind
        if block.kind.is_furniture:
            return block.kind
        if is_named:
            return BlockKind.HEADING
        if block.kind.is_heading:
            return self._kind_instead(block) or (BlockKind.PARAGRAPH if self._is_label(block) else BlockKind.HEADING)
        if block.kind in _CAN_BE_HEADING and self._is_headline(block) and _is_alone(at, blocks):
            return BlockKind.HEADING
        return block.kind

    def _stands_out(self, block: Block) -> bool:
        return 0 < LARGER * self._looks.body <= block.font_size

    def _is_label(self, block: Block) -> bool:
        """Whether what an engine calls a heading is printed like the text, and heads it like the label of a field."""
        body, look = self._looks.body, self._looks.of(block)
        if not body or not look.is_measured:
            return False
        is_of_index = len(block.text.strip()) == 1 and block.text.isascii()
        if is_of_index or look.size > LARGER * body:
            return is_of_index
        if is_lead_in(block.text):
            return True
        if self._number(block.text) is not None or look.size > SAME_AS_TEXT * body:
            return False
        if not look.is_bold and has_stop(block.text):
            return True
        is_repeated = look is not self._looks.heaviest() and self._repeats[label_of(block.text)] >= LABEL_TIMES
        is_marked = look.is_bold or look.is_capital or not _knows_weight(block)
        return is_repeated or (not is_marked and (look.size < 0.9 * body or look.labelled < look.plain))

    def _is_headline(self, block: Block) -> bool:
        """Whether what an engine calls text is printed and worded like the headings."""
        if len(block.lines) > 2 or not can_be_headline(block.text):
            return False
        body, look = self._looks.body, self._looks.of(block)
        number = self._number(block.text)
        if not body or not look.is_measured:
            return number is not None and self._numbers.is_expected(number, block.text)
        stands_out = look.is_bold or look.size >= LARGER * body
        return stands_out and look.is_trusted and not self._is_label(block)

    def _without_rows(self, lines: list[_Line], changed: list[Block]) -> list[_Line]:
        """Headings of one look that stand in a row, with nothing to head between them, are text."""
        kept: list[_Line] = []
        row: list[_Line] = []
        for line in [*lines, None]:
            if line is not None and row and self._follows(row[-1], line, changed):
                row.append(line)
                continue
            longest = ROW if row and row[0].look.size > SAME_AS_TEXT * self._looks.body else ROW_OF_TEXT
            for each in row:
                if len(row) <= longest:
                    kept.append(each)
                else:
                    changed[each.at] = replace(each.block, kind=BlockKind.PARAGRAPH, level=0)
            row = [line] if line is not None else []
        return kept

    def _follows(self, one: _Line, other: _Line, blocks: Sequence[Block]) -> bool:
        """Whether both are alike and the first one heads nothing."""
        if one.look is not other.look or one.number or other.number or one.entry or other.entry:
            return False
        tiny = INVISIBLE * self._looks.body
        if not tiny or not one.look.is_measured:  # a model's labels are better than what can be told without sizes
            return False
        between = (block for block in blocks[one.at + 1 : other.at] if not block.kind.is_furniture)
        return all(not block.text.strip() or 0 < block.font_size < tiny for block in between)

    # Title

    def _begun(self, lines: list[_Line], changed: list[Block]) -> list[_Line]:
        """Find the title on the first page that has headings: it stands out most and alone, and has no number."""
        if self._is_begun or not lines:
            return lines
        self._is_begun = True
        heaviest = self._looks.heaviest()
        title = min(lines, key=lambda line: (line.look.weight, line.at))
        has_more = self._looks.headings() > 1 or title.block.kind is BlockKind.TITLE
        if title.look is not heaviest or title.number is not None or not has_more or title.entry is not None:
            return lines
        before = [line for line in lines if line.at < title.at]
        if title.block.kind is not BlockKind.TITLE and _is_behind_text(title, changed):
            return lines
        if title.look.labelled > 1 or any(line.number or not _is_over(line, title, changed) for line in before):
            return lines
        changed[title.at] = replace(title.block, kind=BlockKind.TITLE, level=1)
        for line in before:
            changed[line.at] = replace(line.block, kind=BlockKind.PARAGRAPH, level=0)
        return [line for line in lines if line.at > title.at]

    # Ranks and levels

    def _placed(self, line: _Line) -> Block:
        rank = self._rank(line)
        if self._bare is not None and line.number is None and line.entry is None:
            rank = (self._bare.rank[0], self._bare.rank[1] + STEP // 2, 0)
        self._make_part(line, rank)
        while self._open and self._open[-1].rank >= rank:
            self._open.pop()
        level = len(self._open) + (2 if self._title else 1)
        section = self._open[-1].id if self._open else self._title
        opened = _Open(rank=rank, id=line.block.id, look=line.look, is_numbered=line.number is not None)
        self._open.append(opened)
        self._bare = opened if opened.is_numbered and not without_number(_words(line.block)) else None
        return replace(line.block, kind=BlockKind.HEADING, level=level, section=section)

    def _sectioned(self, block: Block) -> Block:
        if block.text.strip() and not block.kind.is_furniture:
            self._bare = None
        if block.kind is BlockKind.TITLE:
            self._title = block.id
            return block
        section = self._open[-1].id if self._open else self._title
        return replace(block, section=section) if section else block

    def _make_part(self, line: _Line, rank: Rank) -> None:
        """Where numbers begin again at 1 right under a heading of the same look, that is a part with chapters."""
        number = line.number
        if number is None or line.entry is not None or number.style != "decimal" or number.depth > 1:
            return
        above = next((each for each in self._open if not each.is_numbered and each.rank[0] == rank[0]), None)
        if number.text == "1" and self._is_counting and above is not None:
            above.rank = (rank[0], rank[1] - STEP // 2, 0)
            above.is_part = True
        self._is_counting = True

    def _rank(self, line: _Line) -> Rank:
        part = next((each for each in self._open if each.look is line.look and each.is_part), None)
        if part is not None and line.number is None and line.entry is None:
            return part.rank
        return self._ranks.rank(line.look, line.number, line.entry)


def _words(block: Block) -> str:
    return " ".join(block.text.split())


def _number_in(words: str) -> Number | None:
    """The number in front; a date and a version have none."""
    return None if doubt_of(words) == "dated" else number_of(words)


def _is_behind_text(line: _Line, blocks: Sequence[Block]) -> bool:
    """Whether sentences stand before a line, as over the values of a form."""
    return any(
        block.kind in _CAN_BE_HEADING and len(block.text) > LEAST_TEXT and has_stop(block.text.strip())
        for block in blocks[: line.at]
    )


def _knows_weight(block: Block) -> bool:
    """Whether the engine could tell bold letters: OCR and models cannot."""
    return any(line.source == "text_layer" for line in block.lines)


def _is_over(line: _Line, title: _Line, blocks: Sequence[Block]) -> bool:
    """Whether a line stands right over the title, as the name of a series or an office does."""
    box, below = bounding_box(line.block.boxes), bounding_box(title.block.boxes)
    if box is not None and below is not None and box.bottom > below.top + 0.5 * below.height:
        return False
    between = blocks[line.at : title.at]
    return all(block.kind.is_furniture or len(block.text) <= LONGEST_PLAIN for block in between)


def _is_alone(at: int, blocks: Sequence[Block]) -> bool:
    """Whether nothing that is read just before or after stands beside a block: fields of forms and cells are not."""
    box = bounding_box(blocks[at].boxes)
    for other in (*blocks[max(0, at - NEAR) : at], *blocks[at + 1 : at + 1 + NEAR]):
        beside = bounding_box(other.boxes)
        if box is None or beside is None or other.kind.is_furniture:
            continue
        common = min(box.bottom, beside.bottom) - max(box.top, beside.top)
        if common > 0.5 * min(box.height, beside.height) and beside.height < 2 * box.height:
            return False
    return True
