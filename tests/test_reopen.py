"""What is shown of a citation beside its picture is plain text, as its letters are spelled."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from deepseek_ocr_rag.highlight import highlight_page
from deepseek_ocr_rag.reopen import readable

from .citing import cite


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("12\u00a034 kg, 5\u202f%", "12 34 kg, 5 %"),
        ("\u6771\u4eac\u90fd\u3000\u5343\u4ee3\u7530", "\u6771\u4eac\u90fd \u5343\u4ee3\u7530"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0646\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0646\u0645"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("a\nb\tc\rd\u2028e\x0bf", "a\nb\tc d e f"),
        ("a\x00\x07\x1b\x7f\x9bb\ud800c", "abc"),
        ("\u202eevil\u202c \u2067good\u2069", "evil good"),
    ],
)
def test_text_for_people(text: str, shown: str) -> None:
    assert readable(text) == shown


def test_a_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.pdf"
    with pymupdf.open() as document:
        document.new_page()
        document.save(source)
    citation = cite(document_id="sha256:" + hashlib.sha256(source.read_bytes()).hexdigest())
    digest, hashed = hashlib.file_digest, []

    def counted(*given: Any) -> Any:
        hashed.append(given)
        return digest(*given)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    highlight_page(source, citation)
    assert len(hashed) == 1
