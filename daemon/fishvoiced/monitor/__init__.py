"""The monitor room: heat and throughput as they are, and what synthesis should do about them."""
