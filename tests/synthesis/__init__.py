"""Tests of fishvoiced.synthesis."""
