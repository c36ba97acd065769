"""Gradio: ask a document, and see the lines that answer on its page.

    pip install gradio deepseek-ocr-rag
    python examples/gradio_citations.py out/demo/sample.pdf

Gradio's PDF component cannot mark a place, so the pages are shown as pictures, which also works for scans and office
files; the download is a PDF in which the lines are marked for any viewer.
"""

import io
import sys
import tempfile
from pathlib import Path

import gradio as gr
from asking import Library
from PIL import Image

from deepseek_ocr_rag import annotate_pdf, highlight_page

library = Library.open(sys.argv[1])

Pages = list[tuple[Image.Image, str]]


def answer(question: str) -> tuple[str, Pages, str | None]:
    """The answer, its pages with their captions, and the marked document."""
    citations = library.ask(question)
    if not citations:
        return "The document does not say.", [], None
    said = "\n".join(f"[{number}] {citation.quote}" for number, citation in enumerate(citations, 1))
    pages: Pages = [
        (
            Image.open(io.BytesIO(highlight_page(library.path, citation, page_number=region.page_number))),
            f"[{number}] page {region.page_number}, {citation.status}, to the {citation.precision}",
        )
        for number, citation in enumerate(citations, 1)
        for region in citation.regions
    ]
    marked = Path(tempfile.mkdtemp()) / f"{library.path.stem}.marked.pdf"
    return said, pages, str(annotate_pdf(library.path, citations, marked))


with gr.Blocks(title="Citations") as app:
    question = gr.Textbox(label="Ask the document", submit_btn=True)
    with gr.Row():
        said = gr.Textbox(label="What it says", lines=6)  # plain text: what a page says is not to be trusted
        pages = gr.Gallery(label="Where it says so", columns=1, object_fit="contain", height=800)
    download = gr.File(label="The document with these lines marked")
    question.submit(answer, question, [said, pages, download])

if __name__ == "__main__":
    app.launch(server_name="127.0.0.1")
