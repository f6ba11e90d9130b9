"""Being a daemon: signals, lock, systemd, logs, metrics."""
