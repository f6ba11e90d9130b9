"""Tests of the NVDA driver."""
