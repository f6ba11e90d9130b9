"""Emacspeak's languages: which voice speaks when another language is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

from fishvoice.adapters.emacspeak import protocol
from fishvoice.errors import FishvoiceError
from fishvoice.protocol import VoiceInfo

VOICES_SECONDS = 2.0  # a command for another language waits so long for the voices

LanguageCommand: TypeAlias = (
    protocol.Language | protocol.LanguageStep | protocol.PreferLanguage | protocol.ListLanguages
)


class Languages:
    """The voices by language, asked for in a thread of its own when first needed. A language nobody speaks changes
    nothing, as in Emacspeak's own servers."""

    def __init__(self, ask: Callable[[], Sequence[VoiceInfo]]) -> None:
        self._ask = ask
        self._voices: dict[str, VoiceInfo] = {}  # the first of each language, in their order; the default one's first
        self._aliases: dict[str, str] = {}
        self._current: str | None = None

    def reset(self) -> None:
        """The default voice's language again."""
        self._current = None

    @property
    def voice(self) -> str | None:
        """Who is to speak; None: the default voice."""
        return self._voices[self._current].name if self._current is not None else None

    def handle(self, command: LanguageCommand) -> str:
        """Carry out ``command``. Returns what is to be said about it, perhaps nothing."""
        match command:
            case protocol.PreferLanguage():
                self._aliases[command.alias] = command.code
                return ""
            case protocol.Language():
                self._find()
                found = self._spoken(self._aliases.get(command.code, command.code))
                self._current = found or self._current
                return found if found and command.tell else ""
            case protocol.LanguageStep():
                self._find()
                codes = list(self._voices)
                if not codes:
                    return ""
                at = codes.index(self._current) if self._current is not None else 0
                self._current = codes[(at + command.step) % len(codes)]
                return self._current
            case protocol.ListLanguages():
                self._find()
                return ", ".join(self._voices)

    def _spoken(self, code: str) -> str | None:
        """The language of a voice that is ``code``, else one that begins alike: ``en-US`` for ``en_GB``."""
        wanted = _parts(code)
        exact = [known for known in self._voices if _parts(known) == wanted]
        alike = [known for known in self._voices if _parts(known)[0] == wanted[0]]
        return next(iter([*exact, *alike]), None)

    def _find(self) -> None:
        if not self._voices:
            asking = threading.Thread(target=self._refresh, name="fishvoice-emacspeak-voices", daemon=True)
            asking.start()
            asking.join(VOICES_SECONDS)

    def _refresh(self) -> None:
        try:
            voices = sorted(self._ask(), key=lambda voice: not voice.default)
        except FishvoiceError:
            return  # what is said next meets the same error, and logs it
        found: dict[str, VoiceInfo] = {}
        for voice in voices:
            if voice.language and voice.unavailable is None:
                found.setdefault(voice.language, voice)
        self._voices = found


def _parts(code: str) -> list[str]:
    return code.lower().replace("_", "-").split("-")
