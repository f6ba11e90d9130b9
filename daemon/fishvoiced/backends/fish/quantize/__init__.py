"""Weights and graphs in fewer bits."""
