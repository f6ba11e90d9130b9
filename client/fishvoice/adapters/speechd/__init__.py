"""Speech-dispatcher's output module protocol."""
