"""What a file says of itself, and what libraries say of it, made fit to be shown."""

from __future__ import annotations

from pathlib import Path

from deepseek_ocr_rag.facts import LONGEST_COMPLAINT, LONGEST_ENTRY, complaint, outline, printable


def test_bookmarks_that_lead_nowhere_or_say_nothing_are_left_out() -> None:
    entries = [(1, " One\ntwo ", 1), (2, "\x00\x07", 2), (1, "beyond", 9), (1, "before", -1), (3, "x" * 9999, 2)]
    found = list(outline(entries, page_count=2))
    assert [(entry.level, entry.page_number) for entry in found] == [(1, 1), (3, 2)]
    assert found[0].title == "One two"
    assert len(found[1].title) == LONGEST_ENTRY


def test_signs_that_cannot_be_shown_are_left_out() -> None:
    assert printable("a\x1b[31mb\u202e") == "a[31mb"


def test_a_complaint_is_one_short_line_without_the_path() -> None:
    path = Path("/home/somebody/secret.pdf")
    assert (
        complaint(RuntimeError(f"cannot open {path}: gone\nmore"), path=path, name="a.pdf") == "cannot open a.pdf: gone"
    )
    assert complaint(ValueError()) == "ValueError"
    assert len(complaint(ValueError("x" * 9999))) == LONGEST_COMPLAINT
