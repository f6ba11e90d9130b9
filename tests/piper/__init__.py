"""Tests of fishvoiced.piper."""
