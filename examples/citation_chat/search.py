"""Hybrid search over the library's chunks: BM25 by words and MiniLM by meaning, joined by their ranks.

The index is held in memory and built anew when the library changes: some ten thousand chunks take a second. Without
the model's wheel it searches by words alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_ocr_rag.retrieve import WordIndex

from .store import Row

Embedder = Callable[[Sequence[str]], NDArray[np.float32]]

POOL = 30
"""Best chunks of either kind that are joined."""

ALIKE = 0.25
"""Cosine under which a chunk is not about the question at all."""

_SMOOTH = 30
"""Of reciprocal rank fusion: the larger, the less the first rank is worth above the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A chunk that fits a question; scores can be compared within one search only."""

    row: Row
    score: float


class Index:
    """What can be searched; made once for a state of the library."""

    def __init__(self, rows: Sequence[Row], *, embed: Embedder | None = None) -> None:
        self._rows = list(rows)
        self._embed = embed
        self._words = WordIndex([f"{row.section}\n{row.text}" for row in rows]) if rows else None
        self._placed = [place for place, row in enumerate(rows) if row.vector is not None]
        vectors = [row.vector for row in rows if row.vector is not None]
        self._vectors = np.stack(vectors) if vectors else None

    def search(self, question: str, *, limit: int, within: Collection[str] = ()) -> list[Found]:
        """The best chunks, best first.

        Args:
            question: What is asked.
            limit: How many chunks at most.
            within: Ids of documents to search; all where it is empty.
        """
        scores: dict[int, float] = {}
        for ranking in (self._by_words(question, within), self._by_meaning(question, within)):
            for rank, place in enumerate(ranking):
                scores[place] = scores.get(place, 0.0) + 1 / (_SMOOTH + rank)
        best = sorted(scores, key=lambda place: -scores[place])[:limit]
        return [Found(row=self._rows[place], score=scores[place] * _SMOOTH) for place in best]

    def _by_words(self, question: str, within: Collection[str]) -> list[int]:
        if self._words is None:
            return []
        hits = self._words.search(question, limit=len(self._rows) if within else POOL)
        return [place for place, _ in hits if self._is_in(place, within)][:POOL]

    def _by_meaning(self, question: str, within: Collection[str]) -> list[int]:
        if self._embed is None or self._vectors is None:
            return []
        likeness = self._vectors @ self._embed([question])[0]
        order = np.argsort(-likeness).tolist()
        return [self._placed[at] for at in order if likeness[at] >= ALIKE and self._is_in(self._placed[at], within)][
            :POOL
        ]

    def _is_in(self, place: int, within: Collection[str]) -> bool:
        return not within or self._rows[place].document in within
