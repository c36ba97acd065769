"""What a document that is a zip archive (EPUB, XPS, comic book, office) would unpack to, by its list of entries.

Nothing is unpacked for it. Refused are archives of too many files, of too much, those whose entries say that they
unpack to absurdly more than there is, and those whose entries lie over each other, as all known bombs do. Who unpacks
them, a worker process or LibreOffice, is bounded in memory besides, because a list may lie.
"""

from __future__ import annotations

import stat
import struct
import zipfile

from .errors import CorruptSource, EncryptedSource, SourceTooLarge
from .limits import MIB, Limits

ABSURD_RATIO = 400
"""Bytes for a byte: text of office documents has less than 100, and deflate cannot do more than 1,032."""

HARMLESS = 64 * MIB
"""An archive that unpacks to no more is never absurd: a blank page of a comic book has a high ratio, too."""

DEEPEST = 64
"""Folders within folders of an archive."""

_HEADER = struct.calcsize("<4s5H3I2H")
"""Bytes of an entry's own header, at the least."""

_ENCRYPTED = 1
_HINT = "Unpack it with a tool that you trust and look what is in there."


def check_archive(archive: zipfile.ZipFile, *, size: int, limits: Limits, source: str) -> None:
    """Refuse an archive that is made to exhaust who unpacks it.

    Args:
        archive: An open one; its list of entries is in memory.
        size: Bytes of the file.
        limits: Its ``max_entries`` and ``max_unpacked`` hold.
        source: What to call the file in messages.

    Raises:
        SourceTooLarge: More entries or bytes than the limits allow.
        CorruptSource: Entries that lie over each other or outside the file, links, or sizes that cannot be.
        EncryptedSource: Its entries are encrypted.
    """
    entries = archive.infolist()
    if len(entries) > limits.max_entries:
        raise SourceTooLarge(
            f"is an archive of more than {limits.max_entries:,} files.",
            source=source,
            hint="Raise the limit max_entries to accept it.",
        )
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.max_unpacked:
        raise SourceTooLarge(
            f"unpacks to more than {limits.max_unpacked:,} bytes.",
            source=source,
            hint="Raise the limit max_unpacked to accept it.",
        )
    if unpacked > max(HARMLESS, ABSURD_RATIO * size):
        raise _bad(f"says that it unpacks to {unpacked // max(1, size)} times its size, as bombs do.", source=source)
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise EncryptedSource(
            "is an encrypted archive.", source=source, hint="Unpack it with its password and pass the files."
        )
    _check_places(entries, size=size, source=source)


def _check_places(entries: list[zipfile.ZipInfo], *, size: int, source: str) -> None:
    """Entries lie one after the other within the file, and are files."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise _bad("has entries that lie over each other, as bombs do.", source=source)
        end = entry.header_offset + _HEADER + entry.compress_size
        if end > size:
            raise _bad("has entries that lie outside of the file.", source=source)
        if entry.filename.count("/") > DEEPEST:
            raise _bad(f"has more than {DEEPEST} folders within each other.", source=source)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise _bad("holds a link to another file.", source=source)


def _bad(what: str, *, source: str) -> CorruptSource:
    return CorruptSource(what, source=source, hint=_HINT)
