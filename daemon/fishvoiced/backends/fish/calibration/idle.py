"""Calibrating in a process of its own once the daemon has been idle for a while."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from subprocess import DEVNULL, Popen

from fishvoiced.backends.fish.calibration.figures import Calibration
from fishvoiced.backends.fish.store.models import ConvertedModel

log = logging.getLogger(__name__)

IDLE_SECONDS = 20.0
AGAIN_SECONDS = 600.0
"""Between two measurements of one model, where the first was disturbed."""


class IdleCalibration:
    """Has a model measured once nothing was to do for a while. Called from the inference thread."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        atexit.register(self.work)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._measured: dict[str, float] = {}
        self.due_seconds = 0.0
        """What the next measurement waits for at least."""
        self.process: Popen[bytes] | None = None

    def rest(self, model: ConvertedModel, calibration: Calibration) -> None:
        """There is nothing to do, and the model has no figures yet, or disturbed ones. Those are not measured again at
        once: what was busy then may still be."""
        with self._lock:
            self._stop()
            since = time.monotonic() - self._measured.get(model.name, -AGAIN_SECONDS)
            self.due_seconds = max(self._idle_seconds, AGAIN_SECONDS - since)
            self._timer = threading.Timer(self.due_seconds, self._run, (model, calibration))
            self._timer.name, self._timer.daemon = "idle-calibration", True
            self._timer.start()

    def work(self) -> None:
        """There is something to do: no measuring now."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.process is not None:
            self.process.kill()

    def _run(self, model: ConvertedModel, calibration: Calibration) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():  # stopped at the last moment
                return
            command = [sys.executable, "-m", "fishvoiced", "calibrate", str(model.folder)]
            try:
                process = self.process = Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
            except OSError as error:
                log.warning("%s is not calibrated: %s", model.name, error)
                return
        code = process.wait()
        with self._lock:
            if self.process is process:
                self.process = None
        if code == 0:
            self._measured[model.name] = time.monotonic()
            calibration.reload()
            again = "" if calibration.complete else ", but beside other programs: it is measured again later"
            log.info("calibrated %s%s", model.name, again)
        elif code > 0:  # else somebody wanted to speak
            log.warning("%s could not be calibrated; `fishvoiced calibrate %s` says why", model.name, model.folder)
