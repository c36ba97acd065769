"""Citations of the providers' own kind, made ours: what Claude, Gemini and OpenAI's models say that they lean on.

Claude is the best of them: it cites blocks of content by their index, so blocks made of our lines lead back to boxes
without any search. Gemini and OpenAI name a file, or pages of it; there it is looked for what bears the answer's words
out, as for an answer with markers, and where nothing does, the citation has the pages that the provider named and no
boxes. Answers come from outside: indices out of range, wrong types and unknown files give citations that say
``not_found``, and nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..anchors import Chunk
from ..answering.claims import Claims, cite_span
from ..answering.numbered import passage_lines
from ..cite import Citation, CitationRegion, locate
from ..document import Document
from ..folding import tokens
from ..passage import Passage, as_passage
from .places import Json

Where = Passage | Chunk | Document
Given = Mapping[str, object]
"""JSON that a provider gave; of an SDK's object, its ``model_dump()``."""

MOST_PAGES = 1000
"""Pages of the longest span that is believed."""

_SENTENCE_END = re.compile(r"[.!?。！？]['\")\]”’]*\s+|\n+")
_LINK = re.compile(r"\]\(|https?://")
_LONGEST_CLAIM = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """Characters ``[start, end)`` of an answer, and what they cite."""

    start: int
    end: int
    citation: Citation


# Claude


def to_anthropic_document(where: Passage | Chunk, *, title: str = "", context: str = "") -> Json:
    """A ``document`` block of a request to Claude, with citations on and one block of content a line.

    Lines are sentences, rows and items as :func:`.numbered.passage_lines` cuts them. Give :func:`from_anthropic` the
    passages of all documents of the request, in their order. Without any text there are no blocks, which is an error to
    the API: leave such passages out.
    """
    made: Json = {
        "type": "document",
        "source": {"type": "content", "content": _content(where)},
        "citations": {"enabled": True},
    }
    return made | ({"title": title} if title else {}) | ({"context": context} if context else {})


def to_anthropic_search_result(where: Passage | Chunk, *, title: str = "", source: str = "") -> Json:
    """A ``search_result`` block of a request to Claude or of a tool's result; see :func:`to_anthropic_document`."""
    passage = as_passage(where)
    address = source or passage.source or passage.document_id or "document"
    return {
        "type": "search_result",
        "source": address,
        "title": title or re.split(r"[/\\]", address)[-1] or address,
        "content": _content(passage),
        "citations": {"enabled": True},
    }


def from_anthropic(given: Given, passages: Sequence[Where]) -> Citation:
    """One entry of ``citations`` of a text block that Claude answered.

    Args:
        given: A ``content_block_location``, ``search_result_location``, ``char_location`` or ``page_location``.
        passages: What the documents of the request were made of, or its search results for those, in their order. A
            location by characters is taken to be of a passage's or page's text that was sent as it is.

    Returns:
        ``verified`` where blocks or characters say which words. Where what stands there does not say ``cited_text``,
        that is looked for, as it is on pages.
    """
    kind = given.get("type")
    at = _count(given.get("search_result_index" if kind == "search_result_location" else "document_index"))
    if at is None or at >= len(passages):
        return _unknown()
    where, said = passages[at], _text(given.get("cited_text"))
    if kind == "page_location":
        # Both count from 1, and the end is the first page that is not cited.
        first, end = _count(given.get("start_page_number")), _count(given.get("end_page_number"))
        found = locate(said, where, hint_page=first)
        return found if _is_found(found) else _on_pages(as_passage(where), first or 0, (end or 1) - 1)
    passage = as_passage(where)
    place = _place(given, passage.text, unit="char" if kind == "char_location" else "block")
    if place and _letters(said) in _letters(passage.text[slice(*place)]):
        return cite_span(passage, *place)
    return locate(said, passage)


def _place(given: Given, text: str, *, unit: str) -> tuple[int, int] | None:
    """The characters that a location names, as far as there are such; None where it names none."""
    start, end = (_count(given.get(f"{side}_{unit}_index")) for side in ("start", "end"))
    if start is None or end is None:
        return None
    cited = [(start, min(end, len(text)))] if unit == "char" else passage_lines(text)[start:end]
    return (cited[0][0], cited[-1][1]) if cited and cited[0][0] < cited[-1][1] else None


def _letters(text: str) -> str:
    """What two texts share that say the same, whatever stands between their words."""
    return "".join(token.folded for token in tokens(text))


def from_anthropic_message(content: Iterable[Given], passages: Sequence[Where]) -> tuple[str, list[Cited]]:
    """The text of an answer's content blocks, and what its parts cite; see :func:`from_anthropic`."""
    text = ""
    found = []
    for block in content:
        if not isinstance(block, Mapping) or block.get("type") != "text":
            continue
        said = _text(block.get("text"))
        span = len(text), len(text) + len(said)
        citations = (from_anthropic(given, passages) for given in _objects(block.get("citations")))
        found += [Cited(start=span[0], end=span[1], citation=citation) for citation in citations]
        text += said
    return text, found


# Gemini and Vertex AI


def characters_of_bytes(text: str, start: int, end: int) -> tuple[int, int]:
    """Offsets in UTF-8, in which Gemini counts, as characters; clamped, and no character is cut in two."""
    data = text.encode("utf-8", "surrogatepass")
    first, last = sorted(min(len(data), max(0, place)) for place in (start, end))
    begin = len(data[:first].decode("utf-8", "ignore"))
    return begin, max(begin, len(data[:last].decode("utf-8", "ignore")))


