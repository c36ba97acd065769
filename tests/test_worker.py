"""The worker's frames and its manners on the pipe."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.worker import FRAME, pack, read_message

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.dictionaries(st.text(), JSON))
def test_messages_survive_their_frame(header: dict[str, object]) -> None:
    assert read_message(io.BytesIO(pack(header))) == header


def test_an_ended_stream_is_the_end() -> None:
    assert read_message(io.BytesIO(b"")) is None
    assert read_message(io.BytesIO(pack({"a": 1})[:5])) is None


@pytest.fixture
def document(tmp_path: Path) -> Path:
    made = pymupdf.open()
    made.new_page().insert_text((50, 100), "hello")
    made.save(tmp_path / "hello.pdf")
    return tmp_path / "hello.pdf"


def ask(*messages: dict[str, object]) -> list[tuple[dict[str, object], bytes]]:
    """Send messages to a worker process and read all its replies."""
    sent = b"".join(pack(message) for message in messages)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "deepseek_ocr_rag.worker"], input=sent, capture_output=True, check=True
    )
    out, replies = io.BytesIO(done.stdout), []
    while head := out.read(FRAME.size):
        size, payload = FRAME.unpack(head)
        replies.append((json.loads(out.read(size)), out.read(payload)))
    return replies


def test_only_frames_reach_the_pipe_and_one_bad_request_does_not_end_it(document: Path) -> None:
    address = {"path": str(document), "media_type": "application/pdf", "name": "hello.pdf", "password": ""}
    wish = {"image": None, "words": True, "local": None}
    replies = ask(
        {"do": "open", **address},
        {"do": "page", "page_number": 1, "request": {"words": "yes"}, **address},
        {"do": "page", "page_number": 1, "request": wish, **address},
    )
    assert replies[0][0]["facts"]["page_count"] == 1  # type: ignore[index]
    assert replies[1][0]["error"] == "PageFailed"
    assert [word["text"] for word in replies[2][0]["page"]["words"]] == ["hello"]  # type: ignore[index]
