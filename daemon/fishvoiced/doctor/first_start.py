"""The first start's words: once per user, what this machine is and what to expect of it."""

from __future__ import annotations

import logging
from typing import TextIO

from fishvoice import paths
from fishvoiced.doctor.examine import examine
from fishvoiced.doctor.view import first_start
from fishvoiced.hardware.detect.system_access import system_access

log = logging.getLogger(__name__)


def greet(out: TextIO) -> None:
    """At the very first start, print the doctor's short form, and leave it for the command to show."""
    words = paths.first_words()
    if words.exists():
        return
    text = first_start(examine(system_access())) + "\n"
    try:
        words.write_text(text, encoding="utf-8")
    except OSError as error:
        log.warning("the first start's words cannot be kept: %s", error)
    out.write(text)
    out.flush()
