"""The inference thread: one step of one request at a time."""
