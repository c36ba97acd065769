"""Small to big: parents, their children, and what LlamaIndex makes of them."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any
from zlib import crc32

import pytest
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import get_leaf_nodes, get_root_nodes
from llama_index.core.node_parser.relational.hierarchical import get_child_nodes
from llama_index.core.retrievers import AutoMergingRetriever
from llama_index.core.schema import BaseNode, Document, MetadataMode, NodeRelationship, RelatedNodeInfo
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.readers.deepseek_ocr import DeepSeekOCRNodeParser, DeepSeekOCRReader, base

from deepseek_ocr_rag import parse_regions, token_counter


def section(title: str, subject: str) -> str:
    sentences = (f"Sample {number} says how much {subject} was found there." for number in range(12))
    return f"## {title}\n\n" + "\n\n".join(sentences)


RIVERS = "\n\n".join(["# Rivers", *(section(word.title(), word) for word in ("nitrate", "oxygen", "copper"))])
HILLS = "\n\n".join(["# Hills", *(section(word.title(), word) for word in ("granite", "heather"))])


class WordsEmbedding(BaseEmbedding):
    """Texts are near each other that share words."""

    def _get_text_embedding(self, text: str) -> list[float]:
        vector = [0.0] * 256
        for word in re.findall(r"\w+", text.lower()):
            vector[crc32(word.encode()) % len(vector)] += 1
        return vector

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


PARSER = DeepSeekOCRNodeParser(strategy="parent_child", max_tokens=60, parent_tokens=240)


def documents() -> list[Document]:
    return [Document(id_="rivers", text=RIVERS), Document(id_="hills", text=HILLS)]


def signs(*nodes: BaseNode) -> str:
    """The texts of nodes without their white space."""
    return "".join("".join(node.get_content(MetadataMode.NONE) for node in nodes).split())


def related(node: BaseNode, kind: NodeRelationship) -> str:
    info = node.relationships.get(kind)
    return info.node_id if isinstance(info, RelatedNodeInfo) else ""


def check_families(nodes: Sequence[BaseNode]) -> None:
    """Leaves are children, roots are parents, and they lead to each other in order."""
    leaves, roots = get_leaf_nodes(list(nodes)), get_root_nodes(list(nodes))
    assert {node.metadata["chunk_role"] for node in leaves} == {"child"}
    assert {node.metadata["chunk_role"] for node in roots} == {"parent"}
    assert len(leaves) + len(roots) == len(nodes) == len({node.node_id for node in nodes})
    for parent in roots:
        children = get_child_nodes([parent], list(nodes))
        assert [info.node_id for info in parent.child_nodes or []] == [node.node_id for node in children]
        assert {related(node, NodeRelationship.PARENT) for node in children} == {parent.node_id}
        assert {node.metadata["parent_id"] for node in children} == {parent.metadata["chunk_id"]}
        assert signs(*children) == signs(parent)
    for info in [info for node in nodes for info in node.relationships.values()]:
        for one in info if isinstance(info, list) else [info]:
            assert not {"regions", "images"} & set(one.metadata)


def check_merging(nodes: Sequence[BaseNode], question: str, expected: str) -> None:
    """Leaves that a question finds give their place to their parents."""
    store = StorageContext.from_defaults(docstore=SimpleDocumentStore())
    store.docstore.add_documents(nodes)
    index = VectorStoreIndex(get_leaf_nodes(list(nodes)), storage_context=store, embed_model=WordsEmbedding())
    retriever = index.as_retriever(similarity_top_k=3)
    assert {hit.node.metadata["chunk_role"] for hit in retriever.retrieve(question)} == {"child"}
    found = AutoMergingRetriever(retriever, store, simple_ratio_thresh=0.1).retrieve(question)  # type: ignore[arg-type]
    merged = [hit.node for hit in found if hit.node.metadata["chunk_role"] == "parent"]
    assert [node for node in merged if expected in node.get_content(MetadataMode.NONE)]


def test_parents_and_children_lead_to_each_other() -> None:
    nodes = PARSER(documents())
    check_families(nodes)
    for node in nodes:
        budget = 60 if node.metadata["chunk_role"] == "child" else 240
        assert token_counter()(node.get_content(MetadataMode.EMBED)) == node.metadata["token_count"] <= budget


def test_neighbours_are_of_the_same_role_and_document() -> None:
    nodes = PARSER(documents())
    for role in ("parent", "child"):
        for source in ("rivers", "hills"):
            alike = [node for node in nodes if (node.metadata["chunk_role"], node.ref_doc_id) == (role, source)]
            assert len(alike) > 1
            for before, after in pairwise(alike):
                assert related(before, NodeRelationship.NEXT) == after.node_id
                assert related(after, NodeRelationship.PREVIOUS) == before.node_id
            assert related(alike[0], NodeRelationship.PREVIOUS) == related(alike[-1], NodeRelationship.NEXT) == ""
    alone = PARSER.model_copy(update={"include_prev_next_rel": False})(documents())
    kinds = {kind for node in alone for kind in node.relationships}
    assert kinds == {NodeRelationship.SOURCE, NodeRelationship.PARENT, NodeRelationship.CHILD}


def test_pages_that_are_parts_of_a_file_are_neighbours_and_lead_to_it() -> None:
    file = RelatedNodeInfo(node_id="file", metadata={"regions": "[]"})
    pages = [Document(id_=name, text=name, relationships={NodeRelationship.SOURCE: file}) for name in ("one", "two")]
    first, second = DeepSeekOCRNodeParser()(pages)
    assert (first.ref_doc_id, second.ref_doc_id) == ("file", "file")
    assert related(first, NodeRelationship.NEXT) == second.node_id
    assert first.relationships[NodeRelationship.SOURCE].metadata == {}  # type: ignore[union-attr]


def test_auto_merging_puts_sections_together() -> None:
    check_merging(PARSER(documents()), "how much copper was found", "## Copper")


def test_ids_of_the_users_own_making_lead_to_each_other_too() -> None:
    parser = DeepSeekOCRNodeParser(strategy="parent_child", max_tokens=60, parent_tokens=240, id_func=by_position)
    nodes = parser([Document(id_="rivers", text=RIVERS)])
    assert nodes[1].node_id == "rivers-1"
    check_families(nodes)


def by_position(i: int, doc: BaseNode) -> str:
    return f"{doc.node_id}-{i}"


def test_overlap_is_told_again_and_budgets_hold_beside_the_metadata_of_others() -> None:
    text = " ".join(f"Sample {number} was clear." for number in range(60))
    document = Document(text=text, metadata={"customer": "The council of the upper valley of the Ostrel"})
    parser = DeepSeekOCRNodeParser(max_tokens=40, chunk_overlap=19)
    nodes = parser([document])
    assert all(token_counter()(node.get_content(MetadataMode.EMBED)) <= 40 for node in nodes)
    pieces = [node.get_content(MetadataMode.NONE) for node in nodes]
    for before, after in pairwise(pieces):
        assert before.endswith(after.partition(".")[0] + ".") or after.split(".")[0] in before
    assert sum(map(len, pieces)) > len(text)


@pytest.fixture
def canned(already_read: Callable[[ModuleType], None]) -> None:
    already_read(base)


@pytest.mark.usefixtures("canned")
@pytest.mark.parametrize("ids", ["content", "source"])
def test_the_reader_gives_families_too(ids: str) -> None:
    reader = DeepSeekOCRReader(mode="chunk", strategy="parent_child", max_tokens=60, parent_tokens=300, ids=ids)  # type: ignore[arg-type]
    made = reader.load_data("sample.pdf")
    check_families(made)
    check_merging(made, "The detection limit was 0.04 mg/L.", "The detection limit was 0.04 mg/L.")
    assert all(parse_regions(document.metadata["regions"]) for document in made)
    assert all(document.ref_doc_id is None for document in made)
    by_metadata = {document.metadata["chunk_id"]: document for document in made}
    children = [document for document in made if document.metadata["chunk_role"] == "child"]
    assert all(by_metadata[document.metadata["parent_id"]].metadata["chunk_role"] == "parent" for document in children)


@pytest.mark.usefixtures("canned")
def test_a_pipeline_keeps_all_and_indexes_what_it_is_given() -> None:
    reader = DeepSeekOCRReader(mode="chunk", strategy="parent_child", max_tokens=60, parent_tokens=300)
    docstore, store = SimpleDocumentStore(), SimpleVectorStore()
    pipeline = IngestionPipeline(
        transformations=[MockEmbedding(embed_dim=4)], docstore=docstore, vector_store=store, disable_cache=True
    )
    made = reader.load_data("sample.pdf")
    leaves = get_leaf_nodes(list(made))
    assert [len(pipeline.run(nodes=leaves)) for _ in range(2)] == [len(leaves), 0]
    assert set(store.data.embedding_dict) == {node.node_id for node in leaves}


# Tokenizers


def letters(text: str) -> int:
    return len(text)


class Halves:
    """A tokenizer object."""

    name = "halves"

    def encode(self, text: str) -> list[int]:
        return [0] * (len(text) // 2)


@pytest.mark.parametrize("tokenizer", [letters, str.split, Halves(), Halves().encode, "approx", token_counter()])
def test_tokens_are_counted_by_whatever_is_given(tokenizer: Any) -> None:
    parser = DeepSeekOCRNodeParser(tokenizer=tokenizer, max_tokens=50)
    count = parser.chunk_options().token_counter
    nodes = parser(documents())
    assert all(count(node.get_content(MetadataMode.EMBED)) == node.metadata["token_count"] <= 50 for node in nodes)
    other = pickle.loads(pickle.dumps(parser))
    assert other.to_dict() == parser.to_dict()
    assert [node.node_id for node in other(documents())] == [node.node_id for node in nodes]


def test_cache_keys_tell_tokenizers_apart() -> None:
    tokenizers: list[Any] = [
        "cl100k_base",
        "approx",
        letters,
        str.split,
        Halves(),
        lambda text: 1,
        lambda text: 1 + len(text),
    ]
    keys = [DeepSeekOCRNodeParser(tokenizer=tokenizer).to_dict()["tokenizer"] for tokenizer in tokenizers]
    assert keys[:2] == ["cl100k_base", "approx"]
    assert len(set(keys)) == len(keys)
    assert all(isinstance(key, str) for key in keys)
    assert keys == [DeepSeekOCRNodeParser(tokenizer=tokenizer).to_dict()["tokenizer"] for tokenizer in tokenizers]
    assert DeepSeekOCRReader(tokenizer=letters).to_dict()["tokenizer"] == keys[2]
    with pytest.raises(ValueError, match="pass the tokenizer itself"):
        DeepSeekOCRReader.from_dict(DeepSeekOCRReader(tokenizer=letters).to_dict())


def test_what_cannot_be_pickled_is_not_lost_in_silence() -> None:
    for parser in (
        DeepSeekOCRNodeParser(tokenizer=lambda text: len(text)),  # noqa: PLW0108 - len itself can be pickled
        DeepSeekOCRNodeParser(id_func=lambda i, doc: f"{doc.node_id}-{i}"),
        DeepSeekOCRReader(tokenizer=lambda text: len(text)),  # noqa: PLW0108
    ):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(parser)


@pytest.mark.parametrize("kind", [DeepSeekOCRNodeParser, DeepSeekOCRReader])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chunk_overlap": 256}, "overlap"),
        ({"strategy": "sentence"}, "section"),
        ({"strategy": "parent_child", "parent_tokens": 512}, "parents are larger"),
        ({"tokenizer": 7}, "cannot count tokens"),
        ({"tokenizer": "gpt2"}, "no vocabulary"),
    ],
)
def test_wrong_options_are_refused_at_once(kind: type[DeepSeekOCRReader], wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kind(**wrong)  # type: ignore[arg-type]
