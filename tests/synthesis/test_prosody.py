"""Pitch, speed and volume: what they change, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoiced.errors import BadRequest
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.prosody import Prosody

RATE = 44100


def tone(hertz: float = 220.0, seconds: float = 1.0) -> Samples:
    return (0.4 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def through(prosody: Prosody, sound: Samples, size: int = 2048) -> Samples:
    made = [prosody.push(sound[start : start + size]) for start in range(0, len(sound), size)]
    return np.concatenate([*made, prosody.finish()])


def frequency(sound: Samples) -> float:
    middle = sound[len(sound) // 4 : 3 * len(sound) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    return float(np.argmax(spectrum)) * RATE / (1 << 18)


@pytest.mark.parametrize("pitch", [0.5, 0.8, 1.3, 2.0])
def test_pitch_raises_the_tone_and_keeps_the_length(pitch: float) -> None:
    sound = tone()
    made = through(Prosody(RATE, pitch=pitch), sound)
    assert frequency(made) == pytest.approx(220 * pitch, rel=0.02)
    assert len(made) == pytest.approx(len(sound), abs=RATE * 0.002)


@pytest.mark.parametrize(("speed", "pitch"), [(0.25, 2.0), (0.5, 1.0), (2.0, 0.5), (4.0, 1.5)])
def test_speed_and_pitch_are_independent(speed: float, pitch: float) -> None:
    made = through(Prosody(RATE, speed, pitch), tone(seconds=2))
    assert frequency(made) == pytest.approx(220 * pitch, rel=0.03)
    assert len(made) / RATE == pytest.approx(2 / speed, abs=0.005)


def test_a_voice_that_changes_its_speed_itself_is_not_stretched_twice() -> None:
    assert len(through(Prosody(RATE, 2.0, stretches=False), tone())) == RATE


@pytest.mark.parametrize(("speed", "pitch", "uneven"), [(2.0, 1.0, True), (0.5, 1.0, False), (1.0, 0.8, False)])
def test_only_faster_speech_is_shortened_unevenly(speed: float, pitch: float, uneven: bool) -> None:
    """A higher or deeper voice keeps its rhythm: of a hiss between two hums no more is left than of the hums."""
    hum, hiss = tone(seconds=0.8), np.random.default_rng(0).uniform(-0.3, 0.3, RATE // 10).astype(np.float32)
    made = through(Prosody(RATE, speed, pitch), np.concatenate([hum, hiss, hum]))
    frames = np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(made, 882)[::44] * np.hanning(882)))
    seconds = float((frames[:, 80:].sum(1) > frames[:, :80].sum(1)).sum()) * 44 / RATE
    assert (seconds > 1.15 * 0.1 / speed) is uneven


def test_volume_multiplies_every_sample() -> None:
    sound = tone()
    np.testing.assert_allclose(through(Prosody(RATE, volume=0.5), sound), sound / 2, atol=1e-6)
    assert not through(Prosody(RATE, volume=0.0), sound).any()


def test_the_voices_own_prosody_changes_nothing_and_holds_nothing_back() -> None:
    sound, prosody = tone(seconds=0.1), Prosody(RATE)
    assert prosody.push(sound) is sound
    assert not len(prosody.finish())


@settings(max_examples=20, deadline=None)
@given(st.integers(64, 9000), st.floats(0.5, 2.0))
def test_how_the_sound_is_cut_makes_no_difference(size: int, pitch: float) -> None:
    sound = tone(seconds=0.3)
    np.testing.assert_allclose(
        through(Prosody(RATE, 1.2, pitch), sound, size), through(Prosody(RATE, 1.2, pitch), sound, 1000), atol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "values"), [("speed", (0.24, 4.1, float("nan"))), ("pitch", (0.49, 2.1, -1.0)), ("volume", (-0.1, 2.1))]
)
def test_factors_out_of_range_are_refused(name: str, values: tuple[float, ...]) -> None:
    for value in values:
        with pytest.raises(BadRequest, match=f"{name} must be between"):
            Prosody(RATE, **{name: value})
