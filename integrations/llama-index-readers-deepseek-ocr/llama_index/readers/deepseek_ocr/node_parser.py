"""The node parser: pages and files that the reader gave, cut into nodes that know their lines.

Each node's ``regions`` are those of its own characters. A reader in mode ``chunk`` does the same with more knowledge
(headings of earlier pages, captions, tables over page breaks); this parser is for pipelines that keep pages or whole
files as their documents, so that an update replaces them as a whole.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from llama_index.core.bridge.pydantic import Field
from llama_index.core.node_parser import NodeParser
from llama_index.core.node_parser.interface import IdFuncCallable
from llama_index.core.node_parser.node_utils import build_nodes_from_splits
from llama_index.core.schema import BaseNode, Document, MetadataMode, TextNode
from llama_index.core.utils import get_tqdm_iterable

from deepseek_ocr_rag import EXCLUDED_FROM_EMBEDDING, ChunkOptions, Excerpt, rechunk

from .base import exclusions
from .chunking import ChunkFields
from .relations import lead_to_sources, link_families, link_neighbours

SLACK = 2
"""Tokens of parts may add up to less than those of the whole, at the one joint between metadata and text."""


def content_id(i: int, doc: BaseNode) -> str:
    """The default ``id_func``: the parser then uses ids that depend on the node's text and place alone.

    A function of a module, since a lambda is lost on the way to other processes. Called by others, it gives ids by
    position.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{doc.node_id}/{i}"))


class DeepSeekOCRNodeParser(ChunkFields, NodeParser):
    """Cuts documents along headings and tables, under a budget of tokens that counts the section path too.

    Works on documents of other readers as well; their nodes have a section path, but no boxes.

    Nodes lead to their document, and to those before and after them in it. With ``strategy="parent_child"`` parents
    lead to their children and back, and to other parents: index ``get_leaf_nodes(nodes)``, keep all in the docstore,
    and ``AutoMergingRetriever`` puts them together again.

    Raises:
        UnknownChunk: If a document's ``regions`` are not as the reader made them.
        ValueError: If a document shows the embedder so much metadata that no room for text is left.
    """

    KEPT: ClassVar[tuple[str, ...]] = ("tokenizer", "id_func")

    id_func: IdFuncCallable = Field(default=content_id, description="Function to generate node IDs.")

    @classmethod
    def class_name(cls) -> str:
        """The type's tag in serialized parsers and in cache keys."""
        return "DeepSeekOCRNodeParser"

    def _parse_nodes(
        self,
        nodes: Sequence[BaseNode],
        show_progress: bool = False,
        **kwargs: Any,  # noqa: ARG002 - the base class has them
    ) -> list[BaseNode]:
        parsed: list[BaseNode] = []
        for node in get_tqdm_iterable(nodes, show_progress, "Parsing nodes"):
            parsed += self._cut(node)
        return parsed

    def _postprocess_parsed_nodes(self, nodes: list[BaseNode], parent_doc_map: dict[str, Document]) -> list[BaseNode]:
        """What the base class does, without its search for offsets, which we know, and by role."""
        for node in nodes:
            document = parent_doc_map.get(node.ref_doc_id or "")
            if document is not None:
                node.metadata = {**document.metadata, **node.metadata}
        lead_to_sources(nodes, parent_doc_map)
        if self.include_prev_next_rel:
            link_neighbours(nodes)
        link_families(nodes)
        return nodes

    def _cut(self, node: BaseNode) -> list[TextNode]:
        hidden, hidden_from_llm = _hidden(node)
        text = node.get_content(metadata_mode=MetadataMode.NONE)
        excerpts = list(rechunk(text, node.metadata, self._room_beside(node, hidden)))
        made = build_nodes_from_splits([excerpt.text for excerpt in excerpts], node, id_func=self.id_func)
        for excerpt, new in zip(excerpts, made, strict=True):
            self._place(new, excerpt, hidden, hidden_from_llm)
        return made

    def _place(self, node: TextNode, excerpt: Excerpt, hidden: set[str], hidden_from_llm: set[str]) -> None:
        if self.id_func is content_id:
            node.id_ = excerpt.id
        embedding, llm = exclusions(excerpt.metadata, has_text=True)
        node.metadata = excerpt.metadata
        node.excluded_embed_metadata_keys = [*embedding, *sorted(hidden.difference(embedding))]
        node.excluded_llm_metadata_keys = [*llm, *sorted(hidden_from_llm.difference(llm))]
        node.start_char_idx, node.end_char_idx = excerpt.start, excerpt.end

    def _room_beside(self, node: BaseNode, hidden: set[str]) -> ChunkOptions:
        """The options, with the budget that other metadata leaves, where somebody shows it to the embedder."""
        options = self.chunk_options()
        own = {*EXCLUDED_FROM_EMBEDDING, "section_path"}
        shown = [
            node.metadata_template.format(key=key, value=value)
            for key, value in node.metadata.items()
            if key not in own and key not in hidden
        ]
        if not shown:
            return options
        taken = options.token_counter(node.metadata_separator.join(["", *shown, "\n"])) + SLACK
        left = options.max_tokens - taken
        return replace(
            options,
            max_tokens=left,
            overlap=max(0, min(options.overlap, (left - 1) // 2)),
            parent_tokens=options.parent_tokens - taken,
        )


def _hidden(node: BaseNode) -> tuple[set[str], set[str]]:
    """What the node's makers hide, but for the section path, which depends on each chunk."""
    return (
        set(node.excluded_embed_metadata_keys) - {"section_path"},
        set(node.excluded_llm_metadata_keys) - {"section_path"},
    )
