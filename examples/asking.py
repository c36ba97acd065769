"""What stands in for your retrieval and your language model in the recipes beside this file: no key, no network.

BM25 finds chunks, and the answer is the sentences of them that fit the question best, word for word. With a language
model: show it ``numbered_sources(chunks)`` and give what it answers to ``cite_answer``, or send it blocks made by
``viewers.to_anthropic_document``; the citations are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepseek_ocr_rag import Citation, Document, Passage, locate, read
from deepseek_ocr_rag.retrieve import answer
from deepseek_ocr_rag.searchers import Searcher, core_searcher


@dataclass(frozen=True)
class Library:
    """A document to ask."""

    path: Path
    document: Document
    searcher: Searcher

    @classmethod
    def open(cls, path: str) -> Library:
        """Read a PDF, picture or office file."""
        (document,) = read(path)
        return cls(Path(path), document, core_searcher(document))

    def ask(self, question: str, *, answers: int = 2) -> list[Citation]:
        """Up to so many sentences that answer, the best first, each located on its page; none where nothing fits."""
        said = answer(question, self.searcher.search(question), limit=answers)
        cited = [
            locate(one.text, Passage.from_metadata(one.hit.text, one.hit.metadata), document=self.document)
            for one in said
        ]
        return [citation for citation in cited if any(region.boxes for region in citation.regions)]
