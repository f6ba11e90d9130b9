"""Tests of fishvoiced.backends.remote."""
