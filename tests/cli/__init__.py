"""Tests of the commands that need the daemon."""
