"""The floor of a client: draw a page, write a JPEG, post it through a bare socket. A program of its own.

    python benchmarks/floor.py FILE FIRST STEP PORT

It knows nothing of this package, and does not read the answers.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import sys
from pathlib import Path

import pymupdf
from PIL import Image

SIDE = 1024
"""Pixels of base mode."""
MODEL = "deepseek-ai/DeepSeek-OCR"
PROMPT = "<|grounding|>Convert the document to markdown."


def send_bare(path: Path, first: int, step: int, port: int) -> None:
    """Draw, encode, post: every ``step``-th page."""
    document = pymupdf.open(path)
    before, _, after = json.dumps(body_of("@")).encode().partition(b"@")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        replies = connection.makefile("rb")
        for number in range(first, len(document), step):
            body = before + base64.b64encode(_jpeg(document[number])) + after
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            length = 0
            while line := replies.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            replies.read(length)


def _jpeg(page: pymupdf.Page) -> bytes:
    zoom = SIDE / max(page.rect.width, page.rect.height)
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), alpha=False)
    out = io.BytesIO()
    Image.frombuffer("RGB", (pixels.width, pixels.height), pixels.samples_mv).save(out, "JPEG", quality=80)
    return out.getvalue()


def body_of(picture: str, *, media_type: str = "image/jpeg") -> dict[str, object]:
    """The body of a request."""
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{picture}"}},
        {"type": "text", "text": PROMPT},
    ]
    return {"model": MODEL, "messages": [{"role": "user", "content": parts}], "temperature": 0, "max_tokens": 4096}


if __name__ == "__main__":
    send_bare(Path(sys.argv[1]), *map(int, sys.argv[2:]))
