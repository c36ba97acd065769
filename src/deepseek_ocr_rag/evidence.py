"""What a page's words and a model's answer have in common, token by token, wherever each of them stands.

A block's text is compared with the words in its boxes first, in the order of the file and, where that is not the
order of reading, line by line; what is left over is sought on the rest of the page, in runs that are too long to be
chance. Between equal tokens letters are compared, so that hyphens, ligatures and other word breaks do not matter, and
a few wrong letters do not either. Numbers get no such tolerance: those that stand at one place and differ are told.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from .document import Block, BlockKind
from .geometry import Box, visual_rows
from .recognition import Words
from .testimony import Heard, Said, Tokens

MARGIN = 0.006
"""How far over a block's box a word's middle may lie, in fractions of the page."""

MAX_COMPARISONS = 200_000_000
"""Tokens times tokens (or letters times letters) beyond which nothing is compared."""

MAX_SIGHTS = 80_000
"""Tokens that are put into the order of sight, for all blocks together: more only where boxes lie on each other."""

RELATED = 0.5
"""Stretches of letters this similar (Levenshtein) are two readings of one text; unrelated ones are alike by 0.3."""

ALIKE = 0.6
"""Share of a word's letters that must be found in two readings of one text."""

DIFFERS = 2
"""In place of 1: the other side has another number here."""

ROUNDS = 4
"""How often what is left over is compared: text that stands elsewhere in the file is found one order after another."""

_FLIPPED = bytes([1]) + bytes(255)
"""Turns marks of 0 into 1, and all others into 0."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A number of the answer and what the page has in its place, as indexes of tokens."""

    said: int
    heard: int


