"""Compare the headings of documents with the outlines (bookmarks) that their PDFs bring along.

    python benchmarks/outline.py ../shared/data [--pymupdf4llm] [--match NAME] [--misses]

Every PDF under the folder that has an outline is read from a copy without it; folders called ``hostile`` are left out,
and so are documents of more than ``--pages`` pages, which is printed. An entry is found if a heading of its page, or up
to three headings in a row, say its title: similarity of letters and digits 0.85 or more, case, spaces and punctuation
aside, and aside the number in front where only one of the two has one. Printed for each document and for all entries
together:

- recall: entries found; ``of all`` counts every entry, ``standing`` only those whose words stand on their page at all
  (many outlines have names of their own for what is on the page)
- precision: headings that say what an entry of their page says
- right parent: of the entries found, those whose nearest found ancestor is the same in the outline and in the
  headings. Not judged, but counted in ``own way``: entries that the outline puts elsewhere than their own numbers do
  (1.2.1 beside 1.2, not under it)

``--pymupdf4llm`` gives the same figures for the headings in the markdown of PyMuPDF4LLM. The exit code is 1 where ours
miss a goal.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pymupdf
from rapidfuzz import fuzz

from deepseek_ocr_rag import read

GOALS = (("recall", 0.95), ("precision", 0.65), ("parent", 0.96))
SIMILAR = 0.85
MOST_IN_A_ROW = 3
NUMBER = re.compile(
    r"\s*(?:(?:chapter|part|appendix|section|kapitel|teil|anhang|annex)\s+)?"
    r"((?:\d{1,3}|[IVXLC]{1,6}|[A-Z])(?:\.\d{1,3}){0,5})[.):]*\s+(?=\S)",
    re.IGNORECASE,
)
DECIMAL = re.compile(r"(?:[^\W\d_]+\s+)?(\d{1,3}(?:\.\d{1,3}){0,5})\.?\s")
HASHES = re.compile(r"(#{1,6})\s+(\S.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A heading, or an entry of an outline."""

    page: int
    level: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Counts of one document, or of several together."""

    entries: int = 0
    standing: int = 0
    found: int = 0
    found_standing: int = 0
    headings: int = 0
    apt: int = 0
    judged: int = 0
    right: int = 0
    seconds: float = 0.0

    def __add__(self, other: Score) -> Score:
        """Both together."""
        return Score(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})

    @property
    def recall(self) -> float:
        """Of the entries whose words stand on their page, those found."""
        return self.found_standing / self.standing if self.standing else float("nan")

    @property
    def precision(self) -> float:
        """Of the headings, those that are an entry."""
        return self.apt / self.headings if self.headings else float("nan")

    @property
    def parent(self) -> float:
        """Of the entries found whose place is told by the outline, those under the right one."""
        return self.right / self.judged if self.judged else float("nan")


def main() -> int:
    """Compare, and print a line for each document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--match", default="", help="only files whose path holds this")
    parser.add_argument("--pages", type=int, default=300, help="leave longer documents out")
    parser.add_argument("--pymupdf4llm", action="store_true", help="PyMuPDF4LLM's headings too")
    parser.add_argument("--misses", action="store_true", help="print each entry missed and each other heading")
    arguments = parser.parse_args()
    readers: dict[str, Callable[[Path], list[Entry]]] = {"ours": ours}
    if arguments.pymupdf4llm:
        readers["pymupdf4llm"] = theirs
    pymupdf.TOOLS.mupdf_display_errors(False)
    totals = dict.fromkeys(readers, Score())
    print(
        f"{'document':50} {'by':12} {'entries':>7} {'standing':>8} {'headings':>8}"
        "  recall (of all)  prec.  parent (own way)"
    )
    for path in sorted(arguments.folder.rglob("*.pdf")):
        if "hostile" in path.parts or arguments.match not in str(path):
            continue
        outline, texts = outline_of(path)
        if not outline:
            continue
        if len(texts) > arguments.pages:
            print(f"{path.name}: {len(texts)} pages, left out")
            continue
        for name, reader in readers.items():
            score, notes = measure(path, reader, outline, texts)
            totals[name] = totals[name] + score
            print(row(path.name, name, score), flush=True)
            for note in notes if arguments.misses else ():
                print("   ", note)
    for name, total in totals.items():
        print(row("all", name, total))
    mine = totals["ours"]
    return 0 if all(getattr(mine, name) >= goal for name, goal in GOALS) else 1


def outline_of(path: Path) -> tuple[list[Entry], list[str]]:
    """The entries of a PDF's outline that point at a page, and the text of each page."""
    with pymupdf.open(path) as pdf:
        if pdf.needs_pass or not (found := pdf.get_toc()):
            return [], []
        entries = [Entry(page=page, level=level, title=title) for level, title, page in found if title.strip()]
        return [entry for entry in entries if 0 < entry.page <= len(pdf)], [page.get_text() for page in pdf]


