"""Foreign protocols, each spoken by a thin program over the same client."""
