"""What a file is, by its content: the name is asked only where the content leaves two answers.

Only the first kilobytes, a zip's list of entries or a compound file's first directory sector are read, with fixed
bounds, because the file may be hostile and large. What cannot become pages is refused here, with the way out.
"""

from __future__ import annotations

import codecs
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from .archives import check_archive
from .errors import CorruptSource, EncryptedSource, UnsupportedSource
from .limits import Limits

_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."

OFFICE_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        _OOXML + "wordprocessingml.document": ".docx",
        _OOXML + "presentationml.presentation": ".pptx",
        _OOXML + "spreadsheetml.sheet": ".xlsx",
        _ODF + "text": ".odt",
        _ODF + "presentation": ".odp",
        _ODF + "spreadsheet": ".ods",
        "application/msword": ".doc",
        "application/vnd.ms-powerpoint": ".ppt",
        "application/vnd.ms-excel": ".xls",
        "application/rtf": ".rtf",
    }
)
"""Media types that LibreOffice turns into PDF, and their usual suffix."""

SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "application/pdf": ".pdf",
        "application/epub+zip": ".epub",
        "application/oxps": ".xps",
        "application/vnd.comicbook+zip": ".cbz",
        "image/png": ".png",
        "image/jpeg": ".jpg",
        "image/webp": ".webp",
        "image/gif": ".gif",
        "image/tiff": ".tif",
        "image/bmp": ".bmp",
        "image/heic": ".heic",
        "image/avif": ".avif",
        "image/jp2": ".jp2",
        "image/svg+xml": ".svg",
        "image/x-portable-anymap": ".pnm",
        "image/x-icon": ".ico",
        "image/icns": ".icns",
        "image/vnd.adobe.photoshop": ".psd",
        **OFFICE_SUFFIXES,
    }
)
"""Every media type that :func:`sniff` returns, and its usual suffix."""

# Icons are left out: beside documents in a folder they are decoration. They can still be passed by name.
KNOWN_SUFFIXES = (frozenset(SUFFIXES.values()) - {".ico", ".icns"}) | frozenset(
    [".oxps", ".jpeg", ".jpe", ".jfif", ".tiff", ".heif", ".hif", ".mpo", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm"]
)
"""Lower-case suffixes by which files are picked from a folder."""

_HEAD = 4096
_PDF_HEADER = re.compile(rb"%(?:!PS-Adobe-\d\.\d )?PDF-\d")
_PDF_HEADER_WITHIN = 1024  # Adobe's implementation note 13, which every reader follows
_ANYMAP = re.compile(rb"P[1-6]\s(?:\s|#[^\n]*\n)*+\d")
# Possessive, so that a prolog that never ends costs one pass and no more.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s++|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*+(?:\[.*?\]\s*)?>)*+<(?:\w+:)?svg[\s>]", re.DOTALL
)
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*+<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_ISO_BRANDS = {
    "image/avif": {b"avif", b"avis"},
    "image/heic": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"},
}
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"icns", "image/icns"),
    (b"{\\rtf", "application/rtf"),
)
_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"%!PS", "is PostScript.", "Convert it to PDF first, for example with ps2pdf."),
    (b"AT&TFORM", "is DjVu.", "Convert it to PDF first, for example with ddjvu -format=pdf."),
    (b"\x1f\x8b", "is compressed with gzip.", "Decompress it and pass what is inside."),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive.", "Unpack it and pass the files."),
    (b"Rar!", "is a RAR archive.", "Unpack it and pass the files."),
)
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = {
    "WordDocument": "application/msword",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
}
_ZIP_READ_LIMIT = 4 << 20  # about 90,000 entries; documents have hundreds
_COMIC_IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".jp2", ".avif")
_DEFAULTS = Limits()
_EMPTY = "Check how it was written; a file object is read from where it stands."
_ACCEPTED = "Pass a PDF, an image, an EPUB, XPS or CBZ file, or an office document."


def sniff(path: Path, *, file_name: str, source: str, limits: Limits = _DEFAULTS) -> str:
    """The media type of the file at ``path``: a key of :data:`SUFFIXES`.

    Args:
        path: A local, readable, regular file.
        file_name: The user's name of it; its suffix decides where the content is damaged.
        source: What to call the file in messages.
        limits: What an archive may unpack to.

    Raises:
        CorruptSource: The file is empty, or a damaged or hostile container.
        EncryptedSource: An office document or archive that is encrypted as a whole.
        SourceTooLarge: An archive of too many files, or of too much.
        UnsupportedSource: No reader makes pages of this type.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if not head:
            raise CorruptSource("is empty.", source=source, hint=_EMPTY)
        if head.startswith(_OLE_MAGIC):
            return _ole_type(file, head, file_name=file_name, source=source)
    if head.startswith(b"PK\x03\x04"):
        return _zip_type(path, source=source, limits=limits)
    found = _by_content(head)
    if found:
        return found
    suffix = Path(file_name).suffix.lower()
    if suffix == ".pdf" and not _WEB_PAGE.match(head):
        return "application/pdf"  # a damaged header: MuPDF repairs many of these, and says so where it cannot
    raise _refusal(head, source=source)


def _by_content(head: bytes) -> str:
    """The type that the first bytes give away, or empty."""
    if head.startswith(b"%PDF-") or _PDF_HEADER.match(head):
        return "application/pdf"
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    for test, media_type in _TESTS:
        if test(head):
            return media_type
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4], "big")
        brands = {head[at : at + 4] for at in (8, *range(16, min(length, len(head)), 4))}
        return next((media_type for media_type, known in _ISO_BRANDS.items() if brands & known), "")
    return "application/pdf" if _PDF_HEADER.search(head[:_PDF_HEADER_WITHIN]) else ""


def _is_bitmap(head: bytes) -> bool:
    """Two letters are not enough; the length of the second header, at most 124 in the wild, makes it sure."""
    return head[:2] == b"BM" and len(head) > 18 and 12 <= int.from_bytes(head[14:18], "little") < 256


def _is_icon(head: bytes) -> bool:
    return head[:4] == b"\0\0\1\0" and head[4:6] != b"\0\0" and len(head) > 22


_TESTS: tuple[tuple[Callable[[bytes], object], str], ...] = (
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", "image/webp"),
    (_is_bitmap, "image/bmp"),
    (_is_icon, "image/x-icon"),
    (_ANYMAP.match, "image/x-portable-anymap"),
    (_SVG.match, "image/svg+xml"),
)


class _BoundedFile(io.FileIO):
    """A file that refuses one large read, which is how ``zipfile`` takes in a list of entries."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _ZIP_READ_LIMIT:
            raise zipfile.BadZipFile("list of entries is too long")
        return super().read(_ZIP_READ_LIMIT if size is None or size < 0 else size) or b""


