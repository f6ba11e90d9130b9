"""The command ``fishvoice doctor``: what this machine is and can do, and how fast the voice is that speaks here."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fishvoice import paths
from fishvoiced.doctor.examine import doctor_command
from fishvoiced.errors import DaemonError
from fishvoiced.voices.speed import Measured, PrecisionFigure

if TYPE_CHECKING:
    from fishvoiced.config import Config
    from fishvoiced.voices.base import Loaded, Speaker


def doctor(argv: Sequence[str]) -> int:
    """Print what this machine is and can do; the voice that speaks when none is named is measured."""
    return doctor_command(argv, measure)


def measure(again: bool) -> Measured | None:
    """The speed of the voice that speaks when none is named; None without a voice, or for one that a server speaks.

    A Fish model's is kept, and measured now if there is nothing or ``again``; the others speak for two seconds.
    """
    from fishvoiced import config
    from fishvoiced.daemon import installed_speaker

    settings = config.load(paths.config_file(), os.environ, {})
    try:
        speaker = installed_speaker(settings)
        try:
            voice = next(info for info in speaker.voices() if info.default)
            if voice.kind == "remote":
                sys.stderr.write(f"{voice.name} is spoken by a server: nothing to measure here\n")
                return None
            if voice.kind != "fish":
                sys.stderr.write(f"measuring {voice.name} …\n")
                loaded = speaker.load(None)
                if loaded.voice == voice.name:
                    return spoken(speaker, loaded)
                voice = next(info for info in speaker.voices() if info.name == loaded.voice)  # it stands in
        finally:
            speaker.reset()
        return calibrated(voice.name, settings, again)
    except DaemonError as error:
        sys.stderr.write(f"no voice to measure: {error}\n")
        return None


def spoken(speaker: Speaker, loaded: Loaded, clock: Callable[[], float] = time.perf_counter) -> Measured:
    """A typical sentence spoken again and again, through what serves requests. Raises DaemonError."""
    from fishvoice.protocol import Synthesize
    from fishvoiced.backends.fish.calibration.measure import DISTURBING, SECONDS, TEXT, OtherLoad
    from fishvoiced.synthesis.base import Chunk

    load, work, sound = OtherLoad(), 0.0, 0.0
    while work < SECONDS:
        began = clock()
        utterance = speaker.open(Synthesize(id="doctor", text=TEXT, voice=loaded.voice, seed=0))
        samples = sum(len(step.samples) for step in utterance.steps if isinstance(step, Chunk))
        work, sound = work + clock() - began, sound + samples / utterance.sample_rate
    figure = PrecisionFigure(loaded.precision, None, work / sound, load.share() > DISTURBING)
    return Measured(loaded.model, (figure,), figure.precision, figure.threads)


def calibrated(voice: str, settings: Config, again: bool) -> Measured | None:
    """What is known of a Fish voice's model, which is calibrated first where need be. Raises DaemonError."""
    from fishvoiced.backends.fish.backend import engine_choice
    from fishvoiced.backends.fish.calibration.figures import Calibration
    from fishvoiced.backends.fish.calibration.measure import calibrate_installed
    from fishvoiced.backends.fish.engine.select import available
    from fishvoiced.backends.fish.store.catalog import Catalog, user_models, user_voices
    from fishvoiced.backends.fish.store.models import DECODER, LANGUAGE
    from fishvoiced.hardware.detect.collect import collect
    from fishvoiced.hardware.threads import thread_budget

    facts = collect()
    choice = Catalog(user_models(), user_voices(), settings.voice).choose(voice)
    calibration = Calibration(choice.model, facts)
    if again or not calibration.figures:
        sys.stderr.write(f"measuring {choice.name} …\n")
        calibrate_installed(choice, calibration, facts)
    used = calibration.choice(engine_choice(settings, facts), settings.engine)
    language = available(choice.model, LANGUAGE, used.lm_precision)
    codec = available(choice.model, DECODER, used.codec_precision)
    return calibration.measured(f"{language}+{codec}", used.threads or thread_budget(facts).threads)
