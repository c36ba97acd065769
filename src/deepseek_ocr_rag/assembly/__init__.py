"""The stations of :mod:`deepseek_ocr_rag.assemble`, each a question that a page alone cannot answer.

``furniture`` (with ``folios``) running heads, feet, page numbers; ``order`` columns read to and fro; ``lists`` nesting;
``ties`` captions and notes; ``joins`` (``joints``, ``continued``) what goes on over a column or page break;
``headings`` (``headlines``, ``numbering``, ``looks``, ``ranks``, ``outline``) which lines are headings, and how deep.
"""
