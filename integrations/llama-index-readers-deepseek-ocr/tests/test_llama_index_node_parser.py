"""The node parser: pages and files into nodes that know their lines."""

from __future__ import annotations

import asyncio
import pickle
import uuid
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import NodeParser
from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, TextNode
from llama_index.core.schema import Document as LlamaDocument
from llama_index.readers.deepseek_ocr import DeepSeekOCRNodeParser, DeepSeekOCRReader, base, content_id
from pydantic import ValidationError

from deepseek_ocr_rag import Box, Passage, UnknownChunk, locate, parse_regions, token_counter


@pytest.fixture
def pages(already_read: Callable[[ModuleType], None]) -> list[LlamaDocument]:
    """The reader's documents of the sample, which has been read."""
    already_read(base)
    return DeepSeekOCRReader().load_data("sample.pdf")


def parse(pages: Sequence[BaseNode], **options: Any) -> list[TextNode]:
    nodes = DeepSeekOCRNodeParser(**{"max_tokens": 120, **options})(pages)
    assert all(isinstance(node, TextNode) for node in nodes)
    return [node for node in nodes if isinstance(node, TextNode)]


def test_class() -> None:
    assert NodeParser.__name__ in [base_class.__name__ for base_class in DeepSeekOCRNodeParser.__mro__]
    assert DeepSeekOCRNodeParser.class_name() == "DeepSeekOCRNodeParser"


def test_nodes_keep_the_budget_in_what_is_embedded(pages: list[LlamaDocument]) -> None:
    nodes = parse(pages)
    assert len(nodes) > 2 * len(pages)
    for node in nodes:
        path = node.metadata["section_path"]
        embedded = node.get_content(MetadataMode.EMBED)
        assert embedded == (f"section_path: {path}\n\n{node.text}" if path else node.text)
        assert token_counter()(embedded) == node.metadata["token_count"] <= 120
        assert "regions" not in node.get_content(MetadataMode.LLM)


def test_nodes_know_their_lines_and_offsets(pages: list[LlamaDocument]) -> None:
    texts = {page.id_: page for page in pages}
    for node in parse(pages):
        page = texts[str(node.ref_doc_id)]
        assert node.start_char_idx is not None
        shown = page.text[node.start_char_idx : node.end_char_idx]
        assert shown.split() == node.text.split()
        boxes: dict[Box, str] = {}
        for region in parse_regions(page.metadata["regions"]):
            boxes[region.box] = boxes.get(region.box, "") + page.text[region.start : region.end]
        for region in parse_regions(node.metadata["regions"]):
            assert node.text[region.start : region.end] in boxes[region.box]
    (citation,) = [
        citation
        for node in parse(pages)
        if (citation := locate("The detection limit was 0.04 mg/L.", Passage.from_metadata(node.text, node.metadata)))
        and citation.regions
    ]
    assert (citation.status, citation.page_number, citation.precision) == ("verified", 2, "line")


def test_relations_are_lean_and_lead_to_the_page(pages: list[LlamaDocument]) -> None:
    nodes = parse(pages)
    first, second = nodes[:2]
    assert first.ref_doc_id == pages[0].id_
    assert first.next_node is not None
    assert second.prev_node is not None
    assert (first.next_node.node_id, second.prev_node.node_id) == (second.id_, first.id_)
    assert first.relationships[NodeRelationship.SOURCE].hash == pages[0].hash  # type: ignore[union-attr]
    for node in nodes:
        assert all("regions" not in info.metadata for info in node.relationships.values())  # type: ignore[union-attr]


def test_ids_are_of_the_content_unless_told_otherwise(pages: list[LlamaDocument]) -> None:
    nodes = parse(pages)
    assert [node.id_ for node in nodes] == [node.id_ for node in parse(pages)]
    assert len({uuid.UUID(node.id_) for node in nodes}) == len(nodes)
    assert [node.metadata["chunk_id"] for node in nodes] == [node.id_ for node in nodes]
    own = parse(pages, id_func=by_position)
    assert own[1].id_ == f"{pages[0].id_}-1"
    assert content_id(0, pages[0]) == content_id(0, pages[0]) != content_id(1, pages[0])


def by_position(i: int, doc: BaseNode) -> str:
    return f"{doc.node_id}-{i}"


