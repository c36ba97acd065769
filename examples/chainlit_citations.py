"""Chainlit: ask a document, and open its pages beside the chat with the answer's lines marked.

    pip install chainlit deepseek-ocr-rag
    DOCUMENT=out/demo/sample.pdf chainlit run examples/chainlit_citations.py

The pages are pictures, which also works for scans and office files: Chainlit's PDF element cannot mark a place, writes
over the text where the file itself has highlights, and keeps the first file when another one is opened.
"""

import os

import chainlit as cl
from asking import Library

from deepseek_ocr_rag import highlight_page

PLAIN = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_{}[]<>()#+-.!|$~"})
"""What a page says is not to be trusted with links and pictures; Chainlit shows messages as markdown."""


async def start() -> None:
    """Read the document, for this chat."""
    cl.user_session.set("library", await cl.make_async(Library.open)(os.environ["DOCUMENT"]))
    await cl.Message(content="Ask the document.").send()


async def answer(question: cl.Message) -> None:
    """Answer with the sentences found; the name of an element in the text becomes a link that opens it."""
    library: Library = cl.user_session.get("library")
    citations = await cl.make_async(library.ask)(question.content)
    said = []
    elements = []
    for number, citation in enumerate(citations, 1):
        name = f"Source {number}, page {citation.page_number}"
        said.append(f"{citation.quote.translate(PLAIN)} {name}")
        page = await cl.make_async(highlight_page)(library.path, citation)
        elements.append(cl.Image(name=name, content=page, display="side", size="large"))
    await cl.Message(content="\n\n".join(said) or "The document does not say.", elements=elements).send()


cl.on_chat_start(start)
cl.on_message(answer)