def measure(
    path: Path, reader: Callable[[Path], list[Entry]], outline: Sequence[Entry], texts: Sequence[str]
) -> tuple[Score, list[str]]:
    """Read a copy without the outline and compare; also says what was missed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        without_outline(path, copy)
        started = time.perf_counter()
        headings = reader(copy)
        seconds = time.perf_counter() - started
    return compare(outline, headings, texts, seconds=seconds)


def without_outline(path: Path, copy: Path) -> None:
    """Save a copy of a PDF without its outline."""
    shutil.copyfile(path, copy)
    with pymupdf.open(copy) as pdf:
        pdf.set_toc([])
        data = pdf.tobytes()
    copy.write_bytes(data)


def ours(path: Path) -> list[Entry]:
    """The headings of the document as we read it."""
    (document,) = read(path)
    return [Entry(page=item.page_number, level=item.level, title=item.text) for item in document.headings]


def theirs(path: Path) -> list[Entry]:
    """The headings in the markdown of PyMuPDF4LLM."""
    import pymupdf4llm

    headings = []
    for number, page in enumerate(pymupdf4llm.to_markdown(str(path), page_chunks=True), start=1):
        for line in page["text"].splitlines():
            if match := HASHES.match(line):
                title = re.sub(r"[*_`~]+|<[^<>]{1,20}>", "", match[2])
                headings.append(Entry(page=number, level=len(match[1]), title=title))
    return headings


def compare(
    outline: Sequence[Entry], headings: Sequence[Entry], texts: Sequence[str], *, seconds: float = 0.0
) -> tuple[Score, list[str]]:
    """Count what headings have in common with the outline; returns notes on the rest."""
    matches = match_all(outline, headings)
    standing = {at for at, entry in enumerate(outline) if stands(entry.title, texts[entry.page - 1])} | set(matches)
    entry_of = {heading: entry for entry, found in matches.items() for heading in found}
    wanted, given = ancestors(outline), ancestors(headings)
    judged = set(matches) - contradicted(outline)
    right, notes = 0, []
    for entry, found in matches.items():
        if entry not in judged:
            continue
        parent = next((at for at in wanted[entry] if at in matches), None)
        above = (entry_of.get(at) for at in given[found[0]])
        is_right = parent == next((at for at in above if at not in (None, entry)), None)
        right += is_right
        if not is_right:
            notes.append(f"parent  p{outline[entry].page} {outline[entry].title!r} at level {headings[found[0]].level}")
    notes += [f"missed  p{e.page} {e.title!r}" for at, e in enumerate(outline) if at in standing - set(matches)]
    notes += [f"nowhere p{e.page} {e.title!r}" for at, e in enumerate(outline) if at not in standing]
    notes += [f"other   p{h.page} level {h.level} {h.title!r}" for at, h in enumerate(headings) if at not in entry_of]
    score = Score(
        entries=len(outline),
        standing=len(standing),
        found=len(matches),
        found_standing=len(matches),
        headings=len(headings),
        apt=len(entry_of),
        judged=len(judged),
        right=right,
        seconds=seconds,
    )
    return score, notes


def match_all(outline: Sequence[Entry], headings: Sequence[Entry]) -> dict[int, tuple[int, ...]]:
    """Which headings say which entry, most similar first; each heading and each entry counts once."""
    candidates = []
    for at, entry in enumerate(outline):
        for first in range(len(headings)):
            for count in range(1, MOST_IN_A_ROW + 1):
                row = headings[first : first + count]
                if len(row) < count or any(heading.page != entry.page for heading in row):
                    break
                alike = similarity(entry.title, " ".join(heading.title for heading in row))
                if alike >= SIMILAR:
                    candidates.append((-alike, at, first, count))
    matches: dict[int, tuple[int, ...]] = {}
    taken: set[int] = set()
    for _, at, first, count in sorted(candidates):
        found = tuple(range(first, first + count))
        if at not in matches and not taken.intersection(found):
            matches[at] = found
            taken.update(found)
    return matches


def similarity(one: str, other: str) -> float:
    """How alike two titles are, 0 to 1; a number in front may be missing in one of them, but not differ."""
    numbers = [match[1].rstrip(".").casefold() for title in (one, other) if (match := NUMBER.match(title))]
    alike = fuzz.ratio(letters(one), letters(other))
    if len(set(numbers)) < 2:
        bare = [letters(NUMBER.sub("", title, count=1)) for title in (one, other)]
        alike = max(alike, fuzz.ratio(*bare)) if all(bare) else alike
    return alike / 100


def stands(title: str, text: str) -> bool:
    """Whether a title's words stand somewhere on a page."""
    wanted = letters(NUMBER.sub("", title, count=1)) or letters(title)
    page = letters(text)
    return wanted in page or (len(wanted) <= len(page) and fuzz.partial_ratio(wanted, page) >= 100 * SIMILAR)


def ancestors(entries: Sequence[Entry]) -> list[list[int]]:
    """For each entry the entries that it stands under, the nearest first."""
    open_entries: list[int] = []
    found = []
    for at, entry in enumerate(entries):
        while open_entries and entries[open_entries[-1]].level >= entry.level:
            open_entries.pop()
        found.append(open_entries[::-1])
        open_entries.append(at)
    return found


def contradicted(outline: Sequence[Entry]) -> set[int]:
    """Entries whose number says that they stand under another entry, and which do not stand there in the outline."""
    found, last = set(), dict[str, int]()
    above = ancestors(outline)
    for at, entry in enumerate(outline):
        match = DECIMAL.match(entry.title)
        if match is None:
            continue
        if "." in match[1]:
            parent = last.get(match[1].rpartition(".")[0])
            if parent is not None and (not above[at] or above[at][0] != parent):
                found.add(at)
        last[match[1]] = at
    return found


def letters(text: str) -> str:
    """Letters and digits, in one case."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def row(name: str, reader: str, score: Score) -> str:
    """A line of the printed table."""
    of_all = score.found / score.entries if score.entries else float("nan")
    own_way = score.found - score.judged
    return (
        f"{name[:50]:50} {reader:12} {score.entries:7} {score.standing:8} {score.headings:8}"
        f"  {score.recall:.3f}  ({of_all:.3f})  {score.precision:.3f}  {score.parent:.3f}  ({own_way:3})"
        f"  {score.seconds:6.1f} s"
    )


if __name__ == "__main__":
    raise SystemExit(main())
