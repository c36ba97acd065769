"""One page that is made to hang, to eat memory or to break costs itself alone, and the file says which page it was."""

from __future__ import annotations

from pathlib import Path

from deepseek_ocr_rag import Document, read
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.options import Failure, ReadOptions
from deepseek_ocr_rag.recognition import ImageRequest, PageRequest

from ..fakes import FakeEngine


class Typist(FakeEngine):
    request = PageRequest(image=ImageRequest(long_side=400, upright=False))


def pdf(*contents: bytes, forms: bytes = b"", media: bytes = b"0 0 300 300") -> bytes:
    """A PDF of one page for each content stream; ``forms`` is the list of what pages may draw."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>"]
    kids = b" ".join(b"%d 0 R" % (3 + 2 * at) for at in range(len(contents)))
    objects.append(b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(contents)))
    for at, content in enumerate(contents):
        what = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents %d 0 R/Resources<</XObject<<%s>>>>>>"
        objects += [what % (media, 4 + 2 * at, forms), stream(content)]
    return b"%PDF-1.7\n" + b"".join(b"%d 0 obj%s endobj\n" % (at, item) for at, item in enumerate(objects, 1))


def stream(data: bytes, extra: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), extra, data)


def laughing(depth: int, width: int) -> tuple[bytes, bytes]:
    """Forms that draw each other ``width`` times, ``depth`` deep: a billion laughs. The list of them, and objects."""
    objects = b""
    for level in range(depth):
        number = 100 + level
        if level + 1 < depth:
            body = b"/Next Do\n" * width
            extra = b"/Type/XObject/Subtype/Form/BBox[0 0 300 300]/Resources<</XObject<</Next %d 0 R>>>>" % (number + 1)
        else:
            body, extra = b"0 0 9 9 re f\n" * width, b"/Type/XObject/Subtype/Form/BBox[0 0 300 300]"
        objects += b"%d 0 obj%s endobj\n" % (number, stream(body, extra))
    return b"/Laugh 100 0 R", objects


def pages(document: Document) -> list[str]:
    return [page.status for page in document.pages]


INK = b"10 10 100 100 re f"


def test_a_page_over_its_time_is_named_and_the_others_come(tmp_path: Path) -> None:
    """Outcome E6."""
    forms, objects = laughing(depth=12, width=12)
    path = tmp_path / "laughs.pdf"
    path.write_bytes(pdf(INK, b"/Laugh Do", INK, forms=forms) + objects)
    options = ReadOptions(engine=Typist(), workers=1, limits=Limits(page_seconds=2), lines="none", fallback="none")
    document = next(read(path, options))
    assert pages(document) == ["ok", "failed", "ok"]
    assert document.pages[1].warnings[0].startswith(f"{path}, page 2: ")
    assert "2 s" in document.pages[1].warnings[0]


def test_a_broken_page_is_named_and_the_others_come(tmp_path: Path) -> None:
    """Outcome E3."""
    path = tmp_path / "broken.pdf"
    circle = b"/Kids[3 0 R 5 0 R 2 0 R]"
    path.write_bytes(pdf(INK, INK, INK).replace(b"/Kids[3 0 R 5 0 R 7 0 R]", circle))
    document = next(read(path, ReadOptions(engine=Typist(), workers=1, lines="none", fallback="none")))
    assert pages(document) == ["ok", "ok", "failed"]
    assert document.pages[2].warnings[0].startswith(f"{path}, page 3: ")


def test_pages_of_absurd_sizes_are_scaled_or_refused(tmp_path: Path) -> None:
    """Outcome E4."""
    sizes = [
        b"0 0 1 1",
        b"0 0 14400 1",
        b"0 0 2000000 2000000",
        b"0 0 0 0",
        b"9 9 -9 -9",
        b"0 0 nan 1",
        b"0 0 1e38 1e38",
    ]
    paths = [tmp_path / f"{number}.pdf" for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(pdf(INK, media=size))
    failures: list[Failure] = []
    options = ReadOptions(engine=Typist(), workers=1, lines="none", fallback="none", on_failure=failures.append)
    documents = {document.source: document for document in read(paths, options)}
    assert documents.keys() | {failure.source for failure in failures} == {str(path) for path in paths}
    for name, document in documents.items():
        for page in document.pages:
            assert page.status in ("ok", "empty") or f"{name}, page 1: " in page.warnings[0]
