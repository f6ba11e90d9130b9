"""The seam: what a kind of voice implements, and the registry of the voices there are."""
