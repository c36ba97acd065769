"""Time the reading of long answers: each form that models write, and pieces of it repeated for ever.

    python benchmarks/grammar.py [--size 1000000]

Every answer is parsed and made into blocks. Printed are the ten slowest, in seconds of processor time. The exit code is
1 where one takes a second or more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from deepseek_ocr_rag.blocks import build_blocks
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import Recognition

GOAL = 1.0
TAG = "<|ref|>text<|/ref|><|det|>[[48, 623, 481, 704]]<|/det|>\n"
WORDS = "It began in the valley, where 12 rivers meet (see [3]), and went on for years.  \n\n"
TABLE = "<table><tr><td>a</td><td>b &amp;lt; c</td></tr><tr><td>1</td><td>2</td></tr></table>\n"
FORMS = (
    TAG + WORDS,
    TAG + "<table>" + '<tr><td>a</td><td rowspan="2">12.5</td></tr>' * 40 + "</table>\n\n",
    "<|ref|>table<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n<|ref|>table_caption<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n"
    + TABLE,
    "text[[48, 623, 481, 704]]\n" + WORDS,
    "<|det|>text [48, 623, 481, 704]<|/det|>" + WORDS,
    "text [48, 623, 481, 704]" + WORDS,
    "<|ref|>a line of the page<|/ref|><|det|>[[48, 623, 481, 704]]<|/det|>\n",
    "a line of the page[[48, 623, 481, 704]]\n",
    "# Heading\n\n" + WORDS + "- item\n- item\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n$$\nx\n$$\n\n```\ncode\n```\n",
)
PIECES = (
    *("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|ref|>a<|/ref|><|det|>", "<|ref|>text<|/ref|>大为<|/ref|>", "<|"),
    *("[[", "]]", "[", "[[1, 2, 3, 4]]", "[[1, 2, 3, 4], ", "<|det|>[[", "<|det|>[[a", "<|ref|>text[[1, 2", "1, ", "9"),
    *(
        "text[[1, 2, 3, 4]]\n",
        "text[[",
        "text[[\n",
        "  text[[1,2,3,4]]  ",
        "text [1, 2, 3, 4]",
        "text",
        "aa_bb[[",
        "a\n",
    ),
    *(
        "<table>",
        "</table>",
        "<td",
        "<td>",
        "<tr>",
        "<tr><td>a",
        '<td a="',
        "<td rowspan=9999 colspan=9999>",
        "<table ",
    ),
    *("<caption>", "<td><table></table>", "<table><tr><td>a</td></tr></table>\n", "<", "</", "<br>", "<b>", "<center>"),
    *(
        "|",
        "|\n",
        "| a | b |\n",
        "a|b\n",
        "|---|---|\n",
        "|-",
        "\\|",
        "$$",
        "$$\n",
        "\\[",
        "\\[\n",
        "\\[a\n\n",
        "\\begin{",
    ),
    *(
        "```",
        "```\n",
        "```a\n\n",
        "- a\n",
        "1. a\n",
        "# a\n",
        "#",
        "- - ",
        "---\n",
        "word- word ",
        "&",
        "&amp;amp;",
        "&#1",
    ),
    *("<PAGE>", "<PAGE>\n", "<｜", "<｜end▁of▁sentence｜>", " ", "\n", "\t", "中"),
)
STARTS = ("", TAG, "<table><tr><td>", "<|det|>[[", "```markdown\n")
TASKS: tuple[Task, ...] = ("markdown", "ocr")


def main() -> int:
    """Time all answers and print the slowest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=1_000_000, help="characters of an answer")
    size: int = parser.parse_args().size
    found = sorted(((seconds(answer[:size], task), name) for name, answer, task in answers(size)), reverse=True)
    for took, name in found[:10]:
        print(f"{took:6.2f} s  {name}")
    middle = found[len(found) // 2][0]
    print(f"{len(found)} answers of {size:,} characters: median {middle:.2f} s, slowest {found[0][0]:.2f} s")
    return 0 if found[0][0] < GOAL else 1


def answers(size: int) -> Iterator[tuple[str, str, Task]]:
    """Name, text and task of each answer."""
    for form in FORMS:
        for task in TASKS:
            yield f"{task}: a page of {form[:60]!r}", form * (size // len(form) + 1), task
    for piece in PIECES:
        for start in STARTS:
            yield (
                f"markdown: {start!r} and then {piece!r} repeated",
                start + piece * (size // len(piece) + 1),
                "markdown",
            )
        yield f"ocr: {piece!r} repeated", piece * (size // len(piece) + 1), "ocr"


def seconds(answer: str, task: Task) -> float:
    """Processor time from the text to the blocks."""
    started = time.process_time()
    build_blocks(Recognition(page_number=1, engine="benchmark", text=answer), task=task)
    return time.process_time() - started


if __name__ == "__main__":
    raise SystemExit(main())
