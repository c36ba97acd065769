"""What is promised of the chunks of any markdown holds, whatever it is and however it is cut."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.chunk import ChunkOptions, chunk_groups, chunk_markdown
from deepseek_ocr_rag.chunking.passages import passages
from deepseek_ocr_rag.tokens import TokenCounter

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"

_spec = importlib.util.spec_from_file_location("invariants", ROOT / "benchmarks/invariants.py")
assert _spec is not None
assert _spec.loader is not None
invariants = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(invariants)

WORDS = TokenCounter("words", lambda text: len(text.split()))

LINES = st.sampled_from(
    [
        *("# One", "## Two", "## Two more words", "Three\n---", "", "", "", "Some words. And more of them.", "x " * 30),
        *("| a | b |\n|---|---|", "| c |\n|---|", "| 1 | 2 |", "| one two three | four five six |", "a | b\n--|--"),
        *("<table>", "</table>", "<tr><th>a</th></tr>", "<tr><td>b c d</td></tr>", "$$", "<!--", "-->"),
        *("- an item", "  - below it", "  more of it", "    far in", "\tfar in", "1. first", "漢字漢字。漢字"),
        *("```", "~~~", "```py", "x = 1", "    y = 2", "~~~~", "  ```", "Dr. No met J. R. R. T. in the U.S. Then."),
    ]
)
MARKDOWN = st.lists(LINES, max_size=40).map("\n".join)
WAYS = st.sampled_from(["section", "block", "parent_child"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MARKDOWN, st.integers(16, 60), st.integers(0, 7), WAYS, st.sampled_from([WORDS, None]))
def test_promises_hold_for_any_markdown(text, max_tokens, overlap, strategy, counter):
    options = ChunkOptions(
        max_tokens=max_tokens, overlap=overlap, strategy=strategy, parent_tokens=3 * max_tokens, counter=counter
    )
    assert list(invariants.markdown_violations(text, options)) == []


@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not here")
@pytest.mark.parametrize(
    "options",
    [
        ChunkOptions(max_tokens=40, overlap=12),
        ChunkOptions(),
        ChunkOptions(max_tokens=64, strategy="parent_child", parent_tokens=300),
    ],
    ids=["small", "default", "parents"],
)
def test_promises_hold_for_the_corpora(options):
    for path in sorted(DATA.rglob("*.md")):
        text = path.read_text(encoding="utf-8", errors="replace")[:20_000]
        assert list(invariants.markdown_violations(text, options)) == [], path


def test_every_row_stands_under_the_header_of_its_table():
    # With nothing kept and nothing read ahead, a table lies in memory where another one was before.
    text = "\n".join(
        f"| table{number} | col |\n|---|---|\n"
        + "".join(f"| t{number}r{row} | value number {row} |\n" for row in range(60))
        + f"\nParagraph {number} between the tables says something of its own here.\n"
        for number in range(300)
    )
    options = ChunkOptions(max_tokens=128)
    for chunk in chunk_groups(passages(text), document_id="", options=options, ahead=1):
        headers = re.findall(r"^\| table(\d+)", chunk.text, re.MULTILINE)
        rows = re.findall(r"^\| t(\d+)r", chunk.text, re.MULTILINE)
        assert list(dict.fromkeys(rows)) == headers[: len(set(rows))]
    assert list(invariants.markdown_violations(text, options)) == []


@pytest.mark.parametrize("max_tokens", range(30, 60, 5))
def test_children_are_cut_as_sections_are(max_tokens):
    text = (
        "## Abstract\n\nBetween April 2025 and March 2026 the Ostrel Catchment Water Programme collected 686 water "
        "samples at 30 stations along 45 kilometres of river, from the moor to the sea, and more. The mean nitrate "
        "concentration at the outlet was 3.53 mg/L as nitrogen. Two ditches exceeded 6 mg/L on average.\n\n- One.\n\n"
        "  Below one.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    whole = ChunkOptions(max_tokens=max_tokens, strategy="parent_child", parent_tokens=300)
    children = [chunk.text for chunk in chunk_markdown(text, whole) if chunk.role == "child"]
    assert children == [chunk.text for chunk in chunk_markdown(text, ChunkOptions(max_tokens=max_tokens))]
