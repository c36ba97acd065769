from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.errors import CorruptSource, EncryptedSource, SourceError, UnsupportedSource
from deepseek_ocr_rag.sniff import SUFFIXES, sniff

DATA = Path(__file__).parents[1] / "../shared/data"
ODF = "application/vnd.oasis.opendocument."
OOXML = "application/vnd.openxmlformats-officedocument."


def kind(tmp_path: Path, data: bytes, file_name: str = "") -> str:
    path = tmp_path / "file"
    path.write_bytes(data)
    return sniff(path, file_name=file_name, source="the file")


def zipped(entries: dict[str, bytes], *, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # dated 1980: these bytes name tests, alike in every worker
        archive.comment = comment
    return buffer.getvalue()


def compound(*streams: str) -> bytes:
    """A compound file of which only the header and the first directory sector are there."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header[30:32] = (9).to_bytes(2, "little")
    header[48:52] = (2).to_bytes(4, "little")
    entries = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *streams))
    return bytes(header) + bytes(1024) + entries


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"%PDF-a.4 oddly numbered", "application/pdf"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 900 + b"%PDF-1.4", "application/pdf"),
        (b"%!PS-Adobe-3.0 PDF-1.4\n", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe1 with %PDF-1.4 in its comment", "image/jpeg"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"GIF89a", "image/gif"),
        (b"II*\0\x08\0\0\0", "image/tiff"),
        (b"MM\0+\0\x08", "image/tiff"),
        (b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(40), "image/bmp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "image/avif"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
        (b"P5\n# a comment\n16 16\n255\n", "image/x-portable-anymap"),
        (b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
        (b"icns\0\0\x01\0", "image/icns"),
        (b"\0\0\1\0\1\0" + bytes(20), "image/x-icon"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        (
            b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <b> -->\n'
            b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x" [<!ENTITY ns "y">]>\n<svg:svg >',
            "image/svg+xml",
        ),
        (b"{\\rtf1\\ansi", "application/rtf"),
        (zipped({"mimetype": b"application/epub+zip", "META-INF/container.xml": b""}), "application/epub+zip"),
        (zipped({"META-INF/container.xml": b""}), "application/epub+zip"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.text\n"}), ODF + "text"),
        (zipped({"[Content_Types].xml": b"", "word/document.xml": b""}), OOXML + "wordprocessingml.document"),
        (zipped({"[Content_Types].xml": b"", "ppt/a.xml": b""}), OOXML + "presentationml.presentation"),
        (zipped({"xl/w.xml": b"", "[Content_Types].xml": b""}), OOXML + "spreadsheetml.sheet"),
        (zipped({"[Content_Types].xml": b"", "FixedDocSeq.fdseq/[0].piece": b""}), "application/oxps"),
        (
            zipped({"p/1.jpg": b"", "p/2.PNG": b"", "ComicInfo.xml": b"", "__MACOSX/._1.jpg": b"", ".DS_Store": b""}),
            "application/vnd.comicbook+zip",
        ),
        (zipped({"p/1.jpg": b""}, comment=b"scanned by hand"), "application/vnd.comicbook+zip"),
        (compound("WordDocument"), "application/msword"),
        (compound("PowerPoint Document"), "application/vnd.ms-powerpoint"),
        (compound("Workbook"), "application/vnd.ms-excel"),
    ],
)
def test_types_by_content(tmp_path: Path, data: bytes, expected: str) -> None:
    assert kind(tmp_path, data, "misleading.txt") == expected
    assert expected in SUFFIXES


@pytest.mark.parametrize(
    ("data", "expected", "words"),
    [
        (b"", CorruptSource, "is empty"),
        (b"<!DOCTYPE HTML><p>Log in", UnsupportedSource, "web page"),
        (b"# Notes\n\nabout %PDF files\n", UnsupportedSource, "needs no OCR"),
        ("a;b\nä;ö\n".encode("latin-1"), UnsupportedSource, "text file"),
        ("text".encode("utf-16"), UnsupportedSource, "text file"),
        (b"BM is how this text begins, as others do.", UnsupportedSource, "text file"),
        (b"P1 is a priority", UnsupportedSource, "text file"),
        (b"\x7fELF\x02\x01\x01\0\0\0", UnsupportedSource, "Pass a PDF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42avc1", UnsupportedSource, "Pass a PDF"),
        (b"%!PS-Adobe-3.0\n", UnsupportedSource, "ps2pdf"),
        (b"\x1f\x8b\x08\0", UnsupportedSource, "gzip"),
        (zipped({"readme.txt": b"", "1.jpg": b""}), UnsupportedSource, "Unpack"),
        (zipped({"[Content_Types].xml": b"", "word/document.xml": b""})[:60], CorruptSource, "damaged zip"),
        (compound("EncryptedPackage"), EncryptedSource, "without a password"),
        (compound("__properties_version1.0"), UnsupportedSource, "Pass a PDF"),
    ],
)
def test_refusals_name_the_file_and_the_remedy(
    tmp_path: Path, data: bytes, expected: type[SourceError], words: str
) -> None:
    with pytest.raises(expected, match=words) as caught:
        kind(tmp_path, data)
    assert str(caught.value).startswith("the file: ")
    assert caught.value.hint


def test_damaged_header_is_passed_on_by_suffix(tmp_path: Path) -> None:
    assert kind(tmp_path, b"\xff\xff%startxref\n8 0 obj", "scan.PDF") == "application/pdf"
    assert kind(tmp_path, b"\x89PNG\r\n\x1a\n", "scan.pdf") == "image/png"
    with pytest.raises(UnsupportedSource, match="login page"):
        kind(tmp_path, b"\n<html><body>404", "paper.pdf")


def test_old_office_files_fall_back_on_their_suffix(tmp_path: Path) -> None:
    assert kind(tmp_path, compound("Renamed"), "letter.DOC") == "application/msword"


def test_list_of_entries_is_read_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = zipped({f"{number:06}.jpg": b"" for number in range(100)})
    assert kind(tmp_path, data) == "application/vnd.comicbook+zip"
    monkeypatch.setattr("deepseek_ocr_rag.sniff._ZIP_READ_LIMIT", 2000)
    with pytest.raises(CorruptSource, match="too long"):
        kind(tmp_path, data)


def test_only_the_mimetype_is_unpacked_and_little_of_it(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", b"application/epub+zip".ljust(50_000_000))
    assert kind(tmp_path, buffer.getvalue()) == "application/epub+zip"


def outcome(path: Path, file_name: str) -> str:
    try:
        return sniff(path, file_name=file_name, source="x")
    except SourceError as error:
        return "refused" if error.hint else "refused without a hint"


MAGICS = (
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\0\0\0\xfeftyp",
    b"<?xml <!--",
    b"<!DOCTYPE [",
    b"P6\n#",
    b"",
)


@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=300), name=st.sampled_from(["", "a.pdf", "a.doc"]))
def test_any_bytes_get_a_known_type_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, magic: bytes, rest: bytes, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(magic + rest)
    assert outcome(path, name) in {"refused", *SUFFIXES}


@given(cut=st.integers(min_value=4, max_value=400), flip=st.integers(min_value=4, max_value=400))
def test_damaged_containers_raise_nothing_foreign(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    whole = bytearray(zipped({"mimetype": b"application/epub+zip", "META-INF/container.xml": b"<x/>" * 20}))
    whole[flip % len(whole)] ^= 0xFF
    path = tmp_path_factory.getbasetemp() / "container"
    path.write_bytes(whole[: max(4, len(whole) - cut)] if cut % 2 else whole)
    assert outcome(path, "") in {"refused", *SUFFIXES}


def test_nothing_readable_of_the_corpus_is_refused() -> None:
    if not DATA.is_dir():
        pytest.skip("the third-party documents are not here")
    outcomes: dict[str, str] = {}
    for table in ("HOSTILE_DOCS.tsv", "HOSTILE_IMAGES.tsv"):
        with (DATA / table).open(encoding="utf-8") as file:
            outcomes |= {row["path"]: row["expected_outcome"] for row in csv.DictReader(file, delimiter="\t")}
    for name, wanted in outcomes.items():
        path = DATA / name
        try:
            found = sniff(path, file_name=path.name, source=name)
        except SourceError:
            assert wanted.startswith("E1"), f"{name} is refused, expected {wanted}"
        else:
            assert found in SUFFIXES


def test_type_agrees_with_the_suffix_on_good_documents() -> None:
    if not DATA.is_dir():
        pytest.skip("the third-party documents are not here")
    paths = [path for folder in ("born_digital", "scanned") for path in (DATA / folder).rglob("*")]
    documents = [path for path in paths if path.suffix in {".pdf", ".jpg", ".tif"}]
    assert documents
    for path in documents:
        assert SUFFIXES[sniff(path, file_name="", source=path.name)] == path.suffix
