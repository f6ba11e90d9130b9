"""Tests of fishvoiced.backends.fish.store."""
