"""The splitter as LangChain's own are used, and small to big with LangChain's stores."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from langchain_core.documents import BaseDocumentTransformer
from langchain_core.documents import Document as LangChainDocument
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.stores import InMemoryStore
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_deepseek_ocr import DeepSeekOCRLoader, DeepSeekOCRTextSplitter, settings

from deepseek_ocr_rag import Passage, locate, token_counter

TEXT = (
    "# Rivers\n\n" + " ".join(f"Sample {number} of the river was clear." for number in range(40)) + "\n\n# Hills\n\nNo."
)


@pytest.fixture
def canned(already_read: Callable[[ModuleType], None]) -> None:
    """Reading takes long; where it is not the point, it has been done."""
    already_read(settings)


def embedded(document: LangChainDocument) -> str:
    path = document.metadata["section_path"]
    return f"section_path: {path}\n\n{document.page_content}" if path else document.page_content


def test_the_methods_of_langchains_splitters() -> None:
    splitter = DeepSeekOCRTextSplitter(max_tokens=60)
    assert isinstance(splitter, BaseDocumentTransformer)
    texts = splitter.split_text(TEXT)
    assert len(texts) > 3
    assert texts[-1] == "# Hills\n\nNo."
    assert " ".join(texts).split() == TEXT.split()
    made = splitter.create_documents([TEXT, "Other."], [{"file_name": "a.md"}, {"file_name": "b.md", "author": "me"}])
    assert [item.page_content for item in made] == [*texts, "Other."]
    assert (made[0].metadata["file_name"], made[-1].metadata["author"]) == ("a.md", "me")
    assert [item.page_content for item in splitter.create_documents([TEXT])] == texts
    assert splitter.create_documents([]) == []
    given = [LangChainDocument(TEXT, metadata={"file_name": "a.md"})]
    assert splitter.split_documents(iter(given)) == splitter.transform_documents(given) == made[:-1]
    assert asyncio.run(splitter.atransform_documents(given)) == made[:-1]
    with pytest.raises(ValueError, match="zip"):
        splitter.create_documents([TEXT], [{}, {}])


@pytest.mark.parametrize("overlap", [0, 20])
def test_start_indices(overlap: int) -> None:
    splitter = DeepSeekOCRTextSplitter(max_tokens=60, chunk_overlap=overlap, add_start_index=True)
    chunks = splitter.create_documents([TEXT])
    starts = [chunk.metadata["start_index"] for chunk in chunks]
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    for chunk, end in zip(chunks, [*starts[1:], len(TEXT)], strict=True):
        new = TEXT[chunk.metadata["start_index"] : end].strip()
        assert chunk.page_content.endswith(new)  # before it is what the chunk before has said
    assert any(chunk.page_content.index("Sample") < chunk.page_content.rindex("Sample") for chunk in chunks)
    assert sum(len(chunk.page_content) for chunk in chunks) > len(TEXT) + (100 if overlap else -20)
    assert "start_index" not in DeepSeekOCRTextSplitter().create_documents([TEXT])[0].metadata


class Halves:
    """A tokenizer object."""

    def encode(self, text: str) -> list[int]:
        return [0] * (len(text) // 2)


@pytest.mark.parametrize("tokenizer", [len, str.split, Halves(), "approx", token_counter("o200k_base")])
def test_tokens_are_counted_by_whatever_is_given(tokenizer: Any) -> None:
    splitter = pickle.loads(pickle.dumps(DeepSeekOCRTextSplitter(tokenizer=tokenizer, max_tokens=200)))
    count = token_counter(tokenizer)
    chunks = splitter.create_documents([TEXT])
    assert len(chunks) > 2
    assert all(count(embedded(chunk)) == chunk.metadata["token_count"] <= 200 for chunk in chunks)


def test_splitters_are_equal_that_cut_alike_and_loaders_are_not() -> None:
    assert DeepSeekOCRTextSplitter(max_tokens=60) == DeepSeekOCRTextSplitter(max_tokens=60)
    assert DeepSeekOCRTextSplitter(max_tokens=60) != DeepSeekOCRTextSplitter(max_tokens=60, add_start_index=True)
    assert DeepSeekOCRLoader("a.pdf") != DeepSeekOCRLoader("a.pdf")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chunk_overlap": 256}, "overlap"),
        ({"strategy": "sentence"}, "section"),
        ({"strategy": "parent_child", "parent_tokens": 512}, "parents are larger"),
        ({"tokenizer": "gpt2"}, "no vocabulary"),
    ],
)
def test_wrong_settings_are_refused_at_once(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DeepSeekOCRTextSplitter(**wrong)
    with pytest.raises(ValueError, match=said):
        DeepSeekOCRLoader("a.pdf", **wrong)
    with pytest.raises(TypeError, match="cannot count tokens with int"):
        DeepSeekOCRTextSplitter(tokenizer=7)  # type: ignore[arg-type]


# Small to big


def families(way: str) -> list[LangChainDocument]:
    options: dict[str, Any] = {"strategy": "parent_child", "max_tokens": 60, "parent_tokens": 300}
    if way == "loader":
        return DeepSeekOCRLoader("sample.pdf", mode="chunk", **options).load()
    return DeepSeekOCRTextSplitter(**options).split_documents(DeepSeekOCRLoader("sample.pdf").load())


@pytest.mark.usefixtures("canned")
@pytest.mark.parametrize("way", ["loader", "splitter"])
def test_children_are_found_and_lead_to_their_parents(way: str) -> None:
    made = families(way)
    parents = {str(item.id): item for item in made if item.metadata["chunk_role"] == "parent"}
    children = [item for item in made if item.metadata["chunk_role"] == "child"]
    assert len(made) == len(parents) + len(children)
    assert len(children) > len(parents) > 3
    docstore = InMemoryStore()
    docstore.mset(list(parents.items()))
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=64))
    store.add_documents(children)
    quote = "The detection limit was 0.04 mg/L."
    (small,) = [item for item in children if quote in item.page_content]
    (found,) = store.similarity_search(small.page_content, k=1)  # equal texts have equal vectors
    assert found.id == small.id
    (big,) = docstore.mget([found.metadata["parent_id"]])
    assert isinstance(big, LangChainDocument)
    assert quote in big.page_content
    assert len(big.page_content) > len(small.page_content)
    citation = locate(quote, Passage.from_metadata(big.page_content, big.metadata))
    assert (citation.status, citation.page_number, citation.precision) == ("verified", 2, "line")


@pytest.mark.usefixtures("canned")
def test_all_in_one_store_and_parents_filtered_out() -> None:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=64))
    made = families("loader")
    store.add_documents(made)
    found = store.similarity_search("nitrate", k=9, filter=lambda item: item.metadata["chunk_role"] == "child")
    assert {item.metadata["chunk_role"] for item in found} == {"child"}
    (big,) = store.get_by_ids([found[0].metadata["parent_id"]])
    assert "".join(found[0].page_content.split()) in "".join(big.page_content.split())


@pytest.mark.usefixtures("canned")
def test_the_loader_cuts_with_overlap_and_by_page() -> None:
    apart = DeepSeekOCRLoader("sample.pdf", mode="chunk", max_tokens=100).load()
    again = DeepSeekOCRLoader("sample.pdf", mode="chunk", max_tokens=100, chunk_overlap=40).load()
    assert sum(len(item.page_content) for item in again) > sum(len(item.page_content) for item in apart)
    by_page = DeepSeekOCRLoader("sample.pdf", mode="chunk", strategy="page", max_tokens=2000).load()
    assert all(item.metadata["page_number"] == item.metadata["page_end_number"] for item in by_page)
