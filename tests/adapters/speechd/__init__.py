"""Tests of the speech-dispatcher module."""
