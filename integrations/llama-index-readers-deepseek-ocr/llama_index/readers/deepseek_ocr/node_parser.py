"""The node parser: pages and files that the reader gave, cut into nodes that know their lines.

Each node's ``regions`` are those of its own characters. A reader in mode ``chunk`` does the same with more knowledge
(headings of earlier pages, captions, tables over page breaks); this parser is for pipelines that keep pages or whole
files as their documents, so that an update replaces them as a whole.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.bridge.pydantic import Field, model_validator
from llama_index.core.node_parser import NodeParser
from llama_index.core.node_parser.interface import IdFuncCallable
from llama_index.core.node_parser.node_utils import build_nodes_from_splits
from llama_index.core.schema import BaseNode, Document, MetadataMode, RelatedNodeInfo, TextNode
from llama_index.core.utils import get_tqdm_iterable

from deepseek_ocr_rag import EXCLUDED_FROM_EMBEDDING, ChunkOptions, Excerpt, rechunk

from .base import exclusions

SLACK = 2
"""Tokens of parts may add up to less than those of the whole, at the one joint between metadata and text."""


def content_id(i: int, doc: BaseNode) -> str:
    """The default ``id_func``: the parser then uses ids that depend on the node's text and place alone.

    A function of a module, since a lambda is lost on the way to other processes. Called by others, it gives ids by
    position.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{doc.node_id}/{i}"))


class DeepSeekOCRNodeParser(NodeParser):
    """Cuts documents along headings and tables, under a budget of tokens that counts the section path too.

    Works on documents of other readers as well; their nodes have a section path, but no boxes.

    Raises:
        UnknownChunk: If a document's ``regions`` are not as the reader made them.
        ValueError: If a document shows the embedder so much metadata that no room for text is left.
    """

    max_tokens: int = Field(default=512, description="Hard budget for what is embedded of a node.")
    tokenizer: str = Field(default="cl100k_base", description="Vocabulary that tokens are counted with.")
    id_func: IdFuncCallable = Field(default=content_id, description="Function to generate node IDs.")

    @classmethod
    def class_name(cls) -> str:
        """The type's tag in serialized parsers and in cache keys."""
        return "DeepSeekOCRNodeParser"

    @model_validator(mode="after")
    def _check_options(self) -> DeepSeekOCRNodeParser:
        self._options()
        return self

    def _options(self) -> ChunkOptions:
        return ChunkOptions(max_tokens=self.max_tokens, counter=self.tokenizer)

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
        """What the base class does, without its search for offsets, which we know, and without the regions of others.

        Relations carry the metadata of the page and both neighbours into every vector's payload.
        """
        offsets = [(node.start_char_idx, node.end_char_idx) if isinstance(node, TextNode) else None for node in nodes]
        done = super()._postprocess_parsed_nodes(nodes, parent_doc_map)
        for node, offset in zip(done, offsets, strict=True):
            if isinstance(node, TextNode) and offset is not None:
                node.start_char_idx, node.end_char_idx = offset
            node.relationships = {kind: _without_regions(info) for kind, info in node.relationships.items()}
        return done

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
        options = self._options()
        own = {*EXCLUDED_FROM_EMBEDDING, "section_path"}
        shown = [
            node.metadata_template.format(key=key, value=value)
            for key, value in node.metadata.items()
            if key not in own and key not in hidden
        ]
        if not shown:
            return options
        taken = options.token_counter(node.metadata_separator.join(["", *shown, "\n"])) + SLACK
        return replace(options, max_tokens=options.max_tokens - taken)


def _hidden(node: BaseNode) -> tuple[set[str], set[str]]:
    """What the node's makers hide, but for the section path, which depends on each chunk."""
    return (
        set(node.excluded_embed_metadata_keys) - {"section_path"},
        set(node.excluded_llm_metadata_keys) - {"section_path"},
    )


def _without_regions(info: RelatedNodeInfo | list[RelatedNodeInfo]) -> RelatedNodeInfo | list[RelatedNodeInfo]:
    if isinstance(info, list) or "regions" not in info.metadata:
        return info
    return info.model_copy(update={"metadata": {key: info.metadata[key] for key in info.metadata if key != "regions"}})