def test_pickled_parsers_give_the_same_nodes(pages: list[LlamaDocument]) -> None:
    parser = pickle.loads(pickle.dumps(DeepSeekOCRNodeParser(max_tokens=120)))
    assert [node.id_ for node in parser(pages)] == [node.id_ for node in parse(pages)]
    assert asyncio.run(parser.aget_nodes_from_documents(pages)) == parser(pages)


@pytest.mark.filterwarnings("ignore")  # of the processes, which import what they like
def test_pipeline_with_processes(pages: list[LlamaDocument]) -> None:
    options: dict[str, Any] = {"strategy": "parent_child", "parent_tokens": 400, "tokenizer": str.split}
    parser = DeepSeekOCRNodeParser(max_tokens=120, **options)
    nodes = IngestionPipeline(transformations=[parser]).run(documents=pages, num_workers=2)
    assert [(node.node_id, node.relationships) for node in nodes] == [
        (node.node_id, node.relationships) for node in parse(pages, **options)
    ]


def test_blank_pages_give_no_nodes(pages: list[LlamaDocument]) -> None:
    blank = LlamaDocument(text="", metadata=pages[0].metadata | {"regions": "[]"})
    assert parse([blank]) == []


def test_metadata_that_others_show_to_the_embedder_is_in_the_budget(pages: list[LlamaDocument]) -> None:
    for page in pages:
        page.metadata["customer"] = "The council of the upper valley of the Ostrel"
    nodes = parse(pages)
    for node in nodes:
        embedded = node.get_content(MetadataMode.EMBED)
        assert "customer: The council" in embedded
        assert token_counter()(embedded) <= 120
    for page in pages:
        page.metadata["customer"] *= 20
    with pytest.raises(ValueError, match="max_tokens"):
        parse(pages)


def test_documents_of_other_readers_are_cut_too() -> None:
    document = LlamaDocument(text="# Title\n\nText.\n\n# Other\n\nMore.", metadata={"kind": "note"})
    nodes = parse([document])
    assert [node.text for node in nodes] == ["# Title\n\nText.", "# Other\n\nMore."]
    assert (nodes[0].metadata["kind"], nodes[0].metadata["regions"]) == ("note", "[]")
    shown = "kind: note\nsection_path: Title\n\n# Title\n\nText."
    assert [nodes[0].get_content(mode) for mode in (MetadataMode.EMBED, MetadataMode.LLM)] == [shown, shown]
    with pytest.raises(UnknownChunk):
        parse([LlamaDocument(text="# Title", metadata={"regions": "elsewhere"})])


def test_what_others_say_under_our_keys_is_kept() -> None:
    theirs = {"page": 7, "parent_id": ["a", "b"], "images": ["a.png"]}
    nodes = parse([LlamaDocument(text="# Title\n\nText.", metadata=theirs)])
    assert [node.metadata.items() >= theirs.items() for node in nodes] == [True]
    family = parse([LlamaDocument(text="# Title\n\nText.", metadata=theirs)], strategy="parent_child")
    assert [node.metadata["chunk_role"] for node in family] == ["parent", "child"]
    assert family[1].parent_node is not None


@pytest.mark.parametrize("families", [False, True])
def test_chunks_of_the_reader_stay_as_they_are(pages: list[LlamaDocument], families: bool) -> None:
    options: dict[str, Any] = {"strategy": "parent_child", "parent_tokens": 400} if families else {}
    chunks = DeepSeekOCRReader(mode="chunk", max_tokens=120, **options).load_data("sample.pdf")
    nodes = parse(chunks)
    assert [(node.id_, node.text, node.metadata) for node in nodes] == [
        (chunk.id_, chunk.text, chunk.metadata) for chunk in chunks
    ]
    assert pages


def test_an_index_gives_back_the_regions(pages: list[LlamaDocument]) -> None:
    nodes = parse(pages)
    index = VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=4))
    found = index.as_retriever(similarity_top_k=1000).retrieve("nitrate")
    assert {hit.node.node_id: hit.node.metadata["regions"] for hit in found} == {
        node.id_: node.metadata["regions"] for node in nodes
    }


def test_wrong_options_are_refused_at_once() -> None:
    with pytest.raises(ValidationError):
        DeepSeekOCRNodeParser(max_tokens=3)


def test_dict_has_what_caches_need() -> None:
    data = DeepSeekOCRNodeParser(max_tokens=99).to_dict()
    assert (data["class_name"], data["max_tokens"]) == ("DeepSeekOCRNodeParser", 99)
    assert data["id_func"] == {"id_func_name": "content_id", "title": "id_func"}
