"""English: written text → spoken words."""

from fishvoiced.text.spoken.english.reader import read

__all__ = ["read"]
