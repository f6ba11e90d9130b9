"""Tests of fishvoice.playback."""
