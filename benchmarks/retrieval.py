"""How well a question finds its answer in the chunks of each chunker: recall, precision and IoU of characters.

    python benchmarks/retrieval.py ../shared/data [--sizes 200 400 800] [--nearby] [--embeddings] [--corpora ...]

Runs the 472 questions of Chroma's chunking evaluation as it does: the chunks of all five corpora are in one index, the
five best for a question are taken, and the characters of its references that they have are compared with all
characters that they have. BM25 always (bm25s, English stop words); all-MiniLM-L6-v2 by ``--embeddings``, which takes
minutes for each chunker and size on two cores, once; ``--corpora wikitexts chatlogs`` and such takes the questions and
chunks of these alone.

One more or less of the 472 answers found is 0.002 of recall, and cutting all texts a few tokens later moves recall by
0.01. So every peer's recall is printed with its difference to ours and the standard error of that (over questions,
paired); ``--nearby`` takes the mean over budgets of 92, 96, 100, 104 and 108 % of each size, which moves less. The exit
code is 1 where a peer is better than ours, in recall or IoU, by more than two standard errors.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from minilm import MiniLM
from numpy.typing import NDArray
from peers import Chunker, Locator, Piece, chunkers, left_out

from deepseek_ocr_rag import token_counter

FOLDER = Path(
    "bench/brandonstarxel+chunking_evaluation/chunking_evaluation/evaluation_framework/general_evaluation_data"
)
BEST = 5
SIZES = (200, 400, 800)
NEARBY = (0.92, 0.96, 1.0, 1.04, 1.08)
CLEAR = 2.0
"""Standard errors from which on a difference is taken for one."""

Span = tuple[int, int]
Retriever = Callable[[Sequence[str], Sequence[str]], Sequence[Sequence[int]]]
"""Texts and questions in, the places of the best texts for each question out, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and where in its corpus the answer stands."""

    text: str
    corpus: str
    references: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a chunker got: figures for each question, and what its chunks are like."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    iou: NDArray[np.float64]
    chunks: int
    mean_tokens: float
    most_tokens: int
    lost: int
    """Chunks that could not be found in their corpus, and are not in the index."""
    seconds: float
    """Of chunking alone."""


@dataclass(frozen=True, slots=True)
class Chunked:
    """All chunks of all corpora, with the corpus of each."""

    pieces: list[tuple[str, Piece]]
    lost: int
    seconds: float


def main() -> int:
    """Measure all chunkers at all sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--embeddings", action="store_true", help="search by MiniLM, too")
    parser.add_argument("--nearby", action="store_true", help="the mean over budgets around each size")
    parser.add_argument("--only", nargs="+", default=[], help="words of the names of chunkers to run")
    parser.add_argument("--corpora", nargs="+", default=[], help="the corpora to use; all unless named")
    arguments = parser.parse_args()
    bench = Bench(arguments.data / FOLDER, arguments.corpora)
    retrievers: dict[str, Retriever] = {"BM25": by_words}
    if arguments.embeddings:
        retrievers["MiniLM"] = by_meaning(MiniLM())
    for name, reason in left_out().items():
        print(f"left out: {name}: {reason}")
    chosen = {
        name: chunker
        for name, chunker in chunkers().items()
        if not arguments.only or any(word.lower() in name.lower() for word in arguments.only)
    }
    worse: list[str] = []
    for size in arguments.sizes:
        budgets = [round(size * share) for share in (NEARBY if arguments.nearby else (1.0,))]
        worse += compare(bench, chosen, retrievers, budgets=budgets, size=size)
    print("\nours is clearly behind: " + ("; ".join(worse) or "nowhere"))
    return 1 if worse else 0


class Bench:
    """The corpora of these names, or all, and the questions about them."""

    def __init__(self, folder: Path, names: Sequence[str] = ()) -> None:
        paths = sorted((folder / "corpora").glob("*.md"))
        # Not as text: the places of the references count every character of a line's end.
        self.corpora = {path.stem: path.read_bytes().decode() for path in paths if not names or path.stem in names}
        with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as file:
            questions = [_question(row) for row in csv.DictReader(file)]
        self.questions = [question for question in questions if question.corpus in self.corpora]
        self._locators = {name: Locator(text) for name, text in self.corpora.items()}

    def chunked(self, chunker: Chunker, budget: int) -> Chunked:
        """All corpora cut, and every chunk found where it is from."""
        started = time.perf_counter()
        cut = {name: chunker(text, budget) for name, text in self.corpora.items()}
        seconds = time.perf_counter() - started
        found = [(name, piece) for name, pieces in cut.items() for piece in self._locators[name].located(pieces)]
        return Chunked(found, sum(map(len, cut.values())) - len(found), seconds)

    def scores(self, chunked: Chunked, retriever: Retriever) -> Scores:
        """Search the chunks for every question."""
        texts = [piece.text for _, piece in chunked.pieces]
        hits = retriever(texts, [question.text for question in self.questions])
        figures = np.array(
            [
                judged(question, [chunked.pieces[hit] for hit in best])
                for question, best in zip(self.questions, hits, strict=True)
            ]
        )
        sizes = [*map(token_counter("cl100k_base"), texts)]
        return Scores(
            recall=figures[:, 0],
            precision=figures[:, 1],
            iou=figures[:, 2],
            chunks=len(texts),
            mean_tokens=float(np.mean(sizes)),
            most_tokens=max(sizes),
            lost=chunked.lost,
            seconds=chunked.seconds,
        )


