"""Tests of fishvoiced.backends.piper."""
