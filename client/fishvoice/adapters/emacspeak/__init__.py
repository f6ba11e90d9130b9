"""Emacspeak's speech server protocol."""
