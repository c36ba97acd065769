"""What stands in for your retrieval and your language model in the recipes beside this file: no key, no network.

BM25 finds chunks, and the answer is the sentences of them that share most words with the question, word for word. With
a language model: show it ``numbered(chunks)`` and give what it answers to ``cite_answer``, or send it blocks made by
``viewers.to_anthropic_document``; the citations are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import bm25s

from deepseek_ocr_rag import Chunk, ChunkOptions, Citation, Document, chunk_document, locate, read


@dataclass(frozen=True)
class Library:
    """A document to ask."""

    path: Path
    document: Document
    chunks: tuple[Chunk, ...]

    @classmethod
    def open(cls, path: str) -> Library:
        """Read a PDF, picture or office file."""
        (document,) = read(path)
        return cls(Path(path), document, tuple(chunk_document(document, ChunkOptions(max_tokens=128))))

    def ask(self, question: str, *, answers: int = 2) -> list[Citation]:
        """Up to so many sentences that may answer, the best first, each located on its page."""
        ranking = bm25s.BM25()
        ranking.index(bm25s.tokenize([chunk.text for chunk in self.chunks], show_progress=False), show_progress=False)
        asked = bm25s.tokenize(question, show_progress=False)
        found, scores = ranking.retrieve(asked, k=min(4, len(self.chunks)), show_progress=False)
        hits = [self.chunks[at] for at, score in zip(found[0], scores[0], strict=True) if score > 0]
        words = {word for word in re.findall(r"\w+", question.lower()) if len(word) > 3}
        sentences = {
            sentence: (len(words & set(re.findall(r"\w+", sentence.lower()))), chunk)
            for chunk in hits
            for sentence in re.split(r"(?<=[.!?])\s+|\n", chunk.text)
        }
        best = sorted(sentences, key=lambda sentence: sentences[sentence][0], reverse=True)[:answers]
        cited = [locate(sentence, sentences[sentence][1], document=self.document) for sentence in best]
        is_said = bool(best and sentences[best[0]][0])
        return [citation for citation in cited if is_said and any(region.boxes for region in citation.regions)]
