"""Converted models, saved voices and reference recordings on disk; needs no torch."""
