"""One event, one line, whatever a client calls itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishvoiced.config import ConfigError, Log
from fishvoiced.process import logs


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    found = logging.getLogger("fishvoiced")
    before = found.handlers[:], found.level, found.propagate
    yield found
    for handler in found.handlers:
        handler.close()
    found.handlers[:], found.level, found.propagate = before


def test_nobody_can_forge_an_event(logger: logging.Logger, tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.setup(Log(file=str(file)), tmp_path / "own")
    logger.info("refused", extra={"request": "x\n2026-01-01 info all is well", "client": "c"})
    assert len(file.read_text().splitlines()) == 1


def test_json_has_the_fields_and_a_trace(logger: logging.Logger, tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.setup(Log(file=str(file), format="json"), tmp_path / "own")
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("a mistake", extra={"request": "ü", "seconds": 1.5})
    event = json.loads(file.read_text())
    assert (event["message"], event["request"], event["seconds"], event["level"]) == ("a mistake", "ü", "1.5", "error")
    assert "ValueError: why" in event["trace"]


def test_setting_up_again_replaces_the_old_log(logger: logging.Logger, tmp_path: Path) -> None:
    for name in ("one", "two"):
        logs.setup(Log(file=str(tmp_path / name)), tmp_path / "own")
        logger.info("hello")
    assert [len((tmp_path / name).read_text().splitlines()) for name in ("one", "two")] == [1, 1]


def test_a_log_that_cannot_be_written_is_a_configuration_error(logger: logging.Logger, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"log\.file"):
        logs.setup(Log(file=str(tmp_path / "no" / "folder" / "log")), tmp_path / "own")
