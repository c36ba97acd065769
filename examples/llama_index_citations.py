"""Ask a document through LlamaIndex and see the answer's lines on the page, with no key and no network.

    python examples/llama_index_citations.py out/demo/sample.pdf "What was the detection limit for nitrate?"

A keyword index stands in for your vector store: whatever gives nodes back gives their ``regions`` back.
"""

import sys
from pathlib import Path

from llama_index.core import SimpleKeywordTableIndex
from llama_index.core.llms import MockLLM
from llama_index.readers.deepseek_ocr import DeepSeekOCRReader

from deepseek_ocr_rag import Passage, highlight_page, locate
from deepseek_ocr_rag.retrieve import Hit, answer

path, question = Path(sys.argv[1]), sys.argv[2]
chunks = DeepSeekOCRReader(mode="chunk", max_tokens=128).load_data(path)
index = SimpleKeywordTableIndex.from_documents(chunks, llm=MockLLM(), transformations=[])
found = index.as_retriever(retriever_mode="simple", llm=MockLLM()).retrieve(question)
hits = [Hit(text=hit.node.get_content(), metadata=hit.metadata, score=hit.score or 0.0) for hit in found]

# A language model would write the answer and quote its source; here the sentence that fits the question best does.
best = next(iter(answer(question, hits)), None)
if best is None:
    sys.exit("The document does not say.")

citation = locate(best.text, Passage.from_metadata(best.hit.text, best.hit.metadata))
print(f"{best.text}\n  page {citation.page_number}, {citation.status}, to the {citation.precision}")
picture = path.with_suffix(".llama-index.png")
picture.write_bytes(highlight_page(path, citation))
print(f"  {picture}")
