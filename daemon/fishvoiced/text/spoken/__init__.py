"""The second stage: written text → spoken words, one module per language over a common core."""
