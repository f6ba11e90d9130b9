"""Tests of fishvoiced.light."""
