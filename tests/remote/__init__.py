"""Tests of fishvoiced.remote."""
