"""Documents read by DeepSeek-OCR, or offline, as LangChain documents that can be cited to the line."""

from .indexing import uuid_key_encoder
from .loader import DeepSeekOCRLoader
from .parser import DeepSeekOCRBlobParser
from .splitter import DeepSeekOCRTextSplitter

__all__ = ["DeepSeekOCRBlobParser", "DeepSeekOCRLoader", "DeepSeekOCRTextSplitter", "uuid_key_encoder"]
