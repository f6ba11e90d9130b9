"""Facts about a machine to tier, threads and environment; pure, reads nothing itself."""
