"""Tests of fishvoiced.fish.store."""
