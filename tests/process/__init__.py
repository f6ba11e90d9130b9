"""Tests of fishvoiced.process and the settings."""
