"""Tests of fishvoiced.fish.convert."""
