"""Where fuzzing starts: small texts of each kind, and the words that are worth putting anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "grounding": (
            "<|ref|>title<|/ref|><|det|>[[100, 50, 900, 90]]<|/det|>\n# Rivers\n\n"
            "<|ref|>text<|/ref|><|det|>[[48, 623, 481, 704], [499, 81, 933, 162]]<|/det|>\nIt begins\nand goes on.",
            "text[[1, 2, 3, 4]]\nHello\ntable[[5, 6, 7, 8]]\n<table><tr><td>a</td><td>b</td></tr></table>",
            "# Heading\n\nA line.\n\n- item\n- item\n\n\\(x^2\\)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
            "and so on " * 60,
            "<｜begin▁of▁sentence｜><|ref|>image<|/ref|><|det|>[[0, 0, 999, 500]]<|/det|>\n\n<｜end▁of▁sentence｜>",
        ),
        "tables": (
            '<table><tr><th rowspan="2">n</th><th colspan=2>TEDs</th></tr><tr><th>s</th><th>c</th></tr></table>',
            "<table><thead><tr><td><b>x</b> | y</td></tr></thead><tbody><tr><td>a<br/>b &amp;lt; c</td></tr></table>",
            "| a | b |\n|:--|--:|\n| 1 \\| 2 | `x|y` |\n| 3 |\n",
            "<table><tr><td>a<table><tr><td>b</td></tr></table></td></tr><td>loose",
        ),
        "quotes": (
            "the water rose by 12 metres\n----\nIn spring the water rose by 12 metres and took it.\nAgain.",
            "water … bridge [...] again\n----\nThe water took the\nbridge and came again.",
            "ｆｕｌｌ ﬁ 水 12,5\n----\nfull fi 水 12.5 – full-\nfill",
        ),
        "stored": (
            'pages.0.blocks.1.level=-5\npages.0.blocks.0.kind="heading"',
            "pages.0.blocks.2.table.cells.1.row=99\npages.0.blocks.2.table.rows=1",
            'pages.0.blocks.1.boxes.0=[0, 0, 2, 1]\npages.0.blocks.1.text="short"',
            'headings=[{"block_id": "x", "page_number": 7, "level": 1, "text": "x"}]\ntotal_pages=0\nid=""',
            'pages.0.blocks.1.lines=[{"start": 5, "end": 2, "box": [0, 0, 1, 1], "source": "ink"}]\npages.0.number=3',
            'pages.0.view={"left": 0, "bottom": 0, "right": 0, "top": 0, "rotation": 90, "user_unit": 0}',
            '{"schema": "deepseek-ocr-rag/document/2", "id": "x", "pages": []}',
        ),
        "passages": (
            "# One\n\nText of a section.\n\nTwo\n===\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
            "```py\ncode\n```\n\n$$\nx\n$$\n",
            "1. item\n   - nested\n\n     more\n2. item\n\n<table><tr><td>a</td></tr></table>\n\n"
            "<!-- page 3 -->\n\n> said\n",
        ),
    }
)

WORDS: tuple[str, ...] = (
    *("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "[[", "]]", "999", "-1", "99999999999999999999", "1e9", "NaN"),
    *("<table>", "</table>", "<tr>", "<td", "<td>", "</td>", "<th>", 'rowspan="9999"', "colspan=9999", "<!--", "-->"),
    *("<br>", "&amp;", "&#x0;", "&#99999999;", "|", "|---|", "\\|", "\n", "\n\n", "\r", "\t", "\0", "\u2028", "\u202e"),
    *("```", "$$", "\\(", "\\[", "# ", "- ", "1. ", "> ", "***", "_" * 9, "`", "<", ">", '"', "{", "}", "[", "]", ","),
    *("null", "true", "1.5", '"kind"', '"boxes"', '"cells"', '"table"', "\n----\n", "…", "...", "水", "e\u0301", "ﬁ"),
    *("\ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"), "🙂", "\u00ad", "-\n", "١٢", "½"),
)
