"""The annotated copy is the source's own bytes with something appended, wherever the source allows it."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image

from deepseek_ocr_rag.annotate import annotate_pdf
from deepseek_ocr_rag.cite import Citation, CitationRegion
from deepseek_ocr_rag.errors import CitationError, CorruptSource, PageFailed
from deepseek_ocr_rag.geometry import Box

SAVED = {
    "plain": {},
    "object streams": {"use_objstms": 1, "deflate": True},
    "encrypted": {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": "open", "owner_pw": "own"},
    "old encryption": {"encryption": pymupdf.PDF_ENCRYPT_RC4_128, "user_pw": "open", "owner_pw": "own"},
}
LINES = tuple(Box(left=0.1, top=top, right=0.8, bottom=top + 0.02) for top in (0.1, 0.13, 0.16))


def cite(quote: str, *regions: CitationRegion) -> Citation:
    return Citation(
        document_id="",
        source="",
        chunk_id="",
        quote=quote,
        status="verified",
        score=1.0,
        precision="line",
        regions=regions,
        start=0,
        end=len(quote),
    )


def on(number: int, *boxes: Box) -> CitationRegion:
    return CitationRegion(page_number=number, boxes=boxes)


def make_pdf(path: Path, **saved: Any) -> Path:
    with pymupdf.open() as document:
        for number in range(1, 4):
            document.new_page(width=300, height=400).insert_text((30, 50), f"Page {number} says this.")
        document.save(path, **saved)
    return path


def notes(path: Path) -> list[list[str]]:
    with pymupdf.open(path) as document:
        if document.needs_pass:
            assert document.authenticate("open")
        return [[note.info["content"] for note in page.annots()] for page in document]


def notes_by_pdfium(path: Path) -> list[int]:
    pdfium = pytest.importorskip("pypdfium2", reason="a second reader, not among our dependencies")
    document = pdfium.PdfDocument(path, password="open")
    try:
        return [pdfium.raw.FPDFPage_GetAnnotCount(document[number]) for number in range(len(document))]
    finally:
        document.close()


@pytest.mark.parametrize("saved", SAVED.values(), ids=SAVED)
def test_the_copy_begins_with_the_bytes_of_the_source(tmp_path: Path, saved: dict[str, Any]) -> None:
    source = make_pdf(tmp_path / "source.pdf", **saved)
    before = source.read_bytes()
    both = cite("one quote over two pages", on(1, *LINES[:2]), on(2, LINES[0]))
    output = annotate_pdf(source, [both, cite("another quote", on(2, LINES[2]))], tmp_path / "out.pdf", password="open")
    assert source.read_bytes() == before
    assert output.read_bytes().startswith(before)
    assert len(output.read_bytes()) > len(before)
    assert notes(output) == [["one quote over two pages"], ["one quote over two pages", "another quote"], []]
    assert notes_by_pdfium(output) == [1, 2, 0]


def test_a_copy_can_be_annotated_again(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    once = annotate_pdf(source, [cite("first", on(3, LINES[0]))], tmp_path / "once.pdf")
    twice = annotate_pdf(once, [cite("second", on(3, LINES[1]))], tmp_path / "twice.pdf")
    assert twice.read_bytes().startswith(once.read_bytes())
    assert notes(twice) == [[], [], ["first", "second"]]


def test_what_a_signature_covers_is_untouched(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    with pymupdf.open(source) as document:
        field, catalog = document.get_new_xref(), document.pdf_catalog()
        value = "<</Type/Sig/Filter/Adobe.PPKLite/ByteRange[0 9 19 9]/Contents<00>>>"
        widget = f"<</FT/Sig/T(s)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/F 132/V{value}/P {document[0].xref} 0 R>>"
        document.update_object(field, widget)
        document.xref_set_key(catalog, "AcroForm", f"<</SigFlags 3/Fields[{field} 0 R]>>")
        document.xref_set_key(document[0].xref, "Annots", f"[{field} 0 R]")
        document.saveIncr()
    output = annotate_pdf(source, [cite("signed", on(1, LINES[0]))], tmp_path / "out.pdf")
    assert output.read_bytes().startswith(source.read_bytes())
    assert value.encode() in output.read_bytes()[: source.stat().st_size]
    assert notes_by_pdfium(output) == [2, 0, 0]


def test_without_highlights_the_copy_is_the_source(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    page_only = cite("somewhere here", on(2))
    assert annotate_pdf(source, [page_only], tmp_path / "out.pdf").read_bytes() == source.read_bytes()


def test_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    data = source.read_bytes()
    source.write_bytes(data[: data.rindex(b"xref")] + b"trailer nonsense")
    output = annotate_pdf(source, [cite("repaired", on(2, LINES[0]))], tmp_path / "out.pdf")
    assert not output.read_bytes().startswith(source.read_bytes())
    with pymupdf.open(output) as document:
        assert not document.is_repaired
    assert notes(output) == [[], ["repaired"], []]
    assert notes_by_pdfium(output) == [0, 1, 0]


def test_a_full_disk_costs_the_copy_and_leaves_nothing(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    output = tmp_path / "out.pdf"
    output.write_bytes(b"an older one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (source.stat().st_size + 100, hard))  # room for the copy, not for more
    try:
        with pytest.raises(CitationError, match=r"out\.pdf.*cannot be written.*room"):
            annotate_pdf(source, [cite("too much", on(1, *LINES))], output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert output.read_bytes() == b"an older one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.pdf", "source.pdf"]


@pytest.mark.parametrize(
    "name",
    [
        "pdfminer+pdfminer.six/samples/encryption/encrypted_doc_no_id.pdf",
        "qpdf+qpdf/qpdf/qtest/qpdf/invalid-id-xref.pdf",
    ],
)
def test_an_encrypted_file_without_an_id_opens_as_before(tmp_path: Path, shared_data: Path, name: str) -> None:
    source = shared_data / "hostile" / name
    if not source.is_file():
        pytest.skip("the hostile documents are not here")
    output = annotate_pdf(source, [cite("a quote", on(1, LINES[0]))], tmp_path / "out.pdf")
    with pymupdf.open(output) as document:
        assert not document.needs_pass
    assert notes(output)[0] == ["a quote"]


def test_a_copy_that_does_not_open_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = make_pdf(tmp_path / "source.pdf"), tmp_path / "out.pdf"
    output.write_bytes(b"an older one")
    monkeypatch.setattr(pymupdf.Document, "save", lambda self, path, **_: Path(path).write_bytes(b"%PDF-1.7"))
    with pytest.raises(CorruptSource, match=r"source\.pdf"):
        annotate_pdf(source, [cite("lost", on(1, LINES[0]))], output)
    assert output.read_bytes() == b"an older one"


def test_notes_keep_words_and_numbers_apart(tmp_path: Path) -> None:
    quote = "12\u00a034\u202fkg \u0645\u06cc\u200c\u062e\u0648\u0627\u0646\u0645\x00\u202e"
    output = annotate_pdf(make_pdf(tmp_path / "source.pdf"), [cite(quote, on(1, LINES[0]))], tmp_path / "out.pdf")
    assert notes(output)[0] == ["12 34 kg \u0645\u06cc\u200c\u062e\u0648\u0627\u0646\u0645"]


def test_a_picture_that_cannot_be_read_costs_its_own_page(tmp_path: Path) -> None:
    source = tmp_path / "fax.tif"
    frames = [Image.effect_noise((300, 400), 80) for _ in range(3)]
    frames[0].save(source, save_all=True, append_images=frames[1:], compression="tiff_adobe_deflate")
    with Image.open(source) as image:
        image.seek(1)
        strips = zip(image.tag_v2[273], image.tag_v2[279], strict=True)  # type: ignore[attr-defined]
    data = bytearray(source.read_bytes())
    for start, length in strips:
        data[start : start + length] = b"\xff" * length
    source.write_bytes(data)
    output = annotate_pdf(source, [cite("after it", on(3, LINES[0]))], tmp_path / "out.pdf")
    assert notes(output) == [[], [], ["after it"]]
    with pytest.raises(PageFailed, match="page 2"):
        annotate_pdf(source, [cite("on it", on(2, LINES[0]))], tmp_path / "out.pdf")


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"d\xe9p\xf4t")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("the file system has names in UTF-8 only")
    source = Path(shutil.copy(make_pdf(tmp_path / "plain.pdf"), folder / os.fsdecode(b"caf\xe9.pdf")))
    output = annotate_pdf(source, [cite("a quote", on(2, LINES[0]))], folder / os.fsdecode(b"copi\xe9.pdf"))
    assert output.read_bytes().startswith(source.read_bytes())
    assert notes(Path(shutil.copy(output, tmp_path / "copy.pdf"))) == [[], ["a quote"], []]


@pytest.mark.parametrize("name", ["a" * 300 + ".pdf", "a\0b.pdf"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    with pytest.raises(CitationError, match="cannot be written"):
        annotate_pdf(source, [cite("a quote", on(1, LINES[0]))], tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["source.pdf"]
