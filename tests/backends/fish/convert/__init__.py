"""Tests of fishvoiced.backends.fish.convert."""
