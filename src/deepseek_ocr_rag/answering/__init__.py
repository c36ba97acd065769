"""How an answer becomes citations: its markers, its sentences, and what of the sources supports them."""
