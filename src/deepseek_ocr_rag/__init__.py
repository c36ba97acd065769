"""Documents read by DeepSeek-OCR, or offline, into chunks that can be cited to the exact lines on the page."""

from .chunk import Anchor, Chunk, ChunkOptions, ChunkRegion, chunk_document
from .cite import Citation, CitationRegion, Passage, locate
from .document import Block, BlockKind, Cell, Document, Heading, Line, Page, Table, Usage
from .engines import Engine
from .engines.chat import ChatEngine, ChatOptions
from .engines.local import LocalEngine
from .engines.replay import RecordingEngine, ReplayEngine
from .errors import (
    CitationError,
    CorruptSource,
    DeepSeekOCRError,
    EmptyOutput,
    EncryptedSource,
    EngineError,
    EngineRejected,
    EngineUnavailable,
    OutputError,
    PageFailed,
    PageOutOfRange,
    RepeatedOutput,
    SourceChanged,
    SourceError,
    SourceTooLarge,
    TruncatedOutput,
    UnknownChunk,
    UnsupportedSource,
)
from .geometry import Box
from .highlight import annotate_pdf, crop, highlight_page
from .metadata import (
    EXCLUDED_FROM_EMBEDDING,
    EXCLUDED_FROM_LLM,
    chunk_metadata,
    document_metadata,
    page_metadata,
    parse_regions,
)
from .options import Failure, Progress, ReadOptions
from .pipeline import aread, read
from .rechunk import Excerpt, rechunk
from .recognition import PageImage, PageRequest, Recognition, Region, Word
from .records import Mode, Record, check_pages, records
from .source import Input
from .tokens import TokenCounter, token_counter

__all__ = [
    "EXCLUDED_FROM_EMBEDDING",
    "EXCLUDED_FROM_LLM",
    "Anchor",
    "Block",
    "BlockKind",
    "Box",
    "Cell",
    "ChatEngine",
    "ChatOptions",
    "Chunk",
    "ChunkOptions",
    "ChunkRegion",
    "Citation",
    "CitationError",
    "CitationRegion",
    "CorruptSource",
    "DeepSeekOCRError",
    "Document",
    "EmptyOutput",
    "EncryptedSource",
    "Engine",
    "EngineError",
    "EngineRejected",
    "EngineUnavailable",
    "Excerpt",
    "Failure",
    "Heading",
    "Input",
    "Line",
    "LocalEngine",
    "Mode",
    "OutputError",
    "Page",
    "PageFailed",
    "PageImage",
    "PageOutOfRange",
    "PageRequest",
    "Passage",
    "Progress",
    "ReadOptions",
    "Recognition",
    "Record",
    "RecordingEngine",
    "Region",
    "RepeatedOutput",
    "ReplayEngine",
    "SourceChanged",
    "SourceError",
    "SourceTooLarge",
    "Table",
    "TokenCounter",
    "TruncatedOutput",
    "UnknownChunk",
    "UnsupportedSource",
    "Usage",
    "Word",
    "annotate_pdf",
    "aread",
    "check_pages",
    "chunk_document",
    "chunk_metadata",
    "crop",
    "document_metadata",
    "highlight_page",
    "locate",
    "page_metadata",
    "parse_regions",
    "read",
    "rechunk",
    "records",
    "token_counter",
]
