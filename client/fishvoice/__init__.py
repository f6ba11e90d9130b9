"""fishvoice: ask the local voice daemon to speak."""
