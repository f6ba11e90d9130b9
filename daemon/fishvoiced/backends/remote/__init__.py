"""The kind "remote": voices of servers that the user named, over ``/v1/audio/speech`` or fish-speech's ``/v1/tts``."""
