"""Ask a document through LangChain and get a PDF with the answer's lines highlighted, with no key and no network.

    python examples/langchain_citations.py out/demo/sample.pdf "What was the detection limit for nitrate?"

BM25 stands in for your vector store: whatever gives documents back gives their ``regions`` back.
"""

import sys
from pathlib import Path

from langchain_deepseek_ocr import DeepSeekOCRLoader

from deepseek_ocr_rag import Passage, annotate_pdf, locate
from deepseek_ocr_rag.retrieve import Hit, WordIndex, answer

path, question = Path(sys.argv[1]), sys.argv[2]
chunks = DeepSeekOCRLoader(path, mode="chunk", max_tokens=128).load()
found = WordIndex([chunk.page_content for chunk in chunks]).search(question, limit=4)
hits = [Hit(text=chunks[at].page_content, metadata=chunks[at].metadata, score=score) for at, score in found]

# A language model would write the answer and quote its source; here the sentence that fits the question best does.
best = next(iter(answer(question, hits)), None)
if best is None:
    sys.exit("The document does not say.")

citation = locate(best.text, Passage.from_metadata(best.hit.text, best.hit.metadata))
print(f"{best.text}\n  page {citation.page_number}, {citation.status}, to the {citation.precision}")
print(f"  {annotate_pdf(path, [citation], path.with_suffix('.langchain.pdf'))}")
