"""The log: one line per event, as text or JSON, with the request's id where there is one, and never what is spoken."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from fishvoiced import config

MAX_BYTES = 1 << 20
KEPT = 3
FIELDS = ("request", "client", "voice", "seconds", "code")


def setup(settings: config.Log, own_file: Path) -> None:
    """Send the log of this package where the configuration says. Raises ConfigError.

    A daemon that a client started has ``own_file`` as its standard error: then that file is rotated as well.
    """
    file = settings.file or (own_file if _is_stderr(own_file) else None)
    try:
        handler: logging.Handler = (
            logging.handlers.RotatingFileHandler(file, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8")
            if file
            else logging.StreamHandler(sys.stderr)
        )
    except OSError as error:
        raise config.ConfigError(f"log.file: {error}") from error
    handler.setFormatter(_Json() if settings.format == "json" else _Text())
    logger = logging.getLogger("fishvoiced")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(settings.level.upper())
    logger.propagate = False


def _is_stderr(file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(sys.stderr.fileno()), file.stat())
    except (OSError, ValueError):  # no such file, or no standard error at all
        return False


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname.lower():7} {record.getMessage()}"
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        # One event, one line: an id chosen by a client must not be able to forge another event.
        return f"{line} {fields}".rstrip().replace("\n", "\\n") + trace


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = {"time": _time(record), "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            event["trace"] = self.formatException(record.exc_info)
        return json.dumps(event | _fields(record), ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {name: str(getattr(record, name)) for name in FIELDS if hasattr(record, name)}
