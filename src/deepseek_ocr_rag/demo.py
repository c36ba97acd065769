"""The demo: a document is read, indexed, asked, and every sentence of an answer is marked on its page; offline.

Each citation is resolved from what a vector store would give back, a text and its flat metadata, so that scanned and
rotated pages go the same way as digital ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .annotate import annotate_pdf
from .cite import Citation, locate
from .console import Run, printable
from .document import Document
from .errors import CorruptSource, UnsupportedSource
from .highlight import highlight_page
from .options import ReadOptions, make_engine, with_engine
from .passage import Passage
from .records import records
from .retrieve import answer
from .searchers import Memory, Searcher, core_searcher, installed_searchers
from .usage import Price

SCRIPT = Path(__file__).parents[2] / "examples" / "make_sample.py"
"""The script that draws the sample; it is in a clone, not in the installed package."""

STEPS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the demo is to do. Without a file it draws the sample, and asks the sample's questions."""

    output: Path
    file: str | None = None
    questions: tuple[str, ...] = ()
    price: Price | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and the page where the answer stands, 0 if nobody knows."""

    text: str
    page_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A sentence of an answer, and where it stands; ``number`` is the one in brackets."""

    number: int
    question: Question
    citation: Citation
    picture: Path | None = None


class Screen:
    """Standard output: numbered steps, what they tell, and how long they took."""

    def __init__(self) -> None:
        from rich.console import Console

        # Without a terminal rich assumes 80 columns and folds paths, which then cannot be copied.
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A step that takes as long as the block does."""
        self._number += 1
        self._console.print(f"\n[bold]{self._number}/{STEPS} {title}[/bold]")
        began = time.monotonic()
        yield
        self._console.print(f"    [dim]{time.monotonic() - began:.1f} s[/dim]")

    def tell(self, text: str) -> None:
        """A line of the step; it may hold what documents say."""
        self._console.print(f"    {printable(text)}", markup=False, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Rows of the step."""
        from rich import box
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(printable(str(value)), overflow="fold") for value in row))
        self._console.print(Padding(table, (0, 0, 0, 4), expand=False))


def run_demo(wishes: Wishes, options: ReadOptions) -> None:
    """Run the demo and show it; ``answers.json`` in the output folder says it all again for programs.

    Raises:
        DeepSeekOCRError: If the document cannot be read, or there is no script to draw one.
        Exit: If some or all pages cannot be read; what can be shown is shown before.
    """
    screen, memory = Screen(), Memory(make_engine(options))
    options = with_engine(options, memory)
    wishes.output.mkdir(parents=True, exist_ok=True)
    path, questions = _document(wishes, screen)
    run = Run(options, price=wishes.price, quiet=wishes.quiet)
    document = _read(path, run, screen)
    memory.is_complete = True
    _convert(document, wishes.output, screen)
    searchers = _index(path, document, options, screen)
    cited = _ask(questions, searchers, screen)
    cited = _mark(path, cited, wishes.output, options.password, screen)
    _write_answers(cited, wishes.output / "answers.json")
    run.finish()


def _document(wishes: Wishes, screen: Screen) -> tuple[Path, list[Question]]:
    """The document and what to ask: the user's, or the sample's."""
    asked = [Question(text=text) for text in wishes.questions]
    if wishes.file is not None:
        with screen.step("Take the document"):
            screen.tell(wishes.file)
        return Path(wishes.file), asked
    with screen.step("Draw the sample document"):
        path = wishes.output / "sample.pdf"
        truth = json.loads(_draw_sample(path).read_text(encoding="utf-8"))
        kinds = ", ".join(f"{page['number']} {page['kind'].replace('_', ' ')}" for page in truth["pages"])
        screen.tell(f"{path}: {kinds}")
    known = [Question(text=entry["question"], page_number=entry["page"]) for entry in truth["questions"]]
    return path, asked or known


