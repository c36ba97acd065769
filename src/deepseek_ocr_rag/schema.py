"""The JSON Schema of documents, for programs in other languages and for files that are kept for years.

It is made of the dataclasses and of what is written below their fields, and published as a file of the package; a test
holds the two equal. It takes what :meth:`.Document.from_dict` takes: files of before a field was there are still valid.
Two things only the reader knows: the sides of a box ascend, and a grid has no more than ``MAX_PLACES`` places.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from importlib import resources
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from .document import SCHEMA, Document
from .geometry import Box
from .linewords import LineWords
from .ranges import Range

FILE = "document.schema.json"
"""The published schema, beside this module."""

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]

_PLAIN: Mapping[object, str] = types.MappingProxyType(
    {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
)


def published_schema() -> str:
    """The schema as it is published: JSON Schema, draft 2020-12."""
    return resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")


def schema_text() -> str:
    """What the published file has to say."""
    return json.dumps(document_schema(), ensure_ascii=False, indent=1) + "\n"


def document_schema() -> JsonObject:
    """The schema, made of the dataclasses."""
    definitions: JsonObject = {}
    whole = _object(Document, definitions)
    properties = whole.pop("properties")
    assert isinstance(properties, dict)  # noqa: S101 - it was made so; this tells the type checker
    version: JsonObject = {
        "type": "string",
        "pattern": r"^deepseek-ocr-rag/document/[12](\.[0-9]+)?$",
        "description": "The version of this format; files of before there were versions have none.",
    }
    head: JsonObject = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:" + SCHEMA.replace("/", ":"),
        "title": "Document",
    }
    return head | whole | {"properties": {"schema": version, **properties}, "$defs": dict(sorted(definitions.items()))}


def _object(kind: type, definitions: JsonObject) -> JsonObject:
    hints, notes = get_type_hints(kind, include_extras=True), _notes(kind)
    known = [item for item in fields(kind) if item.init]
    properties: JsonObject = {}
    for item in known:
        note: JsonObject = {"description": notes[item.name]} if item.name in notes else {}
        properties[item.name] = _schema(hints[item.name], definitions) | _default(item) | note
    required: list[JsonValue] = [
        item.name for item in known if item.default is MISSING and item.default_factory is MISSING
    ]
    return {
        "description": _flat(kind.__doc__ or ""),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _schema(kind: object, definitions: JsonObject) -> JsonObject:
    """The schema of a field's type; classes are defined once and referred to."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1], definitions)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (types.UnionType, Union):
        return {"anyOf": [_schema(one, definitions) for one in arguments]}
    if origin in (tuple, Mapping):
        items = _schema(arguments[0 if origin is tuple else 1], definitions)
        return {"type": "array", "items": items} if origin is tuple else _mapping(items)
    return _reference(kind, definitions)


def _reference(kind: object, definitions: JsonObject) -> JsonObject:
    if not isinstance(kind, type):
        raise TypeError(f"{kind} has no schema")
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # which ends the way of a class that refers to itself
        definitions[kind.__name__] = _definition(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _annotated(kind: object, note: object, definitions: JsonObject) -> JsonObject:
    if note is LineWords:
        return _rows(get_args(kind)[0], definitions)
    return _schema(kind, definitions) | (_limits(note) if isinstance(note, Range) else {})


def _rows(kind: object, definitions: JsonObject) -> JsonObject:
    """Words of a line; as objects they were written by the first version."""
    note = "start, end, left, top, right and bottom, as in `LineWord`."
    numbers: JsonObject = {"type": "number", "minimum": 0}
    row: JsonObject = {"description": note, "type": "array", "items": numbers, "minItems": 6, "maxItems": 6}
    return {"type": "array", "items": {"anyOf": [row, _schema(kind, definitions)]}}


def _mapping(items: JsonObject) -> JsonObject:
    return {"type": "object", "additionalProperties": items}


def _limits(limits: Range) -> JsonObject:
    most: JsonObject = {} if limits.most is None else {"maximum": limits.most}
    return {"minimum": limits.least, **most}


def _definition(kind: type, definitions: JsonObject) -> JsonObject:
    if kind is Box:
        note = "left, top, right and bottom in fractions of the page as displayed, from the top left corner."
        side: JsonObject = {"type": "number", "minimum": 0, "maximum": 1}
        return {"description": note, "type": "array", "items": side, "minItems": 4, "maxItems": 4}
    if issubclass(kind, StrEnum):
        return {"description": _flat(kind.__doc__ or ""), "enum": [one.value for one in kind]}
    if is_dataclass(kind):
        return _object(kind, definitions)
    raise TypeError(f"{kind} has no schema")


def _default(item: Field[object]) -> JsonObject:
    value = item.default
    if value is None or isinstance(value, str | int | float):
        return {"default": value}
    return {"default": []} if value == () else {}


def _notes(kind: type) -> dict[str, str]:
    """What is written below each field of a class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - it is the source of a class; this tells the type checker
    notes: dict[str, str] = {}
    for item, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(item, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            notes[ast.unparse(item.target)] = _flat(str(below.value.value))
    return notes


def _flat(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
