"""The text in the HTML that models write: tags, entities, captions, by a small scanner that takes anything.

The HTML is cut off, badly nested and holds text that only looks like tags. Known tags are found wherever they stand,
all else is text and is kept.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator

_TAG = re.compile(
    r"<(/?)(table|thead|tbody|tfoot|tr|td|th|br|a|b|big|blockquote|caption|center|code|col|colgroup|del|div|d[dlt]|em"
    r"|font|h[1-6]|hr|i|img|ins|kbd|li|mark|[ou]l|p|pre|s|small|span|strike|strong|su[bp]|tt|u)(\s[^<>]{0,400})?/?>",
    re.IGNORECASE,
)
_BREAKING = re.compile(r"br|p|div|li|tr|h[1-6]|d[dt]|hr|blockquote|pre")
_CUT_TAG = re.compile(r"<(/?)([A-Za-z]{0,6})(\s+(?:[a-z]{0,9}|[a-z]{1,9}\s?=[^<>]{0,300}))?")
_CAPTION = re.compile(r"<caption\b[^<>]*>(.*?)(?:</caption\s*>|(?=<t[rdhb])|\Z)", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
GRID_TAGS = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th", "br"})


def unescape(text: str) -> str:
    """Resolve HTML entities, twice: the model escapes some of them twice over. Only entities closed by ``;`` count."""
    for _ in range(2 if "&" in text else 0):
        text = _ENTITY.sub(lambda match: entities.unescape(match.group()), text)
    return text


def strip_tags(html: str) -> str:
    """The text of a piece of HTML: tags dropped (line-breaking ones become newlines), entities resolved."""
    parts = [separator(name) if name else text for text, name, _, _ in tokens(html)]
    return clean("".join(parts))


def take_caption(html: str) -> tuple[str, str]:
    """``(text of the <caption>, html without it)``; the text is empty where there is none."""
    match = _CAPTION.search(html)
    return (strip_tags(match[1]), html[: match.start()] + html[match.end() :]) if match else ("", html)


def clean(text: str) -> str:
    """Resolve entities, then squeeze blanks within lines and drop empty lines."""
    text = unescape(text)
    if "\n" not in text:
        return " ".join(text.split())
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def separator(name: str) -> str:
    """What stands for a tag in plain text."""
    space = " " if name in ("td", "th") else ""
    return "\n" if _BREAKING.fullmatch(name) else space


def tokens(html: str) -> Iterator[tuple[str, str, bool, str]]:
    """Cut HTML into ``(text, "", False, "")`` and ``("", tag, closes, attributes)``; unknown tags are text."""
    at = 0
    for match in _TAG.finditer(html):
        name, attributes = match[2].lower(), match[3] or ""
        if not attributes.strip() or "=" in attributes:  # "a <b and c> d" is text
            yield html[at : match.start()], "", False, ""
            yield "", name, match[1] == "/", attributes
            at = match.end()
    yield _without_cut_tag(html[at:]), "", False, ""


def _without_cut_tag(text: str) -> str:
    """Drop a table's tag that the end of the answer cuts in two, such as ``</t`` or ``<td rowsp``."""
    start = text.rfind("<")
    match = _CUT_TAG.fullmatch(text, start) if start >= 0 else None
    if match is None or match.group() == "<":
        return text
    is_cut = any(tag == match[2] if match[3] else tag.startswith(match[2]) for tag in GRID_TAGS)
    return text[:start] if is_cut else text
