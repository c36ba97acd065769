"""What would be sent to each provider, and whether a server with that provider's rules takes it.

    python benchmarks/providers.py

For each row: the request as our engine sends it for a page (key masked, picture shortened), and what the stand-in
server under ``tests/standin`` made of it, which enforces the rules that the provider documents.
"""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.standin import RULES, Received, StandIn, draw_codes, read_codes

from deepseek_ocr_rag import Document, Page, ReadOptions, read
from deepseek_ocr_rag.engines.providers import PROVIDERS

KEY = "key-of-the-benchmark"
LONGEST = 60


def main() -> int:
    """Print the table; returns the number of providers whose rules were broken."""
    out = io.BytesIO()
    draw_codes(range(7, 19), width=900, height=1200).save(out, "PNG")
    refused = 0
    for name, row in PROVIDERS.items():
        rules = replace(RULES[name], is_strict=name in ("vllm", "sglang", "regolo"))
        with StandIn(rules=rules, reader=read_codes, key=KEY) as server:
            address = server.root if row.route == "ollama" else server.url
            options = ReadOptions(provider=name, base_url=address, api_key=KEY, fallback="none", workers=1)
            [document] = read(out.getvalue(), options)
            page = document.pages[0]
            is_taken = page.status == "ok" and len(server.requests) == 1
            refused += not is_taken
            print(f"\n## {row.title} (provider={name!r})")
            print(f"   {row.base_url or 'base_url=...'}  {row.model[:LONGEST]}")
            for request in server.requests:
                print(_shown(request))
            print(f"   -> {'accepted' if is_taken else 'NOT ACCEPTED'}: {_said(document, page)}")
    print(f"\n{len(PROVIDERS) - refused} of {len(PROVIDERS)} accepted")
    return refused


def _said(document: Document, page: Page) -> str:
    boxes = sum(bool(block.boxes) for block in page.blocks)
    usage = document.usage
    return f"{len(page.blocks)} blocks, {boxes} with boxes, {usage.input_tokens} + {usage.output_tokens} tokens"


def _shown(request: Received) -> str:
    headers = {name: value for name, value in request.headers.items() if name in ("authorization", "prefer")}
    masked = {name: value.replace(KEY, "***") for name, value in headers.items()}
    body = json.dumps(_shortened(request.body), indent=1, ensure_ascii=False)
    return f"   {request.method} {request.path} {masked or ''}\n   " + body.replace("\n", "\n   ")


def _shortened(value: Any) -> Any:
    """Long texts cut: pictures are megabytes of base64."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}... ({len(value)} characters)"
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return [_shortened(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    os.environ.pop("DEEPSEEK_OCR_BASE_URL", None)
    raise SystemExit(main())
