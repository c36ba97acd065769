"""Tables for programs that calculate: CSV as RFC 4180 has it, that opens as text and never as a formula.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, quoted or not, and a document is
written by somebody else. So such cells get an apostrophe in front, which spreadsheets take for "this is text". Signed
numbers stay as they are, since a table of changes that cannot be added up is of no use, and so do dashes alone.
"""

from __future__ import annotations

import csv
import io
import re

from .document import Table
from .tables import table_rows

_UNSEEN = r"\s\x00-\x1f\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""What stands before a formula and hides it: white space, controls and marks that have no shape."""

_FORMULA = re.compile(rf"[{_UNSEEN}]*[=+\-@\t\r＝＋－＠﹢﹣﹦﹫]")
_DASHES = re.compile(rf"[{_UNSEEN}\-‐‑‒–—―−－﹣]+")
"""Nothing to see: what many tables have in cells without a value."""
_NUMBER = re.compile(r"[+-]\s{0,2}[$€£¥]?\s{0,2}\d[\d.,'\s]{0,40}(?:[eE][+-]?\d{1,4})?(?:\s{0,2}[%‰$€£¥])?")


def table_csv(table: Table, *, delimiter: str = ",", is_safe: bool = True) -> str:
    """The grid as CSV: rows end with CRLF, a spanning cell's text stands at its top left place.

    Args:
        table: The table; header rows are rows like the others.
        delimiter: Between cells; ``;`` is what spreadsheets expect where the decimal mark is a comma.
        is_safe: Put an apostrophe before cells that a spreadsheet would calculate. False keeps every text as it is.
    """
    out = io.StringIO()
    rows = table_rows(table)
    if is_safe:
        rows = [[_as_text(text) for text in row] for row in rows]
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _as_text(text: str) -> str:
    if not _FORMULA.match(text) or _DASHES.fullmatch(text):
        return text
    return text if _NUMBER.fullmatch(text) else f"'{text}"
