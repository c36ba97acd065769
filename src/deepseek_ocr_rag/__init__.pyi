"""The names of the package: from here they are imported lazily, and type checkers read them."""

from . import viewers
from .anchors import Anchor, Chunk, ChunkRegion
from .annotate import annotate_pdf
from .answering.numbered import CITING_PROMPT, numbered_sources
from .answers import (
    AnswerCitation,
    CitationEvent,
    CitedAnswer,
    CitedStream,
    FinalEvent,
    TextEvent,
    cite_answer,
)
from .cache import PageCache, default_cache
from .chunk import ChunkOptions, Strategy, chunk_document, chunk_markdown, chunk_pages
from .cite import Citation, CitationRegion, locate
from .contactsheet import contact_sheet
from .docling import to_docling
from .document import Block, BlockKind, Cell, Document, Heading, Line, OutlineEntry, Page, Table
from .engines import Engine
from .engines.chat import ChatEngine
from .engines.local import LocalEngine
from .engines.providers import PROVIDERS, Provider
from .engines.remote import ChatOptions
from .engines.replay import RecordingEngine, ReplayEngine
from .engines.replicate import ReplicateEngine
from .engines.retry import RetryPolicy
from .errors import (
    CitationError,
    CorruptSource,
    DeepSeekOCRError,
    EmptyOutput,
    EncryptedSource,
    EngineError,
    EngineMisconfigured,
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
from .export import document_markdown
from .figures import FigureOptions, FigureReading
from .geometry import Box, Frame, PdfView
from .highlight import crop, highlight_page
from .limits import Limits
from .linewords import LineWord
from .metadata import (
    EXCLUDED_FROM_EMBEDDING,
    EXCLUDED_FROM_LLM,
    chunk_metadata,
    document_metadata,
    page_metadata,
    parse_regions,
)
from .modes import Resolution
from .ondemand import alocate, locate_on_page
from .options import Failure, Progress, ReadOptions
from .passage import Passage
from .pipeline import aread, read
from .prompts import Task
from .rechunk import Excerpt, rechunk
from .recognition import (
    ImageRequest,
    PageImage,
    PageRequest,
    Piece,
    Quality,
    Recognition,
    Region,
    Renderer,
    Word,
    Words,
)
from .records import Mode, Record, check_pages, records
from .sheets import table_csv
from .source import Input
from .spending import Spending
from .streaming import aread_records, read_records
from .tables import table_html, table_markdown, table_rows
from .tokens import TokenCounter, Tokenizer, token_counter
from .usage import Price, Usage
from .webpage import document_html
from .wholes import WholeTable, whole_tables

__all__ = [
    "CITING_PROMPT",
    "EXCLUDED_FROM_EMBEDDING",
    "EXCLUDED_FROM_LLM",
    "PROVIDERS",
    "Anchor",
    "AnswerCitation",
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
    "CitationEvent",
    "CitationRegion",
    "CitedAnswer",
    "CitedStream",
    "CorruptSource",
    "DeepSeekOCRError",
    "Document",
    "EmptyOutput",
    "EncryptedSource",
    "Engine",
    "EngineError",
    "EngineMisconfigured",
    "EngineRejected",
    "EngineUnavailable",
    "Excerpt",
    "Failure",
    "FigureOptions",
    "FigureReading",
    "FinalEvent",
    "Frame",
    "Heading",
    "ImageRequest",
    "Input",
    "Limits",
    "Line",
    "LineWord",
    "LocalEngine",
    "Mode",
    "OutlineEntry",
    "OutputError",
    "Page",
    "PageCache",
    "PageFailed",
    "PageImage",
    "PageOutOfRange",
    "PageRequest",
    "Passage",
    "PdfView",
    "Piece",
    "Price",
    "Progress",
    "Provider",
    "Quality",
    "ReadOptions",
    "Recognition",
    "Record",
    "RecordingEngine",
    "Region",
    "Renderer",
    "RepeatedOutput",
    "ReplayEngine",
    "ReplicateEngine",
    "Resolution",
    "RetryPolicy",
    "SourceChanged",
    "SourceError",
    "SourceTooLarge",
    "Spending",
    "Strategy",
    "Table",
    "Task",
    "TextEvent",
    "TokenCounter",
    "Tokenizer",
    "TruncatedOutput",
    "UnknownChunk",
    "UnsupportedSource",
    "Usage",
    "WholeTable",
    "Word",
    "Words",
    "alocate",
    "annotate_pdf",
    "aread",
    "aread_records",
    "check_pages",
    "chunk_document",
    "chunk_markdown",
    "chunk_metadata",
    "chunk_pages",
    "cite_answer",
    "contact_sheet",
    "crop",
    "default_cache",
    "document_html",
    "document_markdown",
    "document_metadata",
    "highlight_page",
    "locate",
    "locate_on_page",
    "numbered_sources",
    "page_metadata",
    "parse_regions",
    "read",
    "read_records",
    "rechunk",
    "records",
    "table_csv",
    "table_html",
    "table_markdown",
    "table_rows",
    "to_docling",
    "token_counter",
    "viewers",
    "whole_tables",
]
