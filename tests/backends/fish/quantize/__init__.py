"""Tests of fishvoiced.backends.fish.quantize."""
