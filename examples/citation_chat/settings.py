"""What the app is told: by its command line, and by the environment where keys and addresses belong."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_ocr_rag import ReadOptions

SAMPLE = "Ostrel water programme.pdf"
"""What the sample document is called in the library."""

SUGGESTIONS = (
    "What was the detection limit for nitrate?",
    "How much nitrate nitrogen left the catchment in the year?",
    "What does the sensor at Estry Gauge cost in the first year?",
    "What did the staff gauge at Hobb Drain read?",
)
"""Questions about the sample: a sentence, a figure, a table and a scanned page."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Llm:
    """An OpenAI-compatible server that writes the answers."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls) -> Llm | None:
        """The server that ``OPENAI_BASE_URL``, ``OPENAI_API_KEY`` and ``MODEL`` name; None where they name none."""
        address, key, model = (
            os.environ.get(name, "").strip() for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "MODEL")
        )
        if not (address and model):
            return None
        return cls(base_url=address.rstrip("/"), model=model, api_key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between two runs of the app."""

    data: Path
    """Where documents, their text, vectors and conversations are kept."""
    vendor: Path
    """Where pdf.js lies, if it could be fetched."""
    hosts: tuple[str, ...] = LOOPBACK
    """Names under which the app may be asked for; any other ``Host`` is refused (DNS rebinding)."""
    llm: Llm | None = None
    read: ReadOptions = field(default_factory=ReadOptions)
    """How documents are read: the engine is the one that the environment names, else the embedded one."""
    max_bytes: int = 200 << 20
    max_pages: int = 2_000
    max_question: int = 2_000
    """Characters of a question."""
    max_documents: int = 500
    use_vectors: bool = True
    """Whether meaning is searched, too, where the model's wheel is installed."""
