"""Ask a document through LangChain and get a PDF with the answer's lines highlighted, with no key and no network.

    python examples/langchain_citations.py out/demo/sample.pdf "What was the detection limit for nitrate?"

BM25 stands in for your vector store: whatever gives documents back gives their ``regions`` back.
"""

import sys
from pathlib import Path

import bm25s
from langchain_deepseek_ocr import DeepSeekOCRLoader

from deepseek_ocr_rag import Passage, annotate_pdf, locate

path, question = Path(sys.argv[1]), sys.argv[2]
chunks = DeepSeekOCRLoader(path, mode="chunk", max_tokens=128).load()
ranking = bm25s.BM25()
ranking.index(bm25s.tokenize([chunk.page_content for chunk in chunks], show_progress=False), show_progress=False)
found, _ = ranking.retrieve(bm25s.tokenize(question, show_progress=False), k=1, show_progress=False)
best = chunks[found[0, 0]]

# A language model would write the answer and quote its source; here the sentence that shares most words does.
asked = {word for word in question.lower().strip("?").split() if len(word) > 3}
sentences = [sentence for line in best.page_content.splitlines() for sentence in line.split(". ")]
quote = max(sentences, key=lambda sentence: len(asked & set(sentence.lower().split())))

citation = locate(quote, Passage.from_metadata(best.page_content, best.metadata))
print(f"{quote}\n  page {citation.page_number}, {citation.status}, to the {citation.precision}")
print(f"  {annotate_pdf(path, [citation], path.with_suffix('.langchain.pdf'))}")
