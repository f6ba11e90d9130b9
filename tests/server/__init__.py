"""Tests of fishvoiced.server."""
