"""How long each model took to load the last time: what a request pays whose model is not in memory."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from fishvoice.files import write_whole

log = logging.getLogger(__name__)

_START = ""  # no model has this name: the first load of a process, which reads the engine's libraries as well


class LoadTimes:
    """Seconds by model, kept in a small file for the next process. One process at a time writes it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds = _read(file)

    def seconds(self, model: str | None) -> float | None:
        """What to expect of a model; of None (the default voice): of a process's start. None: never seen."""
        return self._seconds.get(model or _START)

    def record(self, model: str | None, seconds: float) -> None:
        """A model was loaded in so many seconds; None: the first one of this process."""
        self._seconds[model or _START] = round(seconds, 3)
        try:
            write_whole(self._file, msgspec.json.encode(self._seconds))
        except OSError as error:
            log.warning("how long loading takes cannot be kept for the next start: %s", error)


def _read(file: Path) -> dict[str, float]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, float])
    except (OSError, msgspec.DecodeError):
        return {}  # nothing was ever loaded, or the file is damaged: then it is learned again
