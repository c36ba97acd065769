"""The laws of the house: import ranks, quick and silent import, sizes, and a complete, sorted root."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import deepseek_ocr_rag

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "deepseek_ocr_rag"
MODULES = sorted(PACKAGE.rglob("*.py"))

RANKS = {
    0: [
        "errors",
        "limits",
        "geometry",
        "prompts",
        "tokens",
        "modes",
        "usage",
        "headway",
        "joining",
        "syntax",
        "folding",
        "ranges",
        "confine",
    ],
    1: ["archives", "linewords", "markdown", "sequence", "serial", "rowfill"],
    2: ["document", "sniff", "office", "download", "numerals", "families", "drawings", "hypertext", "marks", "pixels"],
    3: [
        *("recognition", "heads", "loops", "tables", "listing", "captions", "headrows", "schema", "narrow"),
        *("testimony", "plaintext", "facts"),
    ],
    4: [
        *("layers", "grounding", "source", "cutting", "seams", "markup", "fused", "sheets", "wholes"),
        *("docling_values", "evidence", "gridrows", "wording", "doubled"),
    ],
    5: ["mupdf", "pdfium"],
    6: [
        "pieces",
        "paging",
        "ink",
        "levelling",
        "assembly",
        "chunking",
        "webpage",
        "docling",
        "allot",
        "lostwords",
        "fitting",
    ],
    7: ["engines", "blocks", "align", "anchors", "beside", "inkrows", "trust", "quotes"],
    8: ["measure", "assemble", "chunk", "pages", "refill", "placing"],
    9: ["visit", "flow", "metadata", "suspects"],
    10: ["worker"],
    11: ["render", "records", "figures", "calibration", "passage", "options"],
    12: ["findings", "export", "rechunk", "retrieve", "landing", "cache"],
    13: ["lookup", "probe", "reading", "spending", "cite"],
    14: ["opening"],
    15: ["station"],
    16: ["pipeline"],
    17: ["streaming"],
    18: ["answering", "searchers", "console", "doctor", "reopen"],
    19: ["jsonlines", "annotate", "answers", "ondemand", "viewers", "outputs"],
    20: ["highlight", "cachecommands"],
    21: ["contactsheet", "demo"],
    22: ["cli", "__init__"],
}
RANK_OF = {name: rank for rank, names in RANKS.items() for name in names}

PURE = [
    "errors",
    "geometry",
    "document",
    "grounding",
    "tables",
    "loops",
    "seams",
    "pieces",
    "blocks",
    "align",
    "joining",
    "linewords",
    "ranges",
    "syntax",
    "serial",
    "markdown",
    "sequence",
    "sheets",
    "wholes",
    "headrows",
    "schema",
    "webpage",
    "assembly",
    "assemble",
    "chunking",
    "anchors",
    "chunk",
    "cite",
    "metadata",
    "folding",
    "rowfill",
    "narrow",
    "testimony",
    "doubled",
    "evidence",
    "gridrows",
    "allot",
    "lostwords",
    "trust",
    "refill",
    "suspects",
    "placing",
    "numerals",
    "plaintext",
    "wording",
    "fitting",
    "quotes",
    "passage",
    "landing",
    "answering",
    "answers",
    "viewers",
]
"""Law 1: these need only the standard library, RapidFuzz and a token counter that is handed in."""
ALLOWED = set(sys.stdlib_module_names) | {"rapidfuzz"}

WORKER_ONLY = {"pymupdf", "PIL", "numpy", "onnxruntime", "rapidocr"}
"""Law 3: heavy libraries load when first used; only modules that run inside the worker import them at the top."""
RUN_IN_WORKER = {"paging", "mupdf", "pdfium", "layers", "pixels", "measure", "engines.embedded"}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def _top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Modules that a file imports at run time, with whether at the top; our own as ``deepseek_ocr_rag.x``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    at_top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module), id(node) in at_top
        elif isinstance(node, ast.ImportFrom):
            yield from ((target, id(node) in at_top) for target in _relative(path, node))


def _relative(path: Path, node: ast.ImportFrom) -> Iterator[str]:
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts
    base = package[: len(package) - node.level]
    if node.module:
        yield ".".join((*base, node.module))
    else:
        yield from (".".join((*base, alias.name)) for alias in node.names)


def test_every_module_has_a_rank() -> None:
    assert {_top(_name(path)) or "__init__" for path in MODULES} - set(RANK_OF) == set()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_only_lower_ranks(path: Path) -> None:
    mine = _top(_name(path)) or "__init__"
    for imported, _ in _imports(path):
        if not imported.startswith("deepseek_ocr_rag."):
            continue
        other = imported.split(".")[1]
        siblings = other == mine
        assert siblings or RANK_OF[other] < RANK_OF[mine], f"{_name(path)} imports {imported}"


@pytest.mark.parametrize("path", [path for path in MODULES if _top(_name(path)) in PURE], ids=_name)
def test_pure_modules_need_nothing_but_the_standard_library_and_rapidfuzz(path: Path) -> None:
    foreign = {imported.partition(".")[0] for imported, _ in _imports(path)} - ALLOWED - {"deepseek_ocr_rag"}
    assert foreign == set()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    if any(_name(path).startswith(module) for module in RUN_IN_WORKER):
        return
    assert {_top(imported) for imported, at_top in _imports(path) if at_top} & WORKER_ONLY == set()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_and_functions_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            lines = (node.end_lineno or 0) - node.lineno + 1 - len((docstring or "").splitlines())
            assert lines <= 60, f"{node.name} has {lines} lines"


def test_the_root_is_sorted_and_complete() -> None:
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    named = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert set(named) == imported == set(deepseek_ocr_rag.__all__)
    assert all(hasattr(deepseek_ocr_rag, name) for name in named)
    assert callable(deepseek_ocr_rag.records)  # and no module, though one has its name


def loaded_by(statement: str) -> set[str]:
    """The modules that a statement loads; it prints nothing."""
    probe = f"import sys; {statement}; print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return set(ast.literal_eval(done.stderr))


def test_import_is_silent_and_loads_nothing_heavy() -> None:
    loaded = {name.partition(".")[0] for name in loaded_by("from deepseek_ocr_rag import *")}
    assert loaded & {*WORKER_ONLY, "httpx", "tiktoken", "typer", "bm25s", "lxml"} == set()


def test_names_and_workers_load_what_they_need() -> None:
    assert "deepseek_ocr_rag.errors" not in loaded_by("import deepseek_ocr_rag")
    own = {name for name in loaded_by("import deepseek_ocr_rag.worker") if name.startswith("deepseek_ocr_rag.")}
    assert (
        own & {"deepseek_ocr_rag." + name for name in ("viewers", "cite", "pipeline", "chunk", "engines.chat")} == set()
    )


def test_integrations_import_only_the_root_names() -> None:
    files = [*ROOT.glob("integrations/*/llama_index/**/*.py"), *ROOT.glob("integrations/*/langchain_*/**/*.py")]
    assert files
    for path in files:
        for imported in re.findall(r"(?:from|import) (deepseek_ocr_rag[\w.]*)", path.read_text(encoding="utf-8")):
            assert imported == "deepseek_ocr_rag", f"{path.name} imports {imported}"
