"""The file's own outline: which blocks of a page its entries name."""

from __future__ import annotations

from deepseek_ocr_rag.assembly.outline import named_blocks
from deepseek_ocr_rag.document import Block, BlockKind, OutlineEntry


def blocks(*texts: str | tuple[str, str]) -> list[Block]:
    pairs = [item if isinstance(item, tuple) else ("paragraph", item) for item in texts]
    return [Block(id=str(at), kind=BlockKind(k), text=t, page_number=1) for at, (k, t) in enumerate(pairs)]


def named(titles: list[str], *texts: str | tuple[str, str]) -> dict[int, str]:
    entries = [OutlineEntry(level=1, title=title, page_number=1) for title in titles]
    return {at: entry.title for at, entry in named_blocks(entries, blocks(*texts)).items()}


def test_titles_are_found_whatever_their_case_spaces_and_numbers() -> None:
    assert named(["The  Methods"], "Some text.", "3.1 THE METHODS") == {1: "The  Methods"}
    assert named(["3.1 Methods"], "3.2 Methods", "Methods") == {1: "3.1 Methods"}
    assert named(["Ｍｅｔｈｏｄｓ"], "Method5") == {0: "Ｍｅｔｈｏｄｓ"}


def test_a_title_may_stand_in_several_blocks() -> None:
    title = "Chapter 1 A Very Long Journey"
    assert named([title], "Chapter 1", ("page_header", "7"), "A Very", "Long Journey", "It began.") == dict.fromkeys(
        (0, 2, 3), title
    )


def test_each_entry_and_block_counts_once_and_headings_come_first() -> None:
    assert named(["Summary"], "Summary", ("heading", "Summary")) == {1: "Summary"}
    assert named(["Foo", "Bar", "Foo"], "Foo", "Bar", "Foo") == {0: "Foo", 1: "Bar", 2: "Foo"}


def test_tables_furniture_and_prose_are_not_named() -> None:
    texts: list[str | tuple[str, str]] = [
        ("table", "Summary"),
        ("page_header", "Summary"),
        "Summary of what happened in all the years before",
    ]
    assert named(["Summary", ""], *texts) == {}


def test_many_long_titles_are_found_among_many_texts() -> None:
    titles = [f"{number * 7919} and so on, a title of some length" for number in range(1000, 1512)]
    found = named(titles, *(title[:-1] for title in titles), *(f"{title} of others" for title in titles))
    assert found == dict(enumerate(titles))
