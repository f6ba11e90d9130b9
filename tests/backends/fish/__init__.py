"""Tests of fishvoiced.backends.fish."""
