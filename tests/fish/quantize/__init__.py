"""Tests of fishvoiced.fish.quantize."""
