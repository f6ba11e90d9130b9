"""Tests of what adapters share."""
