"""Tests of the Emacspeak server."""
