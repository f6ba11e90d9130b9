"""The Fish kind of voice: text to codes to samples; nothing outside imports it but the registry's wiring."""
