"""Tests of fishvoiced.voices."""
