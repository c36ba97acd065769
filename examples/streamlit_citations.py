"""Streamlit: ask a document, and see the lines that answer on its page.

    pip install streamlit streamlit-pdf-viewer deepseek-ocr-rag
    streamlit run examples/streamlit_citations.py -- out/demo/sample.pdf

streamlit-pdf-viewer draws rectangles on PDFs, scans among them; pages of other files are shown as pictures. It is given
the cited pages alone, since it renders all that it is given.
"""

import sys

import streamlit as st
from asking import Library
from streamlit_pdf_viewer import pdf_viewer

from deepseek_ocr_rag import Citation, highlight_page
from deepseek_ocr_rag.viewers import to_streamlit

path = sys.argv[1]
library = st.cache_resource(Library.open, show_spinner="Reading the document …")(path)


def ask(question: str) -> None:
    """Answer, and keep it: a Streamlit script runs anew from its top at each click."""
    st.session_state.turns = [*st.session_state.get("turns", []), (question, library.ask(question))]
    st.session_state.shown = next(iter(st.session_state.turns[-1][1]), None)


def show(citation: Citation) -> None:
    """Draw a citation's lines on its pages."""
    pages = [region.page_number for region in citation.regions]
    st.caption(f"Page {pages[0]} · {citation.status}, to the {citation.precision}")
    marks = to_streamlit(citation, library.document)
    if library.path.suffix.lower() == ".pdf" and marks:
        pdf_viewer(path, annotations=marks, pages_to_render=pages, annotation_outline_size=2, key=marks[0]["id"])
    else:
        st.image(highlight_page(library.path, citation))


st.set_page_config(page_title="Citations", layout="wide")
talk, page = st.columns(2)
with talk:
    if question := st.chat_input("Ask the document"):
        ask(question)
    for turn, (question, citations) in enumerate(st.session_state.get("turns", [])):
        st.chat_message("user").text(question)
        with st.chat_message("assistant"):
            for number, citation in enumerate(citations, 1):
                st.text(citation.quote)  # not as markdown: what a page says is not to be trusted
                if st.button(f"[{number}] page {citation.page_number}", key=f"{turn}-{number}"):
                    st.session_state.shown = citation
            if not citations:
                st.text("The document does not say.")
with page:
    if shown := st.session_state.get("shown"):
        show(shown)
