"""Checkpoints as others publish them: fetched, recognised, and read tensor by tensor. No torch here."""
