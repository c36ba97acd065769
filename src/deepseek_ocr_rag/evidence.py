"""What a page's words and a model's answer have in common, token by token, wherever each of them stands.

A block's text is compared with the words in its boxes first, in the order of the file and, where that is not the
order of reading, line by line; what is left over is sought on the rest of the page, in runs that are too long to be
chance. Between equal tokens letters are compared, so that hyphens, ligatures and other word breaks do not matter, and
a few wrong letters do not either. Numbers get no such tolerance: those that stand at one place and differ are told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .document import Block, BlockKind
from .geometry import Box, visual_rows
from .recognition import Words
from .testimony import Heard, Said, heard_tokens, said_tokens

MARGIN = 0.006
"""How far over a block's box a word's middle may lie, in fractions of the page."""

MAX_COMPARISONS = 200_000_000
"""Tokens times tokens (or letters times letters) beyond which nothing is compared."""

RELATED = 0.5
"""Stretches of letters this similar (Levenshtein) are two readings of one text; unrelated ones are alike by 0.3."""

ALIKE = 0.6
"""Share of a word's letters that must be found in two readings of one text."""

DIFFERS = 2
"""In place of 1: the other side has another number here."""

ROUNDS = 4
"""How often what is left over is compared: text that stands elsewhere in the file is found one order after another."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A number of the answer and what the page has in its place, as indexes of tokens."""

    said: int
    heard: int


