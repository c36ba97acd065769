"""Which nodes lead to which: neighbours of the same role, parents and children, and the document that they are from.

Relations repeat the metadata of the node that they lead to, and end up in every vector's payload; so they leave out
what is long and says nothing about which node it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from llama_index.core.schema import BaseNode, Document, NodeRelationship, RelatedNodeInfo

_BULKY = ("regions", "images")


def lead_to_sources(nodes: Iterable[BaseNode], documents: Mapping[str, Document]) -> None:
    """Where documents are parts of something themselves, that is the source of their nodes."""
    for node in nodes:
        document = documents.get(node.ref_doc_id or "")
        source = (document.source_node if document is not None else None) or node.source_node
        if source is not None:
            node.relationships[NodeRelationship.SOURCE] = _lean(source)


def link_neighbours(nodes: Sequence[BaseNode]) -> None:
    """Lead from each node to those before and after it that have the same source and the same role."""
    for role in ("", "parent", "child"):
        alike = [(node, _info(node)) for node in nodes if node.metadata.get("chunk_role", "") == role]
        for (before, info_before), (after, info_after) in pairwise(alike):
            source, other = before.source_node, after.source_node
            if source is not None and other is not None and source.node_id == other.node_id:
                before.relationships[NodeRelationship.NEXT] = info_after
                after.relationships[NodeRelationship.PREVIOUS] = info_before


def link_families(nodes: Iterable[BaseNode]) -> None:
    """Lead from parents to children and back; each parent comes before its children."""
    parents: dict[str, tuple[RelatedNodeInfo, list[RelatedNodeInfo]]] = {}
    for node in nodes:
        if node.metadata.get("chunk_role") == "parent":
            info, children = _info(node), list[RelatedNodeInfo]()
            parents[str(node.metadata["chunk_id"])] = info, children
            node.relationships[NodeRelationship.CHILD] = children
        elif (parent_id := str(node.metadata.get("parent_id"))) in parents:  # others may have what they like there
            info, children = parents[parent_id]
            node.relationships[NodeRelationship.PARENT] = info
            children.append(_info(node))


def _info(node: BaseNode) -> RelatedNodeInfo:
    return _lean(node.as_related_node_info())


def _lean(info: RelatedNodeInfo) -> RelatedNodeInfo:
    metadata = {key: value for key, value in info.metadata.items() if key not in _BULKY}
    return info.model_copy(update={"metadata": metadata})
