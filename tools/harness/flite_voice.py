"""A real daemon whose voice says the same text the same way every time, and writes down what it is asked for.

``python -m tools.harness.flite_voice``, with

- ``FISHVOICE_TEST_VOICE``: empty for the voice that comes with the package, with a fixed seed; ``flite`` for flite's
  ``slt`` (Debian's package ``flite``), which is well understood, through the same server and time-stretch;
- ``FISHVOICE_TEST_ASKED``: the file that gets a line of JSON for every request that names no seed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import soundfile

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.__main__ import daemon
from fishvoiced.config import Config
from fishvoiced.daemon import installed_governor, installed_speaker
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, Step
from fishvoiced.synthesis.prosody import Prosody
from fishvoiced.text.markup import read
from fishvoiced.text.spans import Script
from fishvoiced.voices.base import Loaded, Speaker, Utterance
from tools.harness.desktop import SEED

FLITE_RATE = 16000
RECORDED = ("text", "voice", "speed", "pitch", "volume")
CHUNK_SAMPLES = 1600


class Repeatable:
    """Another speaker, with one seed for everybody and a record of the requests."""

    def __init__(self, speaker: Speaker, record: Path) -> None:
        self._speaker = speaker
        self._record = record
        self.voices, self.loaded, self.load = speaker.voices, speaker.loaded, speaker.load
        self.unload, self.reset, self.read = speaker.unload, speaker.reset, speaker.read

    def open(self, request: Synthesize, script: Script | None = None) -> Utterance:
        if request.seed is not None:  # the tests' own
            return self._speaker.open(request, script)
        with self._record.open("a") as file:
            file.write(json.dumps({name: getattr(request, name) for name in RECORDED}) + "\n")
        return self._speaker.open(msgspec.structs.replace(request, seed=SEED), script)


class Flite:
    """flite as a voice: a sentence at a time, in chunks, as fast as the machine can."""

    def voices(self) -> Sequence[VoiceInfo]:
        return [VoiceInfo(name="slt", model="flite", sample_rate=FLITE_RATE, default=True, language="en")]

    def loaded(self) -> Sequence[Loaded]:
        return [Loaded("flite", "slt", "flite", "fp32")]

    def load(self, voice: str | None) -> Loaded:
        return self.loaded()[0]

    def read(self, request: Synthesize) -> Script:
        return read(request.text, "plain")

    def open(self, request: Synthesize, script: Script | None = None) -> Utterance:
        return Utterance(_steps(request), FLITE_RATE, "slt", "flite")

    def unload(self, model: str) -> None:
        """There is nothing in memory."""

    def reset(self) -> None:
        """There is nothing to begin again."""


def _steps(request: Synthesize) -> Generator[Step, None, None]:
    prosody = Prosody(FLITE_RATE, request.speed, request.pitch, request.volume)
    end = len(request.text)
    for index, (start, end) in enumerate(_sentences(request.text)):
        yield None
        sound = flite(request.text[start:end])
        for at in range(0, len(sound), CHUNK_SAMPLES):
            piece = prosody.push(sound[at : at + CHUNK_SAMPLES])
            places = [start + (end - start) * min(x, len(sound)) // len(sound) for x in (at, at + CHUNK_SAMPLES)]
            yield Chunk(piece, 1, index, *places)
    yield Chunk(prosody.finish(), 1, index, end, end)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(r"\S.*?(?:[.!?](?=\s|$)|$)", text, re.DOTALL):
        yield match.span()


def flite(text: str, speed: float = 1.0) -> Samples:
    """[samples] at FLITE_RATE, spoken by flite itself at ``speed``."""
    with tempfile.TemporaryDirectory() as folder:
        words, sound = Path(folder) / "text", Path(folder) / "sound.wav"
        words.write_text(text)
        subprocess.run(
            ["flite", "-voice", "slt", "--setf", f"duration_stretch={1 / speed}", "-f", str(words), "-o", str(sound)],
            check=True,
        )
        samples, _ = soundfile.read(sound, dtype="float32")
        return np.asarray(samples, np.float32)


def make(settings: Config) -> Speaker:
    wanted = Flite() if os.environ.get("FISHVOICE_TEST_VOICE") == "flite" else installed_speaker(settings)
    return Repeatable(wanted, Path(os.environ["FISHVOICE_TEST_ASKED"]))


if __name__ == "__main__":
    sys.exit(daemon(sys.argv[1:], make, installed_governor))
