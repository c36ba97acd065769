"""What an answer's sentences are said to lean on: true ones in other words, and false ones that sound alike.

    python benchmarks/answers.py ../shared/data [--show]

``answers.txt`` has facts of six born-digital PDFs, each said truly in other words (lightly: most words are the page's;
heavily: hardly any are) and falsely in the page's (another number or name, a negation more or less, roles swapped).
The pages are cut into chunks of 256 tokens, which are the sources of an answer of one sentence.

Printed for each kind: how many sentences get a place without a marker, how many with the marker of the right source,
how many of both pass for the page's own words; then, for true ones, how many places that the marker names by
line are kept where the line is right, and put right where it is not, and how many get a place in another document.
The exit code is 1 where a goal is missed. Swapped roles are no goal: words do not tell who did what to whom.
"""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_ocr_rag import Chunk, ChunkOptions, ReadOptions, chunk_document, cite_answer, read
from deepseek_ocr_rag.answering.numbered import passage_lines
from deepseek_ocr_rag.answers import AnswerCitation

STATEMENTS = Path(__file__).with_suffix(".txt")
KINDS = ("light", "heavy", "number", "name", "negation", "swap")
LEAST_TRUE, MOST_FALSE = 0.94, 0.25
"""Shares with a place that lightly reworded truths must reach, and what changed a number or a negation may."""
MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer."""

    kind: str
    text: str
    told_at: str
    """Words that stand where the sentence, or what it distorts, is said."""

    @property
    def is_true(self) -> bool:
        """Whether the page says so."""
        return self.kind in KINDS[:2]


@dataclass(slots=True)
class Asked:
    """A document's pages and what is asked of them."""

    path: str
    pages: str
    statements: list[Statement] = field(default_factory=list)
    chunks: Sequence[Chunk] = ()


def main() -> int:
    """Measure all statements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--show", action="store_true", help="print false sentences with a place, true ones without")
    arguments = parser.parse_args()
    asked = list(documents(STATEMENTS.read_text(encoding="utf-8")))
    for one in asked:
        (document,) = read(arguments.data / "born_digital" / one.path, ReadOptions(pages=one.pages))
        one.chunks = list(chunk_document(document, ChunkOptions(max_tokens=MAX_TOKENS)))
    missed = table(asked, show=arguments.show)
    lines(asked)
    elsewhere(asked)
    print("\nmissed: " + ("; ".join(missed) or "nothing"))
    return 1 if missed else 0


def documents(text: str) -> Iterator[Asked]:
    """The file's documents: "@ pages path", "= words at the place", "> kind: true", "< kind: false"."""
    one, told_at = None, ""
    for line in text.splitlines():
        sign, _, rest = line.partition(" ")
        if sign == "@":
            if one:
                yield one
            pages, _, path = rest.partition(" ")
            one = Asked(path=path, pages=pages)
        elif sign == "=":
            told_at = rest
        elif sign in ("<", ">") and one:
            kind, _, said = rest.partition(": ")
            one.statements.append(Statement(kind=kind, text=said, told_at=told_at))
    if one:
        yield one


# Measuring


def table(asked: Sequence[Asked], *, show: bool) -> list[str]:
    """Print what becomes of each kind; the goals that were missed."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in asked:
        for said in one.statements:
            alone = first(said.text, one.chunks)
            marked = first(with_marker(said.text, f"{source_of(said, one.chunks)}"), one.chunks)
            is_placed = marked is not None and marked.basis != "source"
            counts[said.kind, "all"] += 1
            counts[said.kind, "alone"] += alone is not None
            counts[said.kind, "marked"] += is_placed
            counts[said.kind, "quote"] += alone is not None and alone.basis == "quote"
            counts[said.kind, "quote marked"] += marked is not None and marked.basis == "quote"
            if show and is_placed != said.is_true:
                print(f"{said.kind}: {said.text}")
    print(f"{'':22}{'sentences':>10}{'no marker':>11}{'[n]':>6}{'as quote':>10}{'[n]':>6}")
    for kind in KINDS:
        name = f"{'true' if kind in KINDS[:2] else 'false'}, {kind}"
        shown = (counts[kind, what] for what in ("all", "alone", "marked", "quote", "quote marked"))
        print(f"{name:22}" + "".join(f"{n:>{w}}" for n, w in zip(shown, (10, 11, 6, 10, 6), strict=True)))
    shares = {kind: counts[kind, "marked"] / counts[kind, "all"] for kind in KINDS}
    missed = [f"light: only {shares['light']:.0%} placed"] if shares["light"] < LEAST_TRUE else []
    missed += [f"{kind}: {shares[kind]:.0%} placed" for kind in ("number", "negation") if shares[kind] > MOST_FALSE]
    quotes = sum(counts[kind, what] for kind in KINDS[2:] for what in ("quote", "quote marked"))
    return missed + ([f"{quotes} false as quotes"] if quotes else [])


def lines(asked: Sequence[Asked]) -> None:
    """Print what becomes of lines that are named, rightly and wrongly."""
    right = kept = wrong = mended = 0
    for one in asked:
        for said in filter(lambda said: said.is_true, one.statements):
            source = source_of(said, one.chunks)
            text = one.chunks[source - 1].text
            told = [n for n, (start, end) in enumerate(passage_lines(text), 1) if says(text[start:end], said.told_at)]
            if not told:
                continue  # over two lines
            others = [n for n in range(1, len(passage_lines(text)) + 1) if abs(n - told[0]) > 1]
            right += 1
            kept += is_at(said, first(with_marker(said.text, f"{source}.{told[0]}"), one.chunks))
            if others:
                wrong += 1
                named = others[len(said.text) % len(others)]
                mended += is_at(said, first(with_marker(said.text, f"{source}.{named}"), one.chunks))
    print(f"\nlines that true sentences name: {kept} of {right} right ones kept, {mended} of {wrong} wrong ones mended")


def elsewhere(asked: Sequence[Asked]) -> None:
    """Print how many true sentences get a place in documents that do not say so."""
    told = [(one, said) for one in asked for said in one.statements if said.is_true]
    found = [first(said.text, other.chunks) for one, said in told for other in asked if other is not one]
    print(f"placed in another document: {sum(place is not None for place in found)} of {len(found)}")


def first(answer: str, chunks: Sequence[Chunk]) -> AnswerCitation | None:
    """The first citation of an answer."""
    return next(iter(cite_answer(answer, chunks).citations), None)


def with_marker(text: str, marker: str) -> str:
    """A sentence with a marker before its full stop."""
    return f"{text.rstrip('.')} [{marker}]."


def source_of(said: Statement, chunks: Sequence[Chunk]) -> int:
    """The number of the chunk that has the place, from 1."""
    return next(number for number, chunk in enumerate(chunks, 1) if says(chunk.text, said.told_at))


def is_at(said: Statement, found: AnswerCitation | None) -> bool:
    """Whether a citation shows the place."""
    return found is not None and says(found.citation.quote, said.told_at)


def says(text: str, words: str) -> bool:
    """Whether text has some words, whatever stands between their letters."""
    return _letters(words) in _letters(text)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()


if __name__ == "__main__":
    sys.exit(main())
