"""The module's own configuration file, in speech-dispatcher's format: a name and a value per line."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

log = logging.getLogger("sd_fishvoice")


@dataclass(frozen=True)
class Configuration:
    """``FirstAudioWithin`` in seconds and ``FallbackVoice``: as in the protocol's ``synthesize``, for every message."""

    first_audio_within: float | None = None
    fallback_voice: str | None = None


def configuration_file(arguments: Sequence[str]) -> Path:
    """speech-dispatcher names the file as the only argument, if it is there; else the user's own one."""
    if arguments:
        return Path(arguments[0])
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "speech-dispatcher" / "modules" / "fishvoice.conf"


def read_configuration(file: Path) -> Configuration:
    """What ``file`` sets; nothing if there is none. A line that is not understood is logged and left out."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return Configuration()
    except (OSError, UnicodeDecodeError) as error:
        log.warning("%s cannot be read: %s", file, error)
        return Configuration()
    found = Configuration()
    for number, line in enumerate(lines, 1):
        try:
            found = _with_line(found, shlex.split(line, comments=True))
        except ValueError as error:
            log.warning("%s, line %d: %s", file, number, error)
    return found


def _with_line(found: Configuration, words: Sequence[str]) -> Configuration:
    """Raises ValueError that says what is wrong with the line."""
    match words:
        case []:
            return found
        case ["FirstAudioWithin", value]:
            seconds = float(value)
            if not 0 < seconds <= 3600:
                raise ValueError("FirstAudioWithin is a number of seconds above 0, at most 3600")
            return replace(found, first_audio_within=seconds)
        case ["FallbackVoice", name]:
            return replace(found, fallback_voice=name)
    raise ValueError("expected FirstAudioWithin SECONDS or FallbackVoice NAME")
