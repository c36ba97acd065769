"""Keys for ``langchain_core.indexing.index``."""

from __future__ import annotations

import hashlib
import json
import uuid

from langchain_core.documents import Document


def uuid_key_encoder(document: Document) -> str:
    """A UUID that depends on nothing but text and metadata: ``index(..., key_encoder=uuid_key_encoder)``.

    Qdrant and Weaviate take no other ids, and the built-in encoders that give them warn. A document that changes gets
    another key, as ``index`` needs it; ``document.id`` as a key would have a page that was read again skipped.

    Raises:
        TypeError: If the metadata is not JSON.
    """
    content = json.dumps([document.page_content, document.metadata], sort_keys=True)
    return str(uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(content.encode()).hexdigest()))
