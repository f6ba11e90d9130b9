"""What everything that writes sound in some format has in common."""

from __future__ import annotations

from typing import Protocol


class Encoder(Protocol):
    """Takes mono s16le and writes it, encoded, to where it was made for; what it has written may lag behind."""

    def write(self, pcm: bytes) -> None:
        """More sound."""

    def finish(self) -> None:
        """All is written."""
