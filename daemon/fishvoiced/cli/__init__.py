"""Commands that need the daemon's packages; printing happens here."""