def _question(row: dict[str, str]) -> Question:
    references = tuple((entry["start_index"], entry["end_index"]) for entry in json.loads(row["references"]))
    return Question(text=row["question"], corpus=row["corpus_id"], references=references)


def judged(question: Question, found: Sequence[tuple[str, Piece]]) -> tuple[float, float, float]:
    """Recall, precision and IoU, by the evaluation's own definitions.

    What several chunks have of a reference counts once; what they have beside it counts each time, also in chunks of
    other corpora.
    """
    places = [(piece.start, piece.end) for corpus, piece in found if corpus == question.corpus]
    shared = [
        (max(start, first), min(end, last))
        for start, end in places
        for first, last in question.references
        if max(start, first) < min(end, last)
    ]
    hit = _length(_union(shared))
    wanted = _length(question.references)
    shown = _length([(piece.start, piece.end) for _, piece in found])
    missed = _length(_union(question.references)) - hit
    return hit / wanted, hit / shown, hit / (shown + missed)


def _union(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _length(spans: Sequence[Span]) -> int:
    return sum(end - start for start, end in spans)


def by_words(texts: Sequence[str], questions: Sequence[str]) -> Sequence[Sequence[int]]:
    """BM25 as bm25s has it by default (Lucene's, k1 1.5, b 0.75), without English stop words."""
    import bm25s

    index = bm25s.BM25()
    index.index(bm25s.tokenize(list(texts), stopwords="en", show_progress=False), show_progress=False)
    asked = bm25s.tokenize(list(questions), stopwords="en", show_progress=False)
    found: NDArray[np.int64] = index.retrieve(asked, k=BEST, show_progress=False)[0]
    best: list[list[int]] = found.tolist()
    return best


def by_meaning(model: MiniLM) -> Retriever:
    """Cosine of MiniLM's vectors; of a text longer than 256 word pieces, the rest is not seen."""

    def retrieve(texts: Sequence[str], questions: Sequence[str]) -> Sequence[Sequence[int]]:
        likeness = model(questions) @ model(texts).T
        best: list[list[int]] = np.argsort(-likeness, axis=1)[:, :BEST].tolist()
        return best

    return retrieve


def compare(
    bench: Bench,
    chosen: dict[str, Chunker],
    retrievers: dict[str, Retriever],
    *,
    budgets: Sequence[int],
    size: int,
) -> Iterator[str]:
    """Print a table for a size; yields what peers are clearly better at."""
    cut = {name: [bench.chunked(chunker, budget) for budget in budgets] for name, chunker in chosen.items()}
    for search, retriever in retrievers.items():
        print(f"\n{size} tokens, {search}, {BEST} best of all corpora's chunks, {len(bench.questions)} questions")
        print(
            f"{'':32}{'chunks':>7}{'tokens':>8}{'most':>6}{'recall':>8}{'prec.':>8}{'IoU':>8}  ours - peer: recall, IoU"
        )
        ours: Scores | None = None
        for name, runs in cut.items():
            scores = mean([bench.scores(chunked, retriever) for chunked in runs])
            ours = scores if name == "ours" else ours
            versus, behind = against(ours, scores) if ours is not None else ("", [])
            yield from (f"{size} tokens, {search}, {name}: {what}" for what in behind)
            print(
                f"{name:32}{scores.chunks:7}{scores.mean_tokens:8.1f}{scores.most_tokens:6}{scores.recall.mean():8.3f}"
                f"{scores.precision.mean():8.4f}{scores.iou.mean():8.4f}  {versus}  {scores.seconds:.1f} s"
                + (f"  {scores.lost} chunks not found in the text" if scores.lost else ""),
                flush=True,
            )


def mean(runs: Sequence[Scores]) -> Scores:
    """The mean of runs, question by question."""
    return Scores(
        recall=np.mean([run.recall for run in runs], axis=0),
        precision=np.mean([run.precision for run in runs], axis=0),
        iou=np.mean([run.iou for run in runs], axis=0),
        chunks=round(float(np.mean([run.chunks for run in runs]))),
        mean_tokens=float(np.mean([run.mean_tokens for run in runs])),
        most_tokens=max(run.most_tokens for run in runs),
        lost=sum(run.lost for run in runs),
        seconds=float(np.mean([run.seconds for run in runs])),
    )


def against(ours: Scores, peer: Scores) -> tuple[str, list[str]]:
    """Our differences to a peer with their standard errors, and what the peer is clearly better at."""
    if ours is peer:
        return f"{'':32}", []
    said: list[str] = []
    behind: list[str] = []
    for what, mine, theirs, digits in (
        ("recall", ours.recall, peer.recall, 3),
        ("IoU", ours.iou, peer.iou, 4),
    ):
        difference = mine - theirs
        error = float(difference.std(ddof=1)) / len(difference) ** 0.5
        said.append(f"{difference.mean():+.{digits}f} ±{error:.{digits}f}")
        if difference.mean() < -CLEAR * error:
            behind.append(what)
    return f"{'  '.join(said):32}", behind


if __name__ == "__main__":
    sys.exit(main())
