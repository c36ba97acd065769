"""The Python of both packages' READMEs is run as it stands, each in one session, on a document that has been read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from langchain_deepseek_ocr import settings
from llama_index.readers.deepseek_ocr import base

READMES = sorted(Path(__file__).parents[2].glob("*/README.md"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the frameworks
@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)
def test_every_snippet_runs(
    readme: Path, tmp_path: Path, already_read: Callable[[ModuleType], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (base, settings):
        already_read(module)
    monkeypatch.chdir(tmp_path)
    Path("reports").mkdir()
    for path in ("report.pdf", "reports/a.pdf"):
        Path(path).write_bytes(b"%PDF-1.7")
    snippets = re.findall(r"^```python\n(.*?)^```$", readme.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(snippets) > 7
    names: dict[str, Any] = {}
    for snippet in snippets:
        exec(compile(snippet, str(readme), "exec"), names)
    assert names["citation"].status
    if "section" in names:
        assert names["section"].metadata["chunk_role"] == "parent"
    else:
        assert names["retriever"].retrieve("what was measured")
