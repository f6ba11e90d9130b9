"""Tests of fishvoice.connection."""
