"""Tests of fishvoiced.backends."""
