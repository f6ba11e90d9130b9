"""Tests of fishvoiced.fish."""
