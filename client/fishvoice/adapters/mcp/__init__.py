"""The Model Context Protocol: a voice for assistants."""
