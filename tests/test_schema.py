"""The published schema is the dataclasses', and what is written as JSON is valid by it and comes back the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from deepseek_ocr_rag.document import SCHEMA, Block, BlockKind, Cell, Document, Line, Page, Table
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.linewords import LineWord
from deepseek_ocr_rag.schema import document_schema, published_schema, schema_text

# Numbers that every field takes.
st.register_type_strategy(int, st.integers(1, 300))
st.register_type_strategy(float, st.floats(0, allow_infinity=False))
st.register_type_strategy(Box, st.builds(Box.from_fractions, *[st.floats(0, 1)] * 4))

BOX = Box(left=0.1, top=0.2, right=0.3, bottom=0.4)
TABLE = Table(rows=1, columns=1, cells=(Cell(row=0, column=0, text="12", box=BOX),))
LINE = Line(start=0, end=2, box=BOX, source="ocr")
BLOCK = Block(
    id="p1-b1", kind=BlockKind.TABLE, text="| 12 |\n|---|", page_number=1, boxes=(BOX,), lines=(LINE,), table=TABLE
)
PAGE = Page(number=1, label="i", width=595, height=842, blocks=(BLOCK,))
REPORT = Document(
    id="sha256:0", source="a.pdf", file_name="a.pdf", total_pages=1, pages=(PAGE,), metadata={"title": "Report"}
)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(published_schema())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_published_file_is_what_the_dataclasses_say() -> None:
    assert published_schema() == schema_text(), (
        "Write document.schema.json again, with what deepseek_ocr_rag.schema.schema_text() returns."
    )


def test_fields_are_described_where_they_are_documented() -> None:
    definitions: Any = document_schema()["$defs"]
    assert "fractions of the page" in definitions["Box"]["description"]
    assert "running" not in definitions["Block"]["properties"]["level"]["description"]
    assert definitions["Block"]["properties"]["level"]["description"].startswith("Depth of a title or heading")
    assert definitions["Block"]["properties"]["kind"] == {"$ref": "#/$defs/BlockKind"}
    assert definitions["BlockKind"]["enum"] == [kind.value for kind in BlockKind]


def test_the_sample_is_valid(validator: Draft202012Validator, sample_document: Document) -> None:
    data = json.loads(json.dumps(sample_document.to_dict()))
    assert next(iter(data)) == "schema"
    assert list(validator.iter_errors(data)) == []
    assert Document.from_dict(data) == sample_document


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(made=st.from_type(Document))
def test_any_document_is_valid_and_comes_back_the_same(validator: Draft202012Validator, made: Document) -> None:
    data = json.loads(json.dumps(made.to_dict()))
    assert list(validator.iter_errors(data)) == []
    assert Document.from_dict(data) == made


def test_what_older_versions_wrote_is_read(validator: Draft202012Validator) -> None:
    data = REPORT.to_dict()
    del data["schema"]
    for block in data["pages"][0]["blocks"]:
        for name in ("continued_by", "joint", "belongs_to", "section"):
            del block[name]
    assert validator.is_valid(data)
    assert Document.from_dict(data) == REPORT


def test_words_of_the_first_version_are_read(validator: Draft202012Validator) -> None:
    word = LineWord(start=0, end=2, box=BOX)
    made = replace(REPORT, pages=(replace(PAGE, blocks=(replace(BLOCK, lines=(replace(LINE, words=(word,)),)),)),))
    data = json.loads(json.dumps(made.to_dict()))
    line = data["pages"][0]["blocks"][0]["lines"][0]
    assert line["words"] == [[0, 2, 0.1, 0.2, 0.3, 0.4]]
    assert Document.from_dict(data) == made
    line["words"] = [{"start": 0, "end": 2, "box": [0.1, 0.2, 0.3, 0.4]}]
    data["schema"] = "deepseek-ocr-rag/document/1"
    assert validator.is_valid(data)
    assert Document.from_dict(data) == made


@pytest.mark.parametrize(
    "named", [SCHEMA, f"{SCHEMA}.7", "deepseek-ocr-rag/document/1", "deepseek-ocr-rag/document/1.2"]
)
def test_the_same_major_version_is_read(validator: Draft202012Validator, named: str) -> None:
    data = REPORT.to_dict() | {"schema": named}
    assert validator.is_valid(data)
    assert Document.from_dict(data) == REPORT


@pytest.mark.parametrize(
    "named", ["deepseek-ocr-rag/document/3", f"{SCHEMA}0", f"{SCHEMA}.abc", f"{SCHEMA}.", "x", 1, None]
)
def test_another_format_is_refused(validator: Draft202012Validator, named: object) -> None:
    data = REPORT.to_dict() | {"schema": named}
    assert not validator.is_valid(data)
    with pytest.raises(ValueError, match=r"cannot be read.*document/2.*install a newer"):
        Document.from_dict(data)


@pytest.mark.parametrize("data", [None, [], "x", 1])
def test_what_is_no_object_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not a Document"):
        Document.from_dict(data)


def spoiled(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    data = REPORT.to_dict()
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data


IN_BLOCK = ("pages", 0, "blocks", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("total_pages",), "1"),
        (("total_pages",), True),
        (("total_pages",), 1.5),
        (("extra",), 1),
        (("pages",), {}),
        (("pages",), ""),
        (("metadata",), {"title": 5}),
        (("metadata",), []),
        (("pages", 0, "warnings"), "could not be read"),
        (("pages", 0, "number"), 0),
        (("pages", 0, "number"), -5),
        (("pages", 0, "width"), True),
        (("pages", 0, "width"), -1),
        (("pages", 0, "turn"), False),
        (("pages", 0, "status"), "fine"),
        (("pages", 0, "turn"), 45),
        ((*IN_BLOCK, "kind"), "para"),
        ((*IN_BLOCK, "extra"), ""),
        ((*IN_BLOCK, "joint"), "glue"),
        ((*IN_BLOCK, "level"), -1),
        ((*IN_BLOCK, "page_number"), 0),
        ((*IN_BLOCK, "lines", 0, "start"), -1),
        ((*IN_BLOCK, "boxes"), {}),
        ((*IN_BLOCK, "boxes"), [[0, 0, 1, 1, 1]]),
        ((*IN_BLOCK, "boxes"), [[False, 0, 1, 1]]),
        ((*IN_BLOCK, "table", "rows"), 10**9),
        ((*IN_BLOCK, "table", "header_rows"), -1),
        ((*IN_BLOCK, "table", "cells", 0, "row_span"), 0),
        ((*IN_BLOCK, "boxes"), [[0, 0, 1]]),
        ((*IN_BLOCK, "boxes"), [[0, 0, 2, 1]]),
        ((*IN_BLOCK, "table"), []),
        ((*IN_BLOCK, "table", "cells", 0, "box"), [0, 0, 1]),
    ],
)
def test_schema_and_reader_refuse_the_same(
    validator: Draft202012Validator, path: tuple[str | int, ...], value: object
) -> None:
    data = spoiled(path, value)
    assert not validator.is_valid(data)
    with pytest.raises(ValueError, match=r"not a Document|not a valid|box is not"):
        Document.from_dict(data)


@pytest.mark.parametrize("name", ["id", "source", "file_name", "total_pages", "pages"])
def test_what_has_no_default_is_required(validator: Draft202012Validator, name: str) -> None:
    data = replace(REPORT).to_dict()
    del data[name]
    assert not validator.is_valid(data)
    with pytest.raises(ValueError, match="not a Document"):
        Document.from_dict(data)
