"""The command ``fishvoice doctor``: what this machine is and can do, with the default voice's speed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from fishvoice import paths
from fishvoiced.doctor.examine import doctor_command
from fishvoiced.errors import DaemonError
from fishvoiced.voices.speed import Measured


def doctor(argv: Sequence[str]) -> int:
    """Print what this machine is and can do; the default voice is measured if it never was."""
    return doctor_command(argv, measure)


def measure(again: bool) -> Measured | None:
    """The default voice's speed as kept, measured now if there is nothing or ``again``; None without a voice."""
    from fishvoiced import config
    from fishvoiced.backends.fish.backend import engine_choice
    from fishvoiced.backends.fish.calibration.figures import Calibration
    from fishvoiced.backends.fish.calibration.measure import calibrate_installed
    from fishvoiced.backends.fish.engine.select import available
    from fishvoiced.backends.fish.store.catalog import Catalog, user_models, user_voices
    from fishvoiced.backends.fish.store.models import DECODER, LANGUAGE
    from fishvoiced.hardware.detect.collect import collect
    from fishvoiced.hardware.threads import thread_budget

    settings, facts = config.load(paths.config_file(), os.environ, {}), collect()
    try:
        choice = Catalog(user_models(), user_voices(), settings.voice).choose(None)
    except DaemonError as error:
        sys.stderr.write(f"no voice to measure: {error}\n")
        return None
    calibration = Calibration(choice.model, facts)
    if again or not calibration.figures:
        sys.stderr.write(f"measuring {choice.name} …\n")
        calibrate_installed(choice, calibration, facts)
    used = calibration.choice(engine_choice(settings, facts), settings.engine)
    language = available(choice.model, LANGUAGE, used.lm_precision)
    codec = available(choice.model, DECODER, used.codec_precision)
    return calibration.measured(f"{language}+{codec}", used.threads or thread_budget(facts).threads)
