"""Pages, answers and records as bytes, and back from bytes that anybody may have written. Pure.

What is read back is what was put in, or it is refused: JSON, compressed, of bounded size, and every field checked.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..document import PageStatus
from ..recognition import DocumentFacts, PageImage, Recognition
from ..records import Record
from ..serial import from_dict, to_dict
from ..usage import Usage
from .keys import AnswerKey

MOST_BYTES = 64 << 20
"""No row is longer than this when it is unpacked; longer ones are not kept, and not read."""

KEPT: tuple[PageStatus, ...] = ("ok", "retried", "looped", "empty")
"""Pages of which the same question would bring the same answer, or for which everything was tried."""

REFUSALS = (ValueError, TypeError, LookupError, RecursionError, OverflowError, zlib.error)
"""What reading a row that is none of ours may raise."""

_LEAST_PACKED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an engine answered about a page, and the page it was shown, without its picture.

    ``recognition`` is None for a blank page, about which no engine is asked.
    """

    image: PageImage
    recognition: Recognition | None

    @property
    def reused(self) -> Recognition | None:
        """The answer for which nothing is paid again."""
        return replace(self.recognition, usage=Usage(cache_hits=1)) if self.recognition else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A file's records: ``parts`` rows of them that carry the mark of one ``run``, and then the ``last`` ones."""

    run: str
    parts: int
    last: tuple[Record, ...]
    pages: Mapping[int, PageStatus]
    """How reading each page went, by its number, in order."""


def packed(value: object) -> bytes:
    """JSON-ready values as bytes.

    Raises:
        ValueError: If they are too many, or not ready; or any other of ``REFUSALS``.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(text) > MOST_BYTES:
        raise ValueError("a row is too long to be kept")
    shorter = zlib.compress(text, 1) if len(text) > _LEAST_PACKED else text
    return min(shorter, text, key=len)


def unpacked(data: bytes) -> Any:
    """The values of :func:`packed`.

    Raises:
        ValueError: If they are none, or too large; or any other of ``REFUSALS``.
    """
    if data[:1] not in (b"{", b"["):
        packer = zlib.decompressobj()
        data = packer.decompress(data, MOST_BYTES)
        if not packer.eof or packer.unused_data:
            raise ValueError("a row is cut off, or too large")
    return json.loads(data)


def answer_row(key: AnswerKey, image: PageImage, recognition: Recognition | None) -> bytes:
    """An answer with its question, for people who look into it."""
    is_shared = recognition is not None and recognition.regions is not None and recognition.regions == image.regions
    shown = image_value(replace(image, regions=None) if is_shared else image)
    asked = ("document", "page_number", "engine", "task", "reference", "renderer")
    question = {name: getattr(key, name) for name in asked}
    answer = to_dict(recognition) if recognition else None
    return packed({"question": question, "image": shown, "shares_regions": is_shared, "recognition": answer})


def answer_of(value: Any, key: AnswerKey) -> Answer:
    """The answer of :func:`answer_row`, unpacked.

    Raises:
        ValueError: If it is none, or about another page; or any other of ``REFUSALS``.
    """
    image = image_of(value["image"], key.page_number)
    said = value["recognition"]
    recognition = None if said is None else from_dict(Recognition, said)
    if value["shares_regions"] is True and recognition is not None:
        image = replace(image, regions=recognition.regions)
    return Answer(image=image, recognition=recognition)


def image_value(image: PageImage) -> dict[str, Any]:
    """A page without its picture, and without its file's name, which may be another one next time."""
    value: dict[str, Any] = to_dict(replace(image, data=b"", source=""))
    del value["data"]
    return value


def image_of(value: object, page_number: int) -> PageImage:
    """The page of :func:`image_value`.

    Raises:
        ValueError: If it is none, or another one; or any other of ``REFUSALS``.
    """
    image = from_dict(PageImage, value)
    if image.page_number != page_number or image.data:
        raise ValueError(f"this is page {image.page_number}")
    return image


def facts_of(value: object) -> DocumentFacts:
    """What opening a document tells.

    Raises:
        ValueError: If it is nothing of the kind; or any other of ``REFUSALS``.
    """
    facts = from_dict(DocumentFacts, value)
    if facts.page_count < 0:
        raise ValueError("a document has no negative number of pages")
    return facts


def head_row(head: Head) -> bytes:
    """The row that makes a file's parts a whole."""
    pages = [list(page) for page in head.pages.items()]
    return packed({"run": head.run, "parts": head.parts, "last": _table(head.last), "pages": pages})


def head_of(value: Any) -> Head:
    """The head of :func:`head_row`, unpacked.

    Raises:
        ValueError: If it is none; or any other of ``REFUSALS``.
    """
    run, parts = value["run"], value["parts"]
    if not isinstance(run, str) or type(parts) is not int or parts < 0:
        raise ValueError("this is no head of a file")
    pages = {number: status for number, status in value["pages"] if type(number) is int and status in KEPT}
    if len(pages) != len(value["pages"]):
        raise ValueError("a page has a number, and a status that is kept")
    return Head(run=run, parts=parts, last=tuple(records_of(value["last"])), pages=pages)


def part_row(records: Sequence[Record]) -> bytes:
    """Some records of a file, in order."""
    return packed(_table(records))


def records_of(value: Any) -> Iterator[Record]:
    """The records of :func:`part_row`, unpacked.

    Raises:
        ValueError: If they are none; or any other of ``REFUSALS``.
    """
    columns = [tuple(names) for names in value["columns"]]
    if any(type(name) is not str for names in columns for name in names):
        raise ValueError("metadata have strings as keys")
    for column, identity, text, *values in value["records"]:
        if type(identity) is not str or type(text) is not str or not _SIMPLE.issuperset(map(type, values)):
            raise ValueError("a record is made of strings and whole numbers")
        yield Record(id=identity, text=text, metadata=dict(zip(columns[column], values, strict=True)))


_SIMPLE = {str, int}


def _table(records: Sequence[Record]) -> dict[str, object]:
    """The keys of all metadata, which are the same almost always, once."""
    columns: dict[tuple[str, ...], int] = {}
    rows = [
        [columns.setdefault(tuple(record.metadata), len(columns)), record.id, record.text, *record.metadata.values()]
        for record in records
    ]
    return {"columns": [list(names) for names in columns], "records": rows}
