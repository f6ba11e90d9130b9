"""ZeroMQ, here only: sockets, addresses, keys."""
