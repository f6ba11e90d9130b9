"""The loop's thread: requests from sockets to inference and back; who speaks next."""
