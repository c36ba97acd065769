from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.errors import CorruptSource, EncryptedSource, SourceError, SourceTooLarge
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.sniff import SUFFIXES, sniff

EPUB = "application/epub+zip"
CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


def book(entries: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), EPUB)
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            archive.writestr(entry, data)
    return buffer.getvalue()


def lists(data: bytes) -> tuple[bytes, list[bytes]]:
    """What stands before the list of entries, and the list's entries."""
    start = data.index(CENTRAL)
    entries = data[start : data.index(END)].split(CENTRAL)[1:]
    return data[:start], [CENTRAL + entry for entry in entries]


def whole(before: bytes, entries: list[bytes]) -> bytes:
    central = b"".join(entries)
    end = struct.pack("<4s4H2LH", END, 0, 0, len(entries), len(entries), len(central), len(before), 0)
    return before + central + end


def changed(entry: bytes, *, at: int, form: str, value: int) -> bytes:
    packed = struct.pack(form, value)
    return entry[:at] + packed + entry[at + len(packed) :]


def sniffed(tmp_path: Path, data: bytes, **limits: int) -> str:
    path = tmp_path / "book.epub"
    path.write_bytes(data)
    return sniff(path, file_name="book.epub", source="the book", limits=Limits(**limits))  # type: ignore[arg-type]


def with_entries(data: bytes, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    before, entries = lists(data)
    return whole(before, change(entries))


def test_good_book_passes(tmp_path: Path) -> None:
    data = book({"META-INF/container.xml": b"<x/>", "a/b.xhtml": b"<p>" * 1000})
    assert sniffed(tmp_path, data) == EPUB
    assert sniffed(tmp_path, with_entries(data, list)) == EPUB


def test_entries_and_sizes_are_limited_and_the_limit_is_named(tmp_path: Path) -> None:
    data = book({f"{number}.xhtml": bytes(1000) for number in range(20)})
    assert sniffed(tmp_path, data, max_entries=21, max_unpacked=20_100) == EPUB
    with pytest.raises(SourceTooLarge, match=r"the book: .*Raise the limit max_entries"):
        sniffed(tmp_path, data, max_entries=20)
    with pytest.raises(SourceTooLarge, match=r"the book: .*Raise the limit max_unpacked"):
        sniffed(tmp_path, data, max_unpacked=19_000)


def test_what_unpacks_to_absurdly_more_than_there_is(tmp_path: Path) -> None:
    bomb = book({"zeros.xhtml": bytes(80 << 20)})
    assert len(bomb) < 100_000
    with pytest.raises(CorruptSource, match="times its size, as bombs do"):
        sniffed(tmp_path, bomb)
    assert sniffed(tmp_path, book({"blank.xhtml": bytes(8 << 20)})) == EPUB


def test_entries_that_share_their_data(tmp_path: Path) -> None:
    """The bomb without nesting: one kernel of data under many names."""
    data = book({"kernel.xhtml": bytes(1 << 20)})
    copies = with_entries(data, lambda entries: [entries[0], *[entries[1]] * 50])
    with pytest.raises(CorruptSource, match="lie over each other"):
        sniffed(tmp_path, copies)


def test_quoted_headers(tmp_path: Path) -> None:
    """Fifield's bomb: each entry takes the headers of those after it for stored data of its own."""
    data = book({f"{number}.xhtml": b"x" * 100 for number in range(4)}, compression=zipfile.ZIP_STORED)
    quoting = with_entries(
        data, lambda entries: [entries[0], changed(entries[1], at=20, form="<L", value=300), *entries[2:]]
    )
    with pytest.raises(CorruptSource, match="lie over each other"):
        sniffed(tmp_path, quoting)


def test_entries_outside_of_the_file(tmp_path: Path) -> None:
    data = with_entries(
        book({"a.xhtml": b"text"}), lambda entries: [entries[0], changed(entries[1], at=20, form="<L", value=99_999)]
    )
    with pytest.raises(CorruptSource, match="outside of the file"):
        sniffed(tmp_path, data)


def test_zip64_sizes_are_believed_when_they_are_huge(tmp_path: Path) -> None:
    extra = struct.pack("<HHQ", 1, 8, 1 << 50)

    def huge(entries: list[bytes]) -> list[bytes]:
        entry = changed(entries[1], at=24, form="<L", value=0xFFFFFFFF)
        return [entries[0], changed(entry, at=30, form="<H", value=len(extra)) + extra]

    with pytest.raises(SourceTooLarge, match="max_unpacked"):
        sniffed(tmp_path, with_entries(book({"a.xhtml": b"text"}), huge))


def test_encrypted_entries_and_links_and_deep_folders(tmp_path: Path) -> None:
    data = book({"a.xhtml": b"text"})
    locked = with_entries(data, lambda entries: [entries[0], changed(entries[1], at=8, form="<H", value=1)])
    with pytest.raises(EncryptedSource, match="encrypted archive"):
        sniffed(tmp_path, locked)
    link = with_entries(data, lambda entries: [entries[0], changed(entries[1], at=38, form="<L", value=0o120777 << 16)])
    with pytest.raises(CorruptSource, match="link"):
        sniffed(tmp_path, link)
    with pytest.raises(CorruptSource, match="folders within each other"):
        sniffed(tmp_path, book({"a/" * 500 + "b.xhtml": b"text"}))


def test_names_of_entries_are_no_paths(tmp_path: Path) -> None:
    names = ["../../../outside.xhtml", "/etc/cron.d/evil", "C:\\evil.xhtml", "a\0b"]
    assert sniffed(tmp_path, book(dict.fromkeys(names, b"x"))) == EPUB
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.epub"]


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damage_gives_a_type_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(book({"META-INF/container.xml": b"<x/>" * 9, "a/b.xhtml": b"<p>" * 30}))
    for at, value in damage:
        data[-1 - at % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.epub"
    path.write_bytes(data)
    try:
        found = sniff(path, file_name="a.epub", source="x")
    except SourceError:
        return
    assert found in SUFFIXES