class Comparison:
    """The tokens of the answer and of the page, and which of them have been found in the other.

    ``found_said`` and ``found_heard`` are 1 for tokens that both have, :data:`DIFFERS` for numbers that differ;
    ``excused`` ones of the page stand where the
    answer has a formula, which is never written in the same letters.
    """

    def __init__(self, blocks: Sequence[Block], words: Words) -> None:
        self.blocks, self.words = blocks, words
        self.said = [token for number, block in enumerate(blocks) for token in said_tokens(block, number)]
        self.heard = heard_tokens(words.texts)
        self.sizes = [len(token.folded) for token in self.heard]
        """Letters of each of the page's tokens."""
        self.found_said = bytearray(len(self.said))
        self.found_heard = bytearray(len(self.heard))
        self.excused = bytearray(len(self.heard))
        self.letters = [0] * len(blocks)
        for token in self.said:
            self.letters[token.block] += len(token.folded)
        self.partner = [-1] * len(self.heard)
        """The answer's token that is the same as the page's, where it is known."""
        self.differing: list[Differing] = []
        self.exact = self.tolerated = 0
        self._places = _Places(words, self.heard)
        self.inside = [self._places.inside(block.boxes) for block in blocks]
        self._compare()

    def _compare(self) -> None:
        mine: list[list[int]] = [[] for _ in self.blocks]
        for at, token in enumerate(self.said):
            mine[token.block].append(at)
        for number, ours in enumerate(mine):
            if ours and self.inside[number]:
                self._compare_block(ours, self.inside[number])
        for _ in range(ROUNDS):
            if not self._compare_rest():
                break
        for number in range(len(self.blocks)):
            self._compare_in_any_order(mine[number], self.inside[number])

    def _compare_block(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        theirs = self._free(theirs)
        best = self._anchors(ours, theirs)
        if sum(size for *_, size in best) < 0.97 * min(len(ours), len(theirs)):
            seen = self._places.by_sight(theirs)
            other = self._anchors(ours, seen)
            if sum(size for *_, size in other) > sum(size for *_, size in best):
                best, theirs = other, seen
        self._take(ours, theirs, best)

    def _compare_rest(self) -> bool:
        """Compare what neither side has found yet; whether anything was."""
        ours = [at for at in range(len(self.said)) if not self.found_said[at]]
        theirs = self._free(range(len(self.heard)))
        runs = [run for run in self._anchors(ours, theirs) if self._is_telling(ours[run[0] : run[0] + run[2]])]
        self._take(ours, theirs, runs, is_open=True)
        return bool(runs)

    def _is_telling(self, run: Sequence[int]) -> bool:
        """Whether a run of equal tokens is too long to be chance."""
        letters = sum(len(self.said[at].folded) for at in run)
        return len(run) >= 3 or (letters >= 9 and any(not self.said[at].folded.isdigit() for at in run))

    def _free(self, theirs: Iterable[int]) -> list[int]:
        return [at for at in theirs if not self.found_heard[at]]

    def _anchors(self, ours: Sequence[int], theirs: Sequence[int]) -> list[tuple[int, int, int]]:
        """Runs of equal tokens in the same order: place in ``ours``, place in ``theirs``, length."""
        from rapidfuzz.distance import LCSseq

        if not ours or not theirs or len(ours) * len(theirs) > MAX_COMPARISONS:
            return []
        one, other = [self.said[at].folded for at in ours], [self.heard[at].folded for at in theirs]
        if one == other:
            return [(0, 0, len(one))]
        runs = LCSseq.editops(one, other).as_matching_blocks()
        return [(run.a, run.b, run.size) for run in runs if run.size]

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
            for said, heard in zip(ours[a : a + size], theirs[b : b + size], strict=True):
                self.found_said[said] = self.found_heard[heard] = 1
                self.partner[heard] = said
            self.exact += size
            after_ours, after_theirs = a + size, b + size

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
        soft = sum(len(self.said[at].folded) for at in ours if self.said[at].is_soft)
        left = [at for at in theirs if not self.found_heard[at]]
        if soft and sum(len(self.heard[at].folded) for at in left) <= 3 * soft + 6:
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
            for offset in range(step.size):
                partner[step.a + offset], back[step.b + offset] = step.b + offset, step.a + offset
        for letters, links, found in ((mine, partner, self.found_said), (others, back, self.found_heard)):
            for at, start, end in letters.spans:
                if related and _is_found(letters.text[start:end], links[start:end]):
                    found[at] = 1
                    self.tolerated += 1
        self._compare_numbers(mine, others)

    def _compare_numbers(self, mine: _Letters, others: _Letters) -> None:
        """Numbers that are not found stand opposite each other, one after another, if there are as many."""
        ours = [at for at, *_ in mine.spans if self._is_open_number(self.said[at].folded, self.found_said[at])]
        theirs = [at for at, *_ in others.spans if self._is_open_number(self.heard[at].folded, self.found_heard[at])]
        ours = [at for at in ours if not (self.said[at].is_soft or self._is_cell(at))]
        is_alone = len(mine.spans) == len(others.spans) == 1
        if len(ours) == len(theirs) <= 4:
            for at, there in zip(ours, theirs, strict=True):
                # A digit alone is often an index of a formula, unless all around it is equal.
                is_number = is_alone or len(self.said[at].folded) > 1
                if is_number and _differs(self.said[at].folded, self.heard[there].folded):
                    self._differ(at, there)

    def _is_cell(self, said: int) -> bool:
        """Whether a token is of a table that has a place, whose numbers are compared when all others are found."""
        block = self.said[said].block
        return self.blocks[block].kind is BlockKind.TABLE and bool(self.inside[block])

    @staticmethod
    def _is_open_number(folded: str, found: int) -> bool:
        return folded.isdigit() and not found

    def _differ(self, said: int, heard: int) -> None:
        """Two readings of one number, which neither side has from elsewhere."""
        self.differing.append(Differing(said, heard))
        self.found_said[said] = self.found_heard[heard] = DIFFERS

    def _mark(self, ours: Iterable[int], theirs: Iterable[int]) -> None:
        for at in ours:
            self.found_said[at] = 1
        for at in theirs:
            self.found_heard[at] = 1

    # --- in any order ---

    def _compare_in_any_order(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """What is left over of a place, since columns and cells are read in many orders."""
        ours = [at for at in ours if not self.found_said[at]]
        if not ours:
            return
        free: dict[str, deque[int]] = {}
        for there in self._free(theirs):
            free.setdefault(self.heard[there].folded, deque()).append(there)
        missing = []
        for at in ours:
            same = free.get(self.said[at].folded)
            if same:
                self._mark((at,), (same.popleft(),))
                self.exact += 1
            else:
                missing.append(at)
        self._pair_numbers(missing, self._free(theirs))

    def _pair_numbers(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """Numbers that nothing else explains, if they are few, and as long as each other.

        In a table other words may be left over, too; in text they must be all that is, and of two digits or more.
        """
        is_table = bool(ours) and self._is_cell(ours[0])
        if not is_table and (len(ours), len(theirs)) != (1, 1):
            return
        least = 1 if is_table else 2
        said = [at for at in ours if self.said[at].folded.isdigit() and not self.said[at].is_soft]
        heard = [there for there in theirs if self.heard[there].folded.isdigit()]
        if max(len(said), len(heard)) > 4:
            return
        for at in said:
            length = len(self.said[at].folded)
            like = [there for there in heard if len(self.heard[there].folded) == length >= least]
            if like:
                self._differ(at, like[0])
                heard.remove(like[0])


class _Letters:
    """Tokens run together, and where each of them lies in that."""

    def __init__(self, source: Sequence[Said] | Sequence[Heard], tokens_: Sequence[int]) -> None:
        self.text = "".join(source[at].folded for at in tokens_)
        self.spans: list[tuple[int, int, int]] = []
        start = 0
        for at in tokens_:
            end = start + len(source[at].folded)
            self.spans.append((at, start, end))
            start = end


def _holds_numbers(mine: _Letters, others: _Letters) -> bool:
    """Whether two gaps are a few tokens with numbers, whose letters need not be alike: ``1998`` and ``2004``."""
    if max(len(mine.spans), len(others.spans)) > 4:
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


# --- where words stand ------------------------------------------------------------------------------------------------


class _Places:
    """The page's tokens by the places of their words."""

    def __init__(self, words: Words, heard: Sequence[Heard]) -> None:
        self._words, self._heard = words, heard
        self._tokens: list[list[int]] = [[] for _ in words.texts]
        for at, token in enumerate(heard):
            self._tokens[token.word].append(at)

    def inside(self, boxes: Sequence[Box]) -> list[int]:
        """Tokens of the words whose middle lies in one of the boxes, in the order of the file."""
        found = [self._words.inside(box, margin=MARGIN) for box in boxes]
        words = found[0] if len(found) == 1 else sorted(set().union(*found))
        return [at for word in words for at in self._tokens[word]]

    def by_sight(self, theirs: Sequence[int]) -> list[int]:
        """Tokens line by line from the top, each line from left to right."""
        at_words = list(dict.fromkeys(self._heard[at].word for at in theirs))
        tokens_of: dict[int, list[int]] = {}
        for at in theirs:
            tokens_of.setdefault(self._heard[at].word, []).append(at)
        rows = visual_rows([self._words.box(word) for word in at_words])
        return [at for row in rows for place in row for at in tokens_of[at_words[place]]]
