"""Tests of the Wyoming server."""
