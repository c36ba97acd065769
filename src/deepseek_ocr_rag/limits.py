"""What reading may take, so that no file takes the machine: every limit has a default, and each can be raised.

What is over a limit is an error that names the file, the page where it is one, and the limit; the other pages and files
go on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of everything is read; more is an error of the file or page.

    Raises:
        ValueError: If a limit is not positive.
    """

    max_bytes: int = GIB
    """Bytes of a file, stream or download."""
    max_pages: int = 50_000
    """Pages of a file."""
    max_pixels: int = 178_956_970
    """Pixels of a picture, and of a page as it is drawn: Pillow's own bound against decompression bombs."""
    page_seconds: float = 120.0
    """Seconds of a page in a worker process, opening its file included."""
    download_seconds: float = 60.0
    """Seconds of a download as a whole, and of the conversion of an office document."""
    worker_memory: int = 4 * GIB
    """Bytes of address space of a worker process, and of LibreOffice, where the system can hold them to that."""
    max_entries: int = 20_000
    """Files in a format that is an archive (EPUB, office documents, comic books)."""
    max_unpacked: int = 4 * GIB
    """Bytes of such an archive unpacked."""
    max_page_bytes: int = 64 * MIB
    """Bytes of what comes back of one page: its picture, and its words."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if not getattr(self, item.name) > 0:
                raise ValueError(f"{item.name} must be positive")


READ_BEFORE = Limits(max_bytes=1 << 62, max_pages=1 << 31, max_entries=1 << 31, max_unpacked=1 << 62)
"""For a file that was read before, under the limits of that time: its size is no news."""