class Comparison:
    """The tokens of the answer and of the page, and which of them have been found in the other.

    ``found_said`` and ``found_heard`` are 1 for tokens that both have, :data:`DIFFERS` for numbers that differ;
    ``excused`` ones of the page stand where the answer has a formula, which is never written in the same letters.
    ``inside`` are the page's tokens in the boxes of each block.
    """

    def __init__(self, blocks: Sequence[Block], words: Words) -> None:
        self.blocks, self.words = blocks, words
        self.said, self.heard = Said(blocks), Heard(words.texts)
        self.found_said = bytearray(len(self.said))
        self.found_heard = bytearray(len(self.heard))
        self.excused = bytearray(len(self.heard))
        self.differing: list[Differing] = []
        self.exact = self.tolerated = 0
        self._runs: list[tuple[Sequence[int], Sequence[int]]] = []
        self._sights = MAX_SIGHTS
        self.inside = [self._inside(block.boxes) for block in blocks]
        self._compare()

    @cached_property
    def partner(self) -> Sequence[int]:
        """The answer's token that is the same as each of the page's, where it is known, else -1."""
        partner = [-1] * len(self.heard)
        for ours, theirs in self._runs:
            for said, heard in zip(ours, theirs, strict=True):
                partner[heard] = said
        return partner

    def _inside(self, boxes: Sequence[Box]) -> Sequence[int]:
        """Tokens of the words whose middle lies in one of the boxes, in the order of the file."""
        found = [self.words.inside(box, margin=MARGIN) for box in boxes]
        return self.heard.of_words(found[0] if len(found) == 1 else sorted(set().union(*found)))

    def _compare(self) -> None:
        for number, theirs in enumerate(self.inside):
            ours = self.said.of_block(number)
            if ours and theirs:
                self._compare_block(ours, _unmarked(self.found_heard, theirs))
        for _ in range(ROUNDS):
            if not self._compare_rest():
                break
        for number, theirs in enumerate(self.inside):
            self._compare_in_any_order(_unmarked(self.found_said, self.said.of_block(number)), theirs)

    def _compare_block(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        best = self._anchors(ours, theirs)
        found = _length(best)
        is_short = found < 0.97 * min(len(ours), len(theirs)) and len(theirs) <= self._sights
        if is_short and found < self._most_equal(ours, theirs):
            self._sights -= len(theirs)
            seen = self._by_sight(theirs)
            other = self._anchors(ours, seen)
            if _length(other) > found:
                best, theirs = other, seen
        self._take(ours, theirs, best)

    def _compare_rest(self) -> bool:
        """Compare what neither side has found yet; whether anything was."""
        ours = _unmarked(self.found_said, range(len(self.said)))
        theirs = _unmarked(self.found_heard, range(len(self.heard)))
        runs = [run for run in self._anchors(ours, theirs) if self._is_telling(ours[run[0] : run[0] + run[2]])]
        self._take(ours, theirs, runs, is_open=True)
        return bool(runs)

    def _is_telling(self, run: Sequence[int]) -> bool:
        """Whether a run of equal tokens is too long to be chance."""
        if len(run) >= 3:
            return True
        texts = self.said.texts(run)
        return sum(map(len, texts)) >= 9 and not all(map(str.isdigit, texts))

    def _anchors(self, ours: Sequence[int], theirs: Sequence[int]) -> list[tuple[int, int, int]]:
        """Runs of equal tokens in the same order: place in ``ours``, place in ``theirs``, length."""
        from rapidfuzz.distance import LCSseq

        if not ours or not theirs or len(ours) * len(theirs) > MAX_COMPARISONS:
            return []
        one, other = self.said.texts(ours), self.heard.texts(theirs)
        if one == other:
            return [(0, 0, len(one))]
        runs = LCSseq.editops(one, other).as_matching_blocks()
        return [(run.a, run.b, run.size) for run in runs if run.size]

    def _most_equal(self, ours: Sequence[int], theirs: Sequence[int]) -> int:
        """How many tokens are equal in whatever order: more than these no order finds."""
        return (Counter(self.said.texts(ours)) & Counter(self.heard.texts(theirs))).total()

    def _by_sight(self, theirs: Sequence[int]) -> Sequence[int]:
        """Tokens line by line from the top, each line from left to right."""
        tokens_of: dict[int, list[int]] = {}
        for at in theirs:
            tokens_of.setdefault(self.heard.owner(at), []).append(at)
        words = list(tokens_of)
        rows = visual_rows([self.words.box(word) for word in words])
        return [at for row in rows for place in row for at in tokens_of[words[place]]]

    def _take(
        self,
        ours: Sequence[int],
        theirs: Sequence[int],
        anchors: Sequence[tuple[int, int, int]],
        *,
        is_open: bool = False,
    ) -> None:
        """Mark the anchors as found and compare what lies between them.

        What lies before the first and behind the last one is compared, too, unless both sides are ``is_open``.
        """
        after_ours = after_theirs = 0
        for a, b, size in (*anchors, (len(ours), len(theirs), 0)):
            is_edge = (after_ours, after_theirs) == (0, 0) or not size
            if not (is_open and is_edge):
                self._compare_gap(ours[after_ours:a], theirs[after_theirs:b])
            after_ours, after_theirs = a + size, b + size
            run = ours[a:after_ours], theirs[b:after_theirs]
            self._mark(*run)
            self._runs.append(run)
            self.exact += size

    # --- between two anchors ---

    def _compare_gap(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        if not ours or not theirs:
            return
        mine, others = _Letters(self.said, ours), _Letters(self.heard, theirs)
        if mine.text == others.text:
            self._mark(ours, theirs)
            return
        if len(mine.text) * len(others.text) <= MAX_COMPARISONS:
            self._compare_letters(mine, others)
        soft = self.said.letters(_unmarked(self.said.is_literal, ours))
        left = _unmarked(self.found_heard, theirs) if soft else ()
        if soft and self.heard.letters(left) <= 3 * soft + 6:
            for at in left:
                self.excused[at] = 1

    def _compare_letters(self, mine: _Letters, others: _Letters) -> None:
        from rapidfuzz.distance import Indel, Levenshtein

        related = Levenshtein.normalized_similarity(mine.text, others.text) >= RELATED
        if not related and not _holds_numbers(mine, others):
            return
        partner = [-1] * len(mine.text)
        back = [-1] * len(others.text)
        for step in Indel.editops(mine.text, others.text).as_matching_blocks():
            partner[step.a : step.a + step.size] = range(step.b, step.b + step.size)
            back[step.b : step.b + step.size] = range(step.a, step.a + step.size)
        for letters, links, found in ((mine, partner, self.found_said), (others, back, self.found_heard)):
            for at, start, end in letters.spans:
                if related and _is_found(letters.text[start:end], links[start:end]):
                    found[at] = 1
                    self.tolerated += 1
        self._compare_numbers(mine, others)

    def _compare_numbers(self, mine: _Letters, others: _Letters) -> None:
        """Numbers that are not found stand opposite each other, one after another, if there are as many."""
        said, heard = self.said.folded, self.heard.folded
        ours = [at for at in _unmarked(self.found_said, mine.tokens) if said[at].isdigit()]
        theirs = [at for at in _unmarked(self.found_heard, others.tokens) if heard[at].isdigit()]
        ours = [at for at in ours if self.said.is_literal[at] and not self._is_cell(at)]
        is_alone = len(mine.tokens) == len(others.tokens) == 1
        if len(ours) == len(theirs) <= 4:
            for at, there in zip(ours, theirs, strict=True):
                # A digit alone is often an index of a formula, unless all around it is equal.
                is_number = is_alone or len(said[at]) > 1
                if is_number and _differs(said[at], heard[there]):
                    self._differ(at, there)

    def _is_cell(self, said: int) -> bool:
        """Whether a token is of a table that has a place, whose numbers are compared when all others are found."""
        block = self.said.owner(said)
        return self.blocks[block].kind is BlockKind.TABLE and bool(self.inside[block])

    def _differ(self, said: int, heard: int) -> None:
        """Two readings of one number, which neither side has from elsewhere."""
        self.differing.append(Differing(said, heard))
        self.found_said[said] = self.found_heard[heard] = DIFFERS

    def _mark(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        for found, places in ((self.found_said, ours), (self.found_heard, theirs)):
            if isinstance(places, range):
                found[places.start : places.stop] = b"\1" * len(places)
            else:
                for at in places:
                    found[at] = 1

    # --- in any order ---

    def _compare_in_any_order(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """What is left over of a place, since columns and cells are read in many orders."""
        theirs = _unmarked(self.found_heard, theirs) if ours else ()
        if not theirs:
            return
        free: dict[str, deque[int]] = {}
        for there in theirs:
            free.setdefault(self.heard.folded[there], deque()).append(there)
        missing = []
        for at in ours:
            same = free.get(self.said.folded[at])
            if same:
                self.found_said[at] = self.found_heard[same.popleft()] = 1
                self.exact += 1
            else:
                missing.append(at)
        self._pair_numbers(missing, _unmarked(self.found_heard, theirs))

    def _pair_numbers(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """Numbers that nothing else explains, if they are few, and as long as each other.

        In a table other words may be left over, too; in text they must be all that is, and of two digits or more.
        """
        is_table = bool(ours) and self._is_cell(ours[0])
        if not is_table and (len(ours), len(theirs)) != (1, 1):
            return
        least = 1 if is_table else 2
        said = [at for at in ours if self.said.folded[at].isdigit() and self.said.is_literal[at]]
        heard = [there for there in theirs if self.heard.folded[there].isdigit()]
        if max(len(said), len(heard)) > 4:
            return
        for at in said:
            length = self.said.sizes[at]
            like = [there for there in heard if self.heard.sizes[there] == length >= least]
            if like:
                self._differ(at, like[0])
                heard.remove(like[0])


class _Letters:
    """Tokens run together, and where each of them lies in that."""

    def __init__(self, source: Tokens, tokens: Sequence[int]) -> None:
        self.tokens, self._texts = tokens, source.texts(tokens)
        self.text = "".join(self._texts)

    @property
    def spans(self) -> Iterable[tuple[int, int, int]]:
        """Each token and its characters ``[start, end)``."""
        start = 0
        for at, text in zip(self.tokens, self._texts, strict=True):
            yield at, start, start + len(text)
            start += len(text)


def _holds_numbers(mine: _Letters, others: _Letters) -> bool:
    """Whether two gaps are a few tokens with numbers, whose letters need not be alike: ``1998`` and ``2004``."""
    if max(len(mine.tokens), len(others.tokens)) > 4:
        return False
    return any(map(str.isdigit, mine.text)) and any(map(str.isdigit, others.text))


def _is_found(token: str, links: Sequence[int]) -> bool:
    """Whether a token's letters stand together in the other text; a number must be there whole, and in one piece."""
    linked = [link for link in links if link >= 0]
    if any(map(str.isdigit, token)):
        return len(linked) == len(token) and linked[-1] - linked[0] == len(token) - 1
    return len(linked) >= ALIKE * len(token) and linked[-1] - linked[0] <= 1.5 * len(token)


def _differs(one: str, other: str) -> bool:
    """Whether two readings of a number differ in more than a footnote's mark that has come to stand at its end."""
    short, long = sorted((one, other), key=len)
    return not (long.startswith(short) and len(long) - len(short) <= 2) or short == ""


# --- of places in a sequence ------------------------------------------------------------------------------------------


def _unmarked(marks: bytearray, places: Sequence[int]) -> Sequence[int]:
    """The places whose mark is 0; the range itself where that is all of a range."""
    if not isinstance(places, range):
        return [at for at in places if not marks[at]]
    here = marks[places.start : places.stop]
    return list(compress(places, here.translate(_FLIPPED))) if any(here) else places


def _length(anchors: Iterable[tuple[int, int, int]]) -> int:
    return sum([size for *_, size in anchors])
