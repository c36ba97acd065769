"""Citations in the formats that viewers and frameworks want, and theirs as ours: one small, literal function each.

``to_*`` takes a citation, and the pages where a format needs their sizes, and gives plain JSON-ready values; no
framework is imported. Our boxes are fractions of the page as displayed, and this is the door at which they become
points, pixels and whatever else. None of these functions raises for a citation that was not found or has no boxes.
"""

from .frameworks import to_ai_sdk, to_assistant_ui, to_langchain, to_llama_index_block, to_llama_index_node
from .incoming import (
    Cited,
    characters_of_bytes,
    from_anthropic,
    from_anthropic_message,
    from_gemini,
    from_openai,
    to_anthropic_document,
    to_anthropic_search_result,
)
from .pdf import to_pdf_fragment, to_pdf_points, to_pdfjs, to_pdfjs_fragment, to_quad_points
from .places import Pages, citation_id, united
from .readers import (
    to_azure,
    to_coco,
    to_docling_provenance,
    to_grid,
    to_hocr,
    to_model_grid,
    to_pixels,
    to_textract,
)
from .screens import (
    to_embedpdf,
    to_iiif,
    to_iiif_image,
    to_react_pdf_highlighter,
    to_streamlit,
    to_web_annotation,
)

__all__ = [
    "Cited",
    "Pages",
    "characters_of_bytes",
    "citation_id",
    "from_anthropic",
    "from_anthropic_message",
    "from_gemini",
    "from_openai",
    "to_ai_sdk",
    "to_anthropic_document",
    "to_anthropic_search_result",
    "to_assistant_ui",
    "to_azure",
    "to_coco",
    "to_docling_provenance",
    "to_embedpdf",
    "to_grid",
    "to_hocr",
    "to_iiif",
    "to_iiif_image",
    "to_langchain",
    "to_llama_index_block",
    "to_llama_index_node",
    "to_model_grid",
    "to_pdf_fragment",
    "to_pdf_points",
    "to_pdfjs",
    "to_pdfjs_fragment",
    "to_pixels",
    "to_quad_points",
    "to_react_pdf_highlighter",
    "to_streamlit",
    "to_textract",
    "to_web_annotation",
    "united",
]
