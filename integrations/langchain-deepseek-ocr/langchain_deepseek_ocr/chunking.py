"""How chunks are cut: the options that the loader, the blob parser and the splitter have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepseek_ocr_rag import ChunkOptions, Strategy, Tokenizer


@dataclass(kw_only=True, eq=False)
class ChunkSettings:
    """How to cut.

    Args:
        max_tokens: Hard budget of a chunk, section path included.
        chunk_overlap: Tokens of a chunk's end, in whole sentences, that the next one of its section says again; less
            than half of ``max_tokens``.
        strategy: Where chunks end beside their budget: with their ``section``; also with their ``page``; with each
            ``block``; or ``parent_child``, sections of up to ``parent_tokens``, each followed by its text in chunks of
            up to ``max_tokens``, whose ``parent_id`` is the section's id.
        parent_tokens: Hard budget of a parent.
        tokenizer: What tokens are counted with: a vocabulary's name (``cl100k_base``, ``o200k_base``), a tokenizer of
            tiktoken or Hugging Face, or a function that gives a text's tokens or their number.
    """

    max_tokens: int = 512
    chunk_overlap: int = 0
    strategy: Strategy = "section"
    parent_tokens: int = 2048
    tokenizer: Tokenizer = field(default="cl100k_base", repr=False)  # some show all words

    def chunk_options(self) -> ChunkOptions:
        """The options of the core.

        Raises:
            ValueError: If they do not fit together, or the vocabulary is unknown.
            TypeError: If the tokenizer is none.
        """
        return ChunkOptions(
            max_tokens=self.max_tokens,
            overlap=self.chunk_overlap,
            strategy=self.strategy,
            counter=self.tokenizer,
            parent_tokens=self.parent_tokens,
        )
