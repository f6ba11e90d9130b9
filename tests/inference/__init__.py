"""Tests of fishvoiced.inference."""
