"""What speech-dispatcher sets with each message, and what it means for the voice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fishvoice.protocol import VoiceInfo

SLOWEST, FASTEST = 0.5, 3.0  # at rates -100 and 100
PITCH_OCTAVES = 0.5  # up at pitch 100, down at -100
_NUMBERS = frozenset({"rate", "pitch", "volume"})
_NAMES = frozenset({"language", "synthesis_voice"})
_MODES = frozenset({"spelling_mode", "cap_let_recogn"})


@dataclass(frozen=True)
class Settings:
    """Numbers from -100 to 100; ``cap_let_recogn`` is none, spell or icon; ``spelling_mode`` on or off."""

    rate: int = 0
    pitch: int = 0
    volume: int = 100
    language: str | None = None
    synthesis_voice: str | None = None
    spelling_mode: str = "off"
    cap_let_recogn: str = "none"

    def updated(self, pairs: Iterable[tuple[str, str]]) -> Settings | None:
        """With ``pairs`` set; None if one of the numbers is none. What this version does not know is ignored."""
        changed = self
        for name, value in pairs:
            if name in _NUMBERS:
                try:
                    number = max(-100, min(100, int(value)))
                except ValueError:
                    return None
                changed = replace(changed, **{name: number})  # type: ignore[arg-type]
            elif name in _NAMES:
                changed = replace(changed, **{name: None if value == "NULL" else value})  # type: ignore[arg-type]
            elif name in _MODES:
                changed = replace(changed, **{name: value})  # type: ignore[arg-type]
        return changed

    @property
    def capitals(self) -> bool:
        """Whether upper case is to be told. There is no sound for it here, so an icon is told in words, too."""
        return self.cap_let_recogn != "none"


@dataclass(frozen=True)
class VoiceSettings:
    """How the daemon is asked for the sound: factors of the voice's own."""

    voice: str | None
    speed: float
    pitch: float
    volume: float


def voice_settings(settings: Settings, voices: Sequence[VoiceInfo]) -> VoiceSettings:
    """``settings`` with the ``voices`` that there are."""
    rate = settings.rate / 100
    speed = FASTEST**rate if rate > 0 else SLOWEST**-rate
    pitch = 2 ** (PITCH_OCTAVES * settings.pitch / 100)
    return VoiceSettings(_voice(settings, voices), round(speed, 4), round(pitch, 4), (settings.volume + 100) / 200)


def _voice(settings: Settings, voices: Sequence[VoiceInfo]) -> str | None:
    """The voice by name; else, if the default voice speaks another language than asked for, one that speaks it."""
    if settings.synthesis_voice in {voice.name for voice in voices}:
        return settings.synthesis_voice
    wanted = _language(settings.language)
    speaking = [voice for voice in voices if wanted is not None and _language(voice.language) == wanted]
    if not speaking or any(voice.default for voice in speaking):
        return None
    return speaking[0].name


def _language(tag: str | None) -> str | None:
    return tag.replace("_", "-").split("-")[0].lower() if tag else None
