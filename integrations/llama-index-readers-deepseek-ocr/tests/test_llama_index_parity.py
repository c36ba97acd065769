"""Both frameworks get the same of the same file: ids, texts, and metadata with its keys in order."""

from __future__ import annotations

import pytest
from langchain_deepseek_ocr import DeepSeekOCRLoader, DeepSeekOCRTextSplitter, loader
from llama_index.core.schema import MetadataMode
from llama_index.readers.deepseek_ocr import DeepSeekOCRNodeParser, DeepSeekOCRReader, base

from deepseek_ocr_rag import Document, Mode


@pytest.fixture(autouse=True)
def _canned(monkeypatch: pytest.MonkeyPatch, sample_document: Document) -> None:
    for module in (base, loader):
        monkeypatch.setattr(module, "read", lambda *_: (document for document in (sample_document,)))


@pytest.mark.parametrize("mode", ["page", "document", "chunk"])
def test_documents(mode: Mode) -> None:
    ours = DeepSeekOCRReader(mode=mode, max_tokens=200).load_data("sample.pdf")
    theirs = DeepSeekOCRLoader("sample.pdf", mode=mode, max_tokens=200).load()
    assert [(item.id_, item.text, list(item.metadata.items())) for item in ours] == [
        (item.id, item.page_content, list(item.metadata.items())) for item in theirs
    ]


@pytest.mark.parametrize("mode", ["page", "document", "chunk"])
def test_chunks_of_documents(mode: Mode) -> None:
    ours = DeepSeekOCRNodeParser(max_tokens=90)(DeepSeekOCRReader(mode=mode).load_data("sample.pdf"))
    theirs = DeepSeekOCRTextSplitter(max_tokens=90).split_documents(DeepSeekOCRLoader("sample.pdf", mode=mode).load())
    assert [(item.node_id, item.get_content(MetadataMode.NONE), list(item.metadata.items())) for item in ours] == [
        (item.id, item.page_content, list(item.metadata.items())) for item in theirs
    ]
    assert len(ours) > 10
