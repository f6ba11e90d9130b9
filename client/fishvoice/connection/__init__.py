"""The client's side of the protocol: ZeroMQ, here only; waiting, starting the daemon."""
