"""A DeepSeek-OCR server for tests: it reads pictures for real, answers in the model's grammar, and fails on demand."""

from __future__ import annotations

from .codes import draw_codes, read_codes, sentence
from .faults import ALL, HOST, MODEL, Fault, Faults
from .grammar import Form
from .host import Entry, Received
from .reading import Reader
from .rules import RULES, Rules
from .server import StandIn

__all__ = [
    "ALL",
    "HOST",
    "MODEL",
    "RULES",
    "Entry",
    "Fault",
    "Faults",
    "Form",
    "Reader",
    "Received",
    "Rules",
    "StandIn",
    "draw_codes",
    "read_codes",
    "sentence",
]
