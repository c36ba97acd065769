"""How chunks are cut: the options that the reader and the node parser have in common.

They end up in cache keys and in other processes. So a tokenizer that is an object is written down by what it counts,
and one that cannot be pickled is not lost in silence, as it would be in the base class.
"""

from __future__ import annotations

import pickle
from typing import Annotated, Any, ClassVar

from llama_index.core.bridge.pydantic import (
    ConfigDict,
    Field,
    WithJsonSchema,
    field_serializer,
    field_validator,
    model_validator,
)
from llama_index.core.schema import BaseComponent
from pydantic import SkipValidation

from deepseek_ocr_rag import ChunkOptions, Strategy, Tokenizer, token_counter

_PROBES = (
    "retrieval",
    "Hydrogeologists' groundwater",
    "0.04 mg/L, 1,250 and 2024-11-21",
    "größer, naïve, œuvre",
    "第一章 地下水",
    "مياه جوفية",
    "น้ำใต้ดิน",
    "f(x) = \\sum_{i} x_i\n\n| a | b |",
)
"""Texts that few tokenizers count alike."""


class ChunkFields(BaseComponent):
    """The options, checked as soon as they are given."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    KEPT: ClassVar[tuple[str, ...]] = ("tokenizer",)
    """Fields that another process must have, too."""

    max_tokens: int = Field(default=512, description="Hard budget of a chunk, section path included.")
    chunk_overlap: int = Field(
        default=0,
        description="Tokens of a chunk's end, in whole sentences, that the next one of its section says again; less "
        "than half of max_tokens.",
    )
    strategy: Strategy = Field(
        default="section",
        description="Where chunks end beside their budget: with their 'section', also with their 'page', with each "
        "'block'; or 'parent_child', sections of up to parent_tokens and their text in chunks of up to max_tokens.",
    )
    parent_tokens: int = Field(default=2048, description="Hard budget of a parent.")
    tokenizer: Annotated[Tokenizer, SkipValidation, WithJsonSchema({"type": "string"})] = Field(
        default="cl100k_base",
        description="What tokens are counted with: a vocabulary's name ('cl100k_base', 'o200k_base'), a tokenizer of "
        "tiktoken or Hugging Face, or a function that gives a text's tokens or their number.",
    )

    @field_validator("tokenizer", mode="before")
    @classmethod
    def _check_tokenizer(cls, value: Any) -> Any:
        try:
            token_counter(value)
        except TypeError as error:
            raise ValueError(str(error)) from error
        return "cl100k_base" if value is None else value

    @field_serializer("tokenizer")
    def _name_tokenizer(self, value: Tokenizer) -> str:
        """The name of a vocabulary, or what a tokenizer is called and how it counts."""
        if isinstance(value, str):
            return value
        counter = token_counter(value)
        return " ".join([counter.name, *(str(counter(probe)) for probe in _PROBES)])

    @model_validator(mode="after")
    def _check_chunk_options(self) -> ChunkFields:
        self.chunk_options()
        return self

    def __getstate__(self) -> dict[str, Any]:
        """The state to pickle. The base class takes what cannot be pickled from the object itself, and in silence.

        Raises:
            TypeError: If a field in :attr:`KEPT` cannot be pickled; the default must not take its place.
        """
        for name in self.KEPT:
            value = getattr(self, name)
            try:
                pickle.dumps(value)
            except Exception as error:  # objects raise what they like
                raise TypeError(
                    f"{name}: {getattr(value, '__qualname__', type(value).__name__)} cannot be pickled. "
                    f"Use num_workers=None, or another {name}."
                ) from error
        return super().__getstate__()

    def chunk_options(self) -> ChunkOptions:
        """The options of the core.

        Raises:
            ValueError: If they do not fit together.
        """
        return ChunkOptions(
            max_tokens=self.max_tokens,
            overlap=self.chunk_overlap,
            strategy=self.strategy,
            counter=self.tokenizer,
            parent_tokens=self.parent_tokens,
        )
