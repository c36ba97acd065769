"""PyMuPDF's layout model, loaded so that one page costs one core's time, and no more of it than it needs.

PyMuPDF runs its networks with a thread for each core, which spin while they wait, and gives all memory back after each
page, so that every page pays for 60 MB of fresh memory. Workers are processes: each has a core, and a bound on its
memory. One thread and memory that is kept make the networks twice as fast; what they answer is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import onnxruntime


def layout_groups(page: Any) -> list[dict[str, Any]]:
    """The boxes that the model sees on a MuPDF page, as PyMuPDF gives them: class, box, text segments, grid."""
    _load()
    # We put regions into order ourselves.
    page.get_layout(return_raw=True, do_sort=False)
    return list(page.layout_information or ())


@cache
def _load() -> None:
    with frugal_sessions():
        import pymupdf.layout  # noqa: F401 - loads the networks, and puts the model behind Page.get_layout


@contextmanager
def frugal_sessions() -> Iterator[None]:
    """Networks loaded inside have one thread that does not spin, and keep their memory."""
    plain = onnxruntime.InferenceSession

    def frugal(path: str, *_: Any, providers: Any = None, **__: Any) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return plain(path, sess_options=options, providers=providers)

    onnxruntime.InferenceSession = frugal
    try:
        yield
    finally:
        onnxruntime.InferenceSession = plain
