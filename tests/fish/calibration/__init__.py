"""Tests of fishvoiced.fish.calibration."""
