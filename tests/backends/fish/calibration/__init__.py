"""Tests of fishvoiced.backends.fish.calibration."""
