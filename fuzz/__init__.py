"""Hostile text for the parsers that read what models, documents and stores say."""