def _zip_type(path: Path, *, source: str, limits: Limits) -> str:
    """Tell zip-based documents apart by their entries; nothing but a short ``mimetype`` is unpacked."""
    try:
        with _BoundedFile(path) as file, zipfile.ZipFile(file) as archive:
            check_archive(archive, size=path.stat().st_size, limits=limits, source=source)
            names = [name for name in archive.namelist() if not name.endswith("/")]
            mimetype = _read_mimetype(archive) if "mimetype" in names else b""
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError, struct.error) as error:
        raise CorruptSource(
            f"is a damaged zip container ({error}).",
            source=source,
            hint="Check that it was copied or downloaded completely.",
        ) from error
    found = _zip_document(set(names), mimetype.strip().decode("ascii", "replace"))
    if not found:
        raise UnsupportedSource(
            "is a zip archive, not a document.", source=source, hint="Unpack it and pass the files."
        )
    return found


def _read_mimetype(archive: zipfile.ZipFile) -> bytes:
    if archive.getinfo("mimetype").compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return b""
    with archive.open("mimetype") as entry:
        return entry.read(100)


def _zip_document(names: set[str], mimetype: str) -> str:
    if mimetype == "application/epub+zip" or mimetype in OFFICE_SUFFIXES:
        return mimetype
    if "[Content_Types].xml" in names:
        parts = {"word/": "wordprocessingml.document", "ppt/": "presentationml.presentation"}
        parts["xl/"] = "spreadsheetml.sheet"
        for folder, kind in parts.items():
            if any(name.startswith(folder) for name in names):
                return _OOXML + kind
    if any(".fdseq" in name.lower() for name in names):
        return "application/oxps"
    if "META-INF/container.xml" in names:
        return "application/epub+zip"  # the mimetype entry is forgotten often enough
    pages = {name for name in names if not name.startswith("__MACOSX/") and not Path(name).name.startswith(".")}
    pages = {name for name in pages if Path(name).name.lower() != "comicinfo.xml"}
    is_comic = bool(pages) and all(name.lower().endswith(_COMIC_IMAGES) for name in pages)
    return "application/vnd.comicbook+zip" if is_comic else ""


def _ole_type(file: io.BufferedReader, head: bytes, *, file_name: str, source: str) -> str:
    """The old office formats, by the names in the compound file's first directory sectors."""
    sector_power = min(int.from_bytes(head[30:32], "little"), 12)  # 9 or 12 in the format's definition
    first_directory = int.from_bytes(head[48:52], "little")
    file.seek((first_directory + 1) << sector_power)
    directory = file.read(_HEAD)
    entries = (directory[at : at + 64].decode("utf-16-le", "ignore") for at in range(0, len(directory), 128))
    names = {entry.partition("\0")[0] for entry in entries}
    if "EncryptedPackage" in names:
        raise EncryptedSource(
            "is an encrypted office document.",
            source=source,
            hint="Save it without a password, or export it to PDF, and pass that.",
        )
    for name, media_type in _OLE_STREAMS.items():
        if name in names:
            return media_type
    suffix = Path(file_name).suffix.lower()
    for media_type in _OLE_STREAMS.values():
        if suffix == OFFICE_SUFFIXES[media_type]:
            return media_type
    raise UnsupportedSource("is not a document that can be read.", source=source, hint=_ACCEPTED)


def _refusal(head: bytes, *, source: str) -> UnsupportedSource:
    """Say as exactly as the content allows what the file is instead."""
    for magic, what, hint in _REFUSED:
        if head.startswith(magic):
            return UnsupportedSource(what, source=source, hint=hint)
    if _WEB_PAGE.match(head):
        return UnsupportedSource(
            "is a web page (HTML), which needs no OCR.",
            source=source,
            hint="Read it with an HTML loader; if a document was expected, look for an error or login page.",
        )
    if _is_text(head):
        return UnsupportedSource(
            "is a text file, which needs no OCR.",
            source=source,
            hint="Text, Markdown, CSV, JSON and XML files are read by the loaders of your framework.",
        )
    return UnsupportedSource("is not a document that can be read.", source=source, hint=_ACCEPTED)


def _is_text(head: bytes) -> bool:
    """Whether there are no control characters but those of text, or a UTF-16 mark says so."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or not _CONTROL.search(head)
