"""What anybody may have written is read strictly, and what is wrong is told with its place."""

from __future__ import annotations

from typing import Any

import pytest

from deepseek_ocr_rag.document import Block, BlockKind, Cell, Document, Page, Table

BOX = [0, 0, 1, 1]
LINE = {"start": 0, "end": 1, "box": BOX, "source": "ocr"}
NAN = float("nan")


def sample(*, rows: int = 1) -> dict[str, Any]:
    grid = Table(rows=rows, columns=1, cells=(Cell(row=0, column=0, text="1"),))
    block = Block(id="b", kind=BlockKind.TABLE, text="| 1 |\n|---|", page_number=1, table=grid)
    page = Page(number=1, label="1", width=595, height=842, blocks=(block,))
    return Document(id="x", source="s", file_name="f", total_pages=1, pages=(page,)).to_dict()


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("total_pages",), True, "total_pages: True is not an integer"),
        (("pages",), {}, "pages: {} is not a list"),
        (("pages",), "", "pages: '' is not a list"),
        (("metadata",), {"title": 5}, "metadata['title']: 5 is not a string"),
        (("metadata",), [], "metadata: [] is not an object"),
        (("pages", 0), None, "pages[0]: None is not an object"),
        (("pages", 0), {}, "pages[0]: 'height' is missing"),
        (("pages", 0, "number"), 0, "pages[0].number: 0 is less than 1"),
        (("pages", 0, "warnings"), "could not", "pages[0].warnings: 'could not' is not a list"),
        (("pages", 0, "width"), float("nan"), "pages[0].width: nan is not a finite number"),
        (("pages", 0, "width"), float("inf"), "pages[0].width: inf is not a finite number"),
        (("pages", 0, "width"), 10**400, "is not a finite number"),
        (("pages", 0, "height"), -1, "pages[0].height: -1 is less than 0"),
        (("pages", 0, "turn"), False, "pages[0].turn: False is not one of 0, 90, 180, 270"),
        (("pages", 0, "colour"), 1, "pages[0]: there is no field 'colour'"),
        (("pages", 0, "blocks", 0, "kind"), [], "pages[0].blocks[0].kind: [] is not a BlockKind"),
        (("pages", 0, "blocks", 0, "level"), -1, "pages[0].blocks[0].level: -1 is less than 0"),
        (("pages", 0, "blocks", 0, "boxes"), {}, "pages[0].blocks[0].boxes: {} is not a list"),
        (("pages", 0, "blocks", 0, "boxes"), [[0, 0, 1, 1, 5]], "blocks[0].boxes[0]: [0, 0, 1, 1, 5] is not a box"),
        (("pages", 0, "blocks", 0, "boxes"), ["0011"], "boxes[0]: '0011' is not a box"),
        (("pages", 0, "blocks", 0, "boxes"), [[0, False, 1, 1]], "boxes[0]: False is not a finite number"),
        (("pages", 0, "blocks", 0, "lines"), [{**LINE, "words": 5}], "lines[0].words: 5 is not a list"),
        (
            ("pages", 0, "blocks", 0, "lines"),
            [{**LINE, "words": [[0, 1, 0, 0, 1, 1], [0, 1, 0, 0, 1]]}],
            "words[1]: [0, 1",
        ),
        (("pages", 0, "blocks", 0, "lines"), [{**LINE, "words": [[-1, 1, 0, 0, 1, 1]]}], "words[0].start: -1 is less"),
        (("pages", 0, "blocks", 0, "lines"), [{**LINE, "words": [[0, 10**20, 0, 0, 1, 1]]}], "words[0].end: 1000"),
        (("pages", 0, "blocks", 0, "lines"), [{**LINE, "words": [[0, True, 0, 0, 1, 1]]}], "words[0].end: True is not"),
        (("pages", 0, "blocks", 0, "lines"), [{**LINE, "words": [[0, 1, 0.5, 0, 0.4, 1]]}], "words[0].box: box is not"),
        (("pages", 0, "blocks", 0, "lines"), [{**LINE, "words": [[0, 1, 0, 0, 1, 2]]}], "words[0].box: box is not"),
        (("pages", 0, "blocks", 0, "lines"), [{**LINE, "words": [[0, 1, 0, 0, 1, NAN]]}], "words[0].box: nan is not"),
        (
            ("pages", 0, "blocks", 0, "lines"),
            [{**LINE, "words": [{"start": 0, "box": BOX}]}],
            "words[0]: 'end' is",
        ),
        (("pages", 0, "blocks", 0, "table", "rows"), 10**9, "blocks[0].table.rows: 1000000000 is more than 100000"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(path: tuple[str | int, ...], value: object, told: str) -> None:
    data = sample()
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=r"^not a Document: ") as caught:
        Document.from_dict(data)
    assert told in str(caught.value)


def test_a_grid_is_not_larger_than_memory() -> None:
    data = sample(rows=1000)
    table = data["pages"][0]["blocks"][0]["table"]
    assert Document.from_dict({**data})
    table["columns"] = 101
    with pytest.raises(ValueError, match=r"pages\[0\]\.blocks\[0\]\.table: 1000 x 101 places are more than 100000"):
        Document.from_dict(data)


def test_errors_are_short_whatever_is_wrong() -> None:
    data = sample() | {"total_pages": ["x" * 1_000_000] * 100}
    with pytest.raises(ValueError, match="is not an integer") as caught:
        Document.from_dict(data)
    assert len(str(caught.value)) < 500


def test_json_has_one_sort_of_numbers() -> None:
    data = sample()
    data["pages"][0] |= {"number": 1.0, "turn": 90.0}
    page = Document.from_dict(data).pages[0]
    assert (repr(page.number), repr(page.turn)) == ("1", "90")
    data["pages"][0]["number"] = 1.5
    with pytest.raises(ValueError, match=r"pages\[0\]\.number: 1\.5 is not an integer"):
        Document.from_dict(data)


def test_what_a_newer_program_adds_is_ignored_where_it_says_so() -> None:
    data = sample()
    data["pages"][0]["blocks"][0]["colour"] = "red"
    for version in ({}, {"schema": "deepseek-ocr-rag/document/1.0"}):
        with pytest.raises(ValueError, match=r"pages\[0\]\.blocks\[0\]: there is no field 'colour'.*newer version"):
            Document.from_dict(data | version)
    assert Document.from_dict(data | {"schema": "deepseek-ocr-rag/document/1.10"}) == Document.from_dict(sample())
    with pytest.raises(ValueError, match="cannot be read"):
        Document.from_dict(data | {"schema": "deepseek-ocr-rag/document/1.abc"})
