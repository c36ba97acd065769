"""How :mod:`deepseek_ocr_rag.chunk` cuts.

Blocks (``split``) or markdown (``passages``) become ``parts``, which come in ``sections``, are priced (``tally``), fill
chunks (``pack``), and are cut where they must be (``refine``, ``breaks``).
"""
