"""The model's own prompts, to the letter: their wording is load-bearing.

Source: README.md and config.py of deepseek-ai/DeepSeek-OCR at e4ac34e (2025-10-25). The leading ``<image>`` of those
strings is left out, because chat servers insert it for the image part of the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Task = Literal["markdown", "ocr", "free_ocr", "figure", "describe"]

PROMPTS: Mapping[Task, str] = MappingProxyType(
    {
        "markdown": "<|grounding|>Convert the document to markdown.",
        "ocr": "<|grounding|>OCR this image.",
        "free_ocr": "Free OCR.",
        "figure": "Parse the figure.",
        "describe": "Describe this image in detail.",
    }
)
