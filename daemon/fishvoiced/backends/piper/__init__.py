"""The kind "piper": voices that the user imported, spoken by the package ``piper-tts`` (GPL-3.0, an extra)."""