def _draw_sample(path: Path) -> Path:
    """Draw the sample and return the path of its truth.

    Raises:
        UnsupportedSource: If this is not a clone.
        CorruptSource: If the script fails.
    """
    if not SCRIPT.is_file():
        raise UnsupportedSource(
            "the sample is drawn by a script that is not in the installed package.",
            source=SCRIPT.name,
            hint="Run the demo in a clone, or pass a document: demo FILE --question TEXT.",
        )
    done = subprocess.run(  # noqa: S603 - our own script, no shell
        [sys.executable, str(SCRIPT), str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CorruptSource(f"could not draw the sample ({said}).", source=str(SCRIPT), hint="Check the clone.")
    return path.with_suffix(".truth.json")


def _read(path: Path, run: Run, screen: Screen) -> Document:
    with screen.step("Read it"):
        document = run.only_document(str(path))
        rows = [
            (page.number, page.engine, page.status, len(page.blocks), _beginning(page.markdown))
            for page in document.pages
        ]
        screen.table(("Page", "Engine", "Status", "Blocks", "Begins with"), rows)
    return document


def _beginning(text: str) -> str:
    line = " ".join(word for word in text.split() if word.strip("#|"))
    return line if len(line) <= 48 else f"{line[:47]}…"


def _convert(document: Document, folder: Path, screen: Screen) -> None:
    with screen.step("Write it as markdown"):
        path = folder / f"{Path(document.file_name).stem}.md"
        path.write_bytes(document.markdown.encode("utf-8", "replace"))
        screen.tell(f"{path}: {len(document.markdown):,} characters")


def _index(path: Path, document: Document, options: ReadOptions, screen: Screen) -> list[Searcher]:
    """The document behind every framework that is installed, or behind none."""
    with screen.step("Cut it into chunks"):
        tokens = [int(record.metadata["token_count"]) for record in records(document, "chunk")]
        if not tokens:
            raise CorruptSource("has no text.", source=document.source, hint="Ask about a document that has some.")
        alone = core_searcher(document)
        screen.tell(
            f"{len(alone.ids)} chunks of {min(tokens)} to {max(tokens)} tokens, each with the boxes of its lines"
        )
    with screen.step("Index it"):
        found = []
        for searcher in installed_searchers(
            path, options, missing=lambda package: screen.tell(f"not installed: {package}")
        ):
            same = "the same chunks, by their ids" if searcher.ids == alone.ids else "other chunks"
            screen.tell(f"{searcher.name}: {len(searcher.ids)} chunks in a BM25 retriever ({same})")
            found.append(searcher)
        if not found:
            screen.tell(f"{alone.name}: {len(alone.ids)} chunks in BM25")
    return found or [alone]


def _ask(questions: Sequence[Question], searchers: Sequence[Searcher], screen: Screen) -> list[Cited]:
    """Ask every retriever; the first one's hits are answered from."""
    cited: list[Cited] = []
    agreed = 0
    with screen.step("Ask"):
        for question in questions:
            hits, *others = [searcher.search(question.text) for searcher in searchers]
            agreed += all([hit.text for hit in other] == [hit.text for hit in hits] for other in others)
            screen.tell(f"Q  {question.text}")
            said = answer(question.text, hits)
            for sentence in said:
                citation = locate(sentence.text, Passage.from_metadata(sentence.hit.text, sentence.hit.metadata))
                cited.append(Cited(number=len(cited) + 1, question=question, citation=citation))
                screen.tell(f"A  {sentence.text.strip('| ')} [{len(cited)}]")
            if not said:
                screen.tell("A  The document says nothing in these words.")
        if len(searchers) > 1:
            names = " and ".join(searcher.name for searcher in searchers)
            screen.tell(f"{names} found the same chunks for {agreed} of {len(questions)} questions")
    return cited


def _mark(path: Path, cited: Sequence[Cited], folder: Path, password: str, screen: Screen) -> list[Cited]:
    """Draw every citation on its page, and all of them into one PDF."""
    with screen.step("Show where it stands, from each chunk's metadata alone"):
        drawn = [_drawn(path, one, folder, password) for one in cited]
        rows = [_row(one) for one in drawn]
        screen.table(("", "Page", "Lines", "Status", "Precision", "Picture"), rows)
        placed = [one.citation for one in drawn if one.citation.regions]
        if placed:
            screen.tell(f"all in one: {annotate_pdf(path, placed, folder / 'answers.pdf', password=password)}")
        known = [one for one in drawn if one.question.page_number]
        right = sum(one.citation.page_number == one.question.page_number for one in known)
        if known:
            screen.tell(f"{right} of {len(known)} citations are on the page that the sample's truth names")
    return drawn


def _drawn(path: Path, cited: Cited, folder: Path, password: str) -> Cited:
    if not cited.citation.regions:
        return cited
    picture = folder / f"answer-{cited.number:02}-page-{cited.citation.page_number}.png"
    picture.write_bytes(highlight_page(path, cited.citation, password=password))
    return replace(cited, picture=picture)


def _row(cited: Cited) -> tuple[object, ...]:
    citation = cited.citation
    lines = sum(len(region.boxes) for region in citation.regions)
    picture = cited.picture or "none"
    return f"[{cited.number}]", citation.page_number, lines, citation.status, citation.precision, picture


def _write_answers(cited: Sequence[Cited], path: Path) -> None:
    answers = [
        {
            "number": one.number,
            "question": one.question.text,
            "expected_page": one.question.page_number,
            "picture": str(one.picture or ""),
            "citation": one.citation.to_dict(),
        }
        for one in cited
    ]
    path.write_bytes(json.dumps(answers, ensure_ascii=False, indent=1).encode("utf-8", "replace"))
