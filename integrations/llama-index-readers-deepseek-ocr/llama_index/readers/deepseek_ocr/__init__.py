"""Documents read by DeepSeek-OCR, or offline, as LlamaIndex documents and nodes that can be cited to the line."""

from .base import DeepSeekOCRReader
from .events import DeepSeekOCRPageEvent, DeepSeekOCRRunEvent
from .node_parser import DeepSeekOCRNodeParser, content_id

__all__ = [
    "DeepSeekOCRNodeParser",
    "DeepSeekOCRPageEvent",
    "DeepSeekOCRReader",
    "DeepSeekOCRRunEvent",
    "content_id",
]
