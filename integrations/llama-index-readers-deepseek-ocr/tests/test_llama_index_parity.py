"""Both frameworks get the same of the same file: ids, texts, and metadata with its keys in order."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from langchain_deepseek_ocr import DeepSeekOCRLoader, DeepSeekOCRTextSplitter, settings
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import MetadataMode
from llama_index.readers.deepseek_ocr import DeepSeekOCRNodeParser, DeepSeekOCRReader, base

from deepseek_ocr_rag import Mode, Strategy


@pytest.fixture(autouse=True)
def _canned(already_read: Callable[[ModuleType], None]) -> None:
    for module in (base, settings):
        already_read(module)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"chunk_overlap": 30},
    {"strategy": "page"},
    {"strategy": "block"},
    {"strategy": "parent_child", "parent_tokens": 300},
    {"strategy": "parent_child", "parent_tokens": 600, "chunk_overlap": 20, "tokenizer": len},
]


@pytest.mark.parametrize("mode", ["page", "document"])
def test_documents(mode: Mode) -> None:
    check_documents(mode=mode, max_tokens=200)


@pytest.mark.parametrize("options", OPTIONS)
def test_chunks(options: dict[str, Any]) -> None:
    check_documents(mode="chunk", max_tokens=200, **options)


def check_documents(**options: Any) -> None:
    ours = DeepSeekOCRReader(**options).load_data("sample.pdf")
    theirs = DeepSeekOCRLoader("sample.pdf", **options).load()
    assert [(item.id_, item.text, list(item.metadata.items())) for item in ours] == [
        (item.id, item.page_content, list(item.metadata.items())) for item in theirs
    ]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("mode", ["page", "document", "chunk"])
def test_chunks_of_documents(mode: Mode, options: dict[str, Any]) -> None:
    options = {"max_tokens": 90, **options}
    ours = DeepSeekOCRNodeParser(**options)(DeepSeekOCRReader(mode=mode).load_data("sample.pdf"))
    theirs = DeepSeekOCRTextSplitter(**options).split_documents(DeepSeekOCRLoader("sample.pdf", mode=mode).load())
    assert [(item.node_id, item.get_content(MetadataMode.NONE), list(item.metadata.items())) for item in ours] == [
        (item.id, item.page_content, list(item.metadata.items())) for item in theirs
    ]
    assert len(ours) > 10


IDS = {
    "section": ["c934aaa5-e087-5298-8967-f6af6b0b371b", "e2055192-ae10-525f-b1bd-b9658f51e2a8"],
    "parent_child": [
        "6d4e03b5-33ec-591b-a47e-77631e1e6b74",
        "c934aaa5-e087-5298-8967-f6af6b0b371b",
        "bd7e51bd-f618-578b-ac73-13157dc918af",
        "e2055192-ae10-525f-b1bd-b9658f51e2a8",
    ],
}
TWICE = "# Water\n\nIt rains.\n\n# Water\n\nIt rains."


@pytest.mark.parametrize("strategy", ["section", "parent_child"])
def test_ids_are_the_same_everywhere_and_of_one_text_only(strategy: Strategy) -> None:
    """On every machine, in every process; what a text says twice has two ids."""
    options: dict[str, Any] = {"strategy": strategy, "tokenizer": "approx"}
    nodes = DeepSeekOCRNodeParser(**options)([LlamaDocument(text=TWICE, metadata={"file_name": "a.md"})])
    chunks = DeepSeekOCRTextSplitter(**options).create_documents([TWICE], [{"file_name": "a.md"}])
    assert [node.node_id for node in nodes] == [chunk.id for chunk in chunks] == IDS[strategy]
    assert len({node.node_id for node in nodes}) == len(nodes)
    assert {node.get_content(MetadataMode.NONE) for node in nodes} == {"# Water\n\nIt rains."}
