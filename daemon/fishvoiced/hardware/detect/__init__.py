"""Reads the machine: files, commands, registry, all through one door."""
