"""Words found by their rarity: BM25 over a few hundred or thousand texts, with no model and no key.

Enough for the demo and for small folders. It is lexical: a question in other words than the text's finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .quotes import CJK

_WORD = re.compile(rf"[{CJK}]|(?:(?![{CJK}])\w)+")
"""A word; of scripts that write none apart, a character."""


class WordIndex:
    """Texts that can be searched for words; they are known by their place in the sequence.

    Raises:
        ValueError: If there are no texts.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from bm25s import BM25

        if not texts:
            raise ValueError("there is nothing to index")
        self._index = BM25()
        self._index.index([_words(text) for text in texts], show_progress=False)

    def search(self, question: str, *, limit: int) -> list[tuple[int, float]]:
        """The places of the best texts and their scores, best first; texts that share no word are left out."""
        words = [word for word in _words(question) if word in self._index.vocab_dict]
        if not words:
            return []
        scores = [float(score) for score in self._index.get_scores(words)]
        best = sorted(range(len(scores)), key=lambda place: -scores[place])[:limit]
        return [(place, scores[place]) for place in best if scores[place] > 0]


def _words(text: str) -> list[str]:
    from bm25s.stopwords import STOPWORDS_EN

    return [word for word in _WORD.findall(text.casefold()) if word not in STOPWORDS_EN]
