"""Tests of reading other people's checkpoints."""
