"""NVDA's synthesizer driver, packed as an add-on."""
