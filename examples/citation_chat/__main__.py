"""The one command: ``python -m examples.citation_chat [FILE or FOLDER ...]``.

The first start fetches pdf.js and takes the sample document in; what is named on the command line is taken in, too.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from deepseek_ocr_rag import DeepSeekOCRError
from deepseek_ocr_rag.options import make_engine
from deepseek_ocr_rag.source import expand

from . import fetch_pdfjs, minilm
from .library import Library
from .server import STATIC, create_app
from .settings import LOOPBACK, SAMPLE, Llm, Settings

logger = logging.getLogger("citation_chat")

DRAWING = Path(__file__).parents[1] / "make_sample.py"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    wishes = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = Settings(
        data=wishes.data,
        vendor=STATIC / "vendor" / "pdfjs",
        hosts=(*LOOPBACK, *wishes.allow_host),
        llm=Llm.from_environment(),
    )
    try:
        engine = make_engine(settings.read)
    except (DeepSeekOCRError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    fetch_pdfjs.fetch(settings.vendor)
    _introduce(settings, engine.name, f"http://{wishes.host}:{wishes.port}/")
    has_sample = not wishes.no_sample and not (wishes.data / "chat.sqlite3").exists()
    app = create_app(settings, begin=lambda library: _take_in(library, wishes.inputs, has_sample=has_sample))
    # A page that is open listens for ever; it must not keep the server from ending.
    uvicorn.run(app, host=wishes.host, port=wishes.port, log_level="warning", timeout_graceful_shutdown=1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="citation_chat", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("inputs", nargs="*", help="documents or folders to take in")
    parser.add_argument("--data", type=Path, default=Path("out/chat"), help="where everything is kept")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; there are no passwords")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--allow-host", action="append", default=[], help="a name to answer to beside localhost")
    parser.add_argument("--no-sample", action="store_true", help="begin with an empty library")
    return parser


def _introduce(settings: Settings, engine: str, address: str) -> None:
    answers = settings.llm.model if settings.llm else "sentences of the documents, verbatim (no OPENAI_BASE_URL, MODEL)"
    print(f"Documents are read by: {engine}")
    print(f"Search: {'words and meaning' if minilm.is_installed() else 'words (MiniLM is not installed)'}")
    print(f"Answers: {answers}")
    print(f"\n  {address}\n", flush=True)


async def _take_in(library: Library, inputs: Sequence[str], *, has_sample: bool) -> None:
    """The sample, and the files and folders that were named."""
    with tempfile.TemporaryDirectory() as folder:
        if has_sample:
            sample = Path(folder, SAMPLE)
            drawing = [sys.executable, str(DRAWING), str(sample)]
            done = await asyncio.to_thread(subprocess.run, drawing, capture_output=True, check=False)
            if done.returncode == 0:
                await library.take_file(sample)
            else:
                logger.warning("The sample document could not be drawn: start with a document of yours.")
        for item in inputs:
            try:
                for file in expand(item, fs=None):
                    await library.take_file(Path(str(file)))
            except DeepSeekOCRError as error:
                logger.warning("%s", error)


if __name__ == "__main__":
    sys.exit(main())
