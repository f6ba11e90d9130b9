"""Tests of fishvoiced.backends.light."""
