"""The hardware room: what this machine is, which tier it belongs to, what to expect of it."""
