"""The kinds of voices, a folder each, behind the protocols of voices/; only the wiring and commands import them."""
