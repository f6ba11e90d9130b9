"""A reference recording: the bytes of a sound file → mono sound at the codec's sample rate, checked.

The only door to ``soundfile`` (libsndfile) and ``soxr``.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from fishvoiced.errors import BadReference

if TYPE_CHECKING:
    from fishvoiced.synthesis.audio import Samples

MIN_SECONDS = 0.5
MAX_SECONDS = 30.0  # upstream advises 10 to 30 s; the prompt's 22 columns per second must leave room for speech
MIN_SAMPLE_RATE = 8_000
MAX_SAMPLE_RATE = 384_000
MAX_CHANNELS = 16
SILENCE = 10 ** (-50 / 20)  # a recording whose peak is below -50 dBFS holds no voice
EDGE = 10 ** (-45 / 20)  # at the edges, what is 45 dB below the loudest moment is silence
MARGIN_SECONDS = 0.2  # of it this much stays, lest a soft consonant or breath be cut
_MOMENT_SECONDS = 0.01


def read_reference(data: bytes, sample_rate: int) -> Samples:
    """Mono sound [samples] at ``sample_rate`` Hz within ±1, of any file that libsndfile reads.

    Channels are averaged, silence before and after is shortened. Raises BadReference for what is no sound
    file, shorter than MIN_SECONDS, longer than MAX_SECONDS, silent, or holds values that are no numbers.
    """
    sound, recorded_rate = _decode(data)
    _check_length(len(sound) / recorded_rate)
    if not np.isfinite(sound).all():
        raise BadReference("the reference recording holds samples that are no numbers (NaN); export it again")
    peak = float(np.abs(sound).max())
    if peak < SILENCE:
        raise BadReference("the reference recording is silent; record it louder, or check the microphone")
    if peak > 1.0:  # float files may hold any scale
        sound = sound / np.float32(peak)
    sound = _trim(sound, recorded_rate)
    _check_length(len(sound) / recorded_rate)
    resampled: Samples = soxr.resample(sound, recorded_rate, sample_rate, quality="HQ")
    return np.clip(resampled, -1.0, 1.0).astype(np.float32, copy=False)


def _decode(data: bytes) -> tuple[Samples, int]:
    """Mono sound as recorded, and its sample rate. Never decodes much more than is allowed."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, channels = int(file.samplerate), int(file.channels)
            if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE or channels > MAX_CHANNELS:
                raise BadReference(
                    f"the reference recording has {channels} channels at {rate} Hz; record one or two channels "
                    "at 16,000 Hz or more"
                )
            sound = np.zeros(0, np.float32)
            # The header's length may be wrong or an estimate, so what is counted is the sound itself.
            while len(block := file.read(rate, dtype="float32", always_2d=True)):
                sound = np.append(sound, block.mean(axis=1, dtype=np.float32))
                if len(sound) > MAX_SECONDS * rate:
                    _check_length(max(len(sound), file.frames) / rate)
    except soundfile.SoundFileError as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise BadReference(
            f"the reference recording cannot be read as a sound file ({reason}); use WAV, FLAC, OGG or MP3"
        ) from error
    return sound, rate


def _check_length(seconds: float) -> None:
    if seconds < MIN_SECONDS:
        raise BadReference(
            f"the reference recording holds {seconds:.2f} s of sound; use at least {MIN_SECONDS:g} s, better 10 s"
        )
    if seconds > MAX_SECONDS:
        raise BadReference(
            f"the reference recording is {seconds:.1f} s long; cut it to at most {MAX_SECONDS:g} s of clear speech "
            "and give the text of that part"
        )


def _trim(sound: Samples, rate: int) -> Samples:
    """``sound`` with all but a margin of the silence at both ends cut off."""
    moment = int(rate * _MOMENT_SECONDS)
    count = len(sound) // moment
    loudness = np.sqrt(np.square(sound[: count * moment]).reshape(count, moment).mean(axis=1))
    loud = np.flatnonzero(loudness >= loudness.max() * EDGE)
    margin = int(rate * MARGIN_SECONDS)
    return sound[max(0, loud[0] * moment - margin) : (loud[-1] + 1) * moment + margin]
