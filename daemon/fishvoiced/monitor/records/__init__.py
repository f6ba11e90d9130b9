"""What the monitor saw, kept across restarts: readings, and what happened in words."""
