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

path, question = Path(sys.argv[1]), sys.argv[2]
chunks = DeepSeekOCRReader(mode="chunk", max_tokens=128).load_data(path)
index = SimpleKeywordTableIndex.from_documents(chunks, llm=MockLLM(), transformations=[])
found = [hit.node for hit in index.as_retriever(retriever_mode="simple", llm=MockLLM()).retrieve(question)]

# A language model would write the answer and quote its source; here the sentence that shares most words does.
asked = {word for word in question.lower().strip("?").split() if len(word) > 3}
sentences = [(part, node) for node in found for line in node.get_content().splitlines() for part in line.split(". ")]
quote, best = max(sentences, key=lambda pair: len(asked & set(pair[0].lower().split())))

citation = locate(quote, Passage.from_metadata(best.get_content(), best.metadata))
print(f"{quote}\n  page {citation.page_number}, {citation.status}, to the {citation.precision}")
picture = path.with_suffix(".llama-index.png")
picture.write_bytes(highlight_page(path, citation))
print(f"  {picture}")
