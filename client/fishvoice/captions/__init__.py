"""Captions: which word of a text is heard when."""
