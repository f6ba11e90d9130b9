"""Tests of fishvoiced.server.scheduling."""
