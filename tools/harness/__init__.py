"""Real processes for tests and benchmarks: a daemon, a desktop, stand-in voices."""