def from_gemini(given: Given, text: str, documents: Mapping[str, Where]) -> list[Cited]:
    """What ``groundingMetadata`` of an answer of Gemini says about its retrieved documents.

    Looked for is what bears the answer's words out on the pages that were named; without that, the whole passage that
    was retrieved.

    Args:
        given: ``groundingMetadata``, with keys as JSON has them or as the SDK does.
        text: The answer's part that the segments count in.
        documents: By the ``uri``, ``title`` or document name that the store knows them by.
    """
    chunks = [_object(_get(one, "retrieved_context")) for one in _objects(_get(given, "grounding_chunks"))]
    library = _Library(documents)
    found = []
    for support in _objects(_get(given, "grounding_supports")):
        segment = _object(_get(support, "segment"))
        start, end = (_count(_get(segment, key)) or 0 for key in ("start_index", "end_index"))
        first, last = characters_of_bytes(text, start, end)
        for index in _list(_get(support, "grounding_chunk_indices")):
            at = _count(index)
            if at is not None and at < len(chunks):
                citation = _retrieved(text[first:last], chunks[at], library)
                found.append(Cited(start=first, end=last, citation=citation))
    return found


def _retrieved(claim: str, context: Given, library: _Library) -> Citation:
    found = library.open(_text(_get(context, key)) for key in ("uri", "title", "document_name"))
    if found is None:
        return _unknown()
    passage, claims = found
    rag = _object(_get(context, "rag_chunk"))
    span = _object(_get(rag, "page_span"))
    first = _count(_get(span, "first_page")) or _count(_get(context, "page_number")) or 0
    last = _count(_get(span, "last_page")) or first
    said = claims.in_source(claim, 1).citation
    if _is_found(said) and (not first or not said.regions or first <= said.page_number <= last):
        return said
    quote = _text(_get(rag, "text")) or _text(_get(context, "text"))
    whole = locate(quote, passage, hint_page=first or None)
    return whole if _is_found(whole) else _on_pages(passage, first, last)


# OpenAI


def from_openai(annotations: Iterable[Given], text: str, documents: Mapping[str, Where]) -> list[Cited]:
    """``annotations`` of the text of an answer of OpenAI's Responses API, or of what speaks it.

    They tell of a file and no place in it, so it is looked for what bears out the sentence that they stand behind.

    Args:
        annotations: ``file_citation`` and ``url_citation``; others are left out.
        text: The text that they annotate.
        documents: By file id, file name or address.
    """
    library = _Library(documents)
    found = []
    for given in annotations:
        kind = given.get("type") if isinstance(given, Mapping) else None
        if kind == "file_citation":
            start, end = _sentence_before(text, _count(given.get("index")) or 0)
        elif kind == "url_citation":
            start, end = _count(given.get("start_index")) or 0, _count(given.get("end_index")) or 0
            if _LINK.search(text[start:end][:_LONGEST_CLAIM]):
                start, end = _sentence_before(text, start)
        else:
            continue
        end = min(end, len(text))
        opened = library.open(_text(given.get(key)) for key in ("file_id", "filename", "url"))
        citation = opened[1].in_source(text[start:end], 1).citation if opened else _unknown()
        found.append(Cited(start=min(start, end), end=end, citation=citation))
    return found


def _sentence_before(text: str, place: int) -> tuple[int, int]:
    """The sentence, or the line, that ends at a place or goes on there; of a long one its end."""
    place = min(place, len(text))
    end = len(text[:place].rstrip())
    begin = max(0, end - _LONGEST_CLAIM)
    breaks = [match.end() for match in _SENTENCE_END.finditer(text, begin, end)]
    return max((at for at in breaks if at < end), default=begin), end


# To our own


def _content(where: Passage | Chunk) -> list[Json]:
    passage = as_passage(where)
    return [{"type": "text", "text": passage.text[start:end]} for start, end in passage_lines(passage.text)]


def _is_found(citation: Citation) -> bool:
    """Whether it says where: a passage whose places nobody knows has no regions, and what fits anywhere has none."""
    return bool(citation.regions) or citation.status in ("verified", "repaired", "partial")


def _on_pages(passage: Passage, first: int, last: int) -> Citation:
    """Nothing but the pages that were named, as far as the passage has them."""
    existing = {region.page_number for region in passage.regions}
    named = [number for number in range(first, min(last, first + MOST_PAGES) + 1) if number in existing]
    regions = tuple(CitationRegion(page_number=number) for number in named)
    return replace(_unknown(passage), precision="page" if regions else "none", regions=regions)


class _Library:
    """The documents that a provider may name, each searched for what bears a sentence out."""

    def __init__(self, documents: Mapping[str, Where]) -> None:
        self._documents = documents
        self._opened: dict[str, tuple[Passage, Claims]] = {}

    def open(self, names: Iterable[str]) -> tuple[Passage, Claims] | None:
        """The first of these that there is."""
        name = next((name for name in names if name in self._documents), None)
        if name is None:
            return None
        if name not in self._opened:
            passage = as_passage(self._documents[name])
            self._opened[name] = passage, Claims([passage])
        return self._opened[name]


def _unknown(passage: Passage | None = None) -> Citation:
    return locate("", passage or Passage(text="", regions=()))


# What came from outside


def _get(given: Given, name: str) -> object:
    """A value by its name in Python or in JSON."""
    head, *rest = name.split("_")
    return given.get(name, given.get(head + "".join(word.title() for word in rest)))


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None  # True is an int, but no index


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(value: object) -> Given:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _objects(value: object) -> list[Given]:
    return [one for one in _list(value) if isinstance(one, Mapping)]
