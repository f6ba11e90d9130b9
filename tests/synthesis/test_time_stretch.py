"""Time-stretching: as long as promised, at the same pitch, whatever the chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fishvoiced.synthesis.tempo.clock import EmphasizingClock
from fishvoiced.synthesis.tempo.time_stretch import MAX_SPEED, MIN_SPEED, Stretcher

RATE = 16_000
SPEEDS = st.floats(MIN_SPEED, MAX_SPEED)


Sound: TypeAlias = NDArray[np.float32]


def stretch(
    sound: Sound, speed: float, chunks: Sequence[int] = (), rate: int = RATE, *, emphasis: bool = False
) -> Sound:
    stretcher = Stretcher(rate, speed, emphasis=emphasis)
    parts = [stretcher.push(part) for part in np.split(sound, np.minimum(np.cumsum(chunks, dtype=int), len(sound)))]
    return np.concatenate([*parts, stretcher.finish()])


def tone(hertz: float, seconds: float, rate: int = RATE) -> Sound:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def voice(seconds: float, seed: int = 0) -> Sound:
    """Something like speech: a gliding buzz under a moving envelope, with breath and pauses."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * time)) / RATE
    buzz = np.asarray(sum(np.sin(n * phase) / n for n in range(1, 12)))
    envelope = np.clip(np.sin(2 * np.pi * 1.9 * time) + 0.4, 0, None)
    return (0.1 * envelope * (buzz + 0.1 * rng.standard_normal(len(time)))).astype(np.float32)


@given(SPEEDS, st.integers(0, 20_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_length_is_exact(speed: float, length: int, emphasis: bool) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, length).astype(np.float32)
    stretched = stretch(sound, speed, emphasis=emphasis)
    assert stretched.dtype == np.float32
    assert len(stretched) == (length if speed == 1 else round(length / speed))
    assert np.abs(stretched).max(initial=0) <= 1


@given(SPEEDS, st.lists(st.integers(0, 5_000), max_size=12), st.booleans())
@settings(max_examples=60, deadline=None)
def test_chunks_make_no_difference(speed: float, chunks: list[int], emphasis: bool) -> None:
    whole = stretch(voice(1.2), speed, emphasis=emphasis)
    np.testing.assert_array_equal(stretch(voice(1.2), speed, chunks, emphasis=emphasis), whole)


@given(st.lists(st.integers(0, 400), max_size=8))
def test_speed_one_passes_through_at_once(chunks: list[int]) -> None:
    stretcher = Stretcher(RATE, 1.0)
    for part in np.split(voice(0.2), np.cumsum(chunks, dtype=int)):
        np.testing.assert_array_equal(stretcher.push(part), part)
    assert len(stretcher.finish()) == 0


@pytest.mark.parametrize("rate", [8_000, 44_100])
@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 1.7, 2.0, 3.0])
@pytest.mark.parametrize("hertz", [80.0, 210.0, 1_000.0])
def test_pitch_and_level_stay(speed: float, hertz: float, rate: int) -> None:
    stretched = stretch(tone(hertz, 2.0, rate), speed, rate=rate)
    middle = stretched[len(stretched) // 10 : -len(stretched) // 10]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    assert np.argmax(spectrum) * rate / (1 << 18) == pytest.approx(hertz, rel=0.01)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    # One tone in, one tone out: nothing outside its peak, so no gaps and no clicks.
    peak = int(np.argmax(spectrum))
    width = int(12 * (1 << 18) / len(middle)) + 20 * (1 << 18) // rate
    rest = np.concatenate([spectrum[: max(0, peak - width)], spectrum[peak + width :]])
    assert np.square(rest).sum() < 0.01 * np.square(spectrum).sum()


@pytest.mark.parametrize("emphasis", [False, True])
@pytest.mark.parametrize("speed", [0.6, 1.5, 2.5])
def test_events_come_when_they_should(speed: float, emphasis: bool) -> None:
    """The loudness over time is the input's, on another clock."""
    sound = voice(3.0)
    stretched = stretch(sound, speed, emphasis=emphasis)

    def loudness(samples: Sound) -> NDArray[np.float64]:
        return np.array([np.sqrt(np.mean(part.astype(float) ** 2)) for part in np.array_split(samples, 20)])

    assert np.corrcoef(loudness(sound), loudness(stretched))[0, 1] > 0.95


@pytest.mark.parametrize("speed", [0.6, 1.5, 3.0])
def test_pieces_are_cross_faded(speed: float) -> None:
    """Nothing in a rumble repeats, so pieces never fit; still there is no jump where they meet."""
    rumble = np.convolve(np.random.default_rng(0).standard_normal(2 * RATE), np.hanning(80) / 160, mode="same")
    rumble[-1000:] *= np.linspace(1, 0, 1000)
    stretched = stretch(rumble.astype(np.float32), speed)
    assert np.abs(np.diff(stretched)).max() < 1.6 * np.abs(np.diff(rumble)).max()


@pytest.mark.parametrize(("emphasis", "most"), [(False, 0.06), (True, 0.17)])
def test_sound_comes_while_input_does(emphasis: bool, most: float) -> None:
    stretcher = Stretcher(RATE, 1.5, emphasis=emphasis)
    received = sent = 0
    for part in np.split(voice(2.0), 20):
        received += len(part)
        sent += len(stretcher.push(part))
        assert received / 1.5 - sent < most * RATE


@pytest.mark.parametrize("emphasis", [False, True])
def test_memory_does_not_grow(emphasis: bool) -> None:
    stretcher = Stretcher(RATE, 1.3, emphasis=emphasis)
    for _ in range(50):
        stretcher.push(voice(0.2))
    assert len(stretcher._input) < 0.3 * RATE


def vowels_and_consonants() -> Sound:
    """Steady buzzes of 0.2 s, between them 0.06 s of noise that changes all the time."""
    rng = np.random.default_rng(1)
    vowel = tone(150, 0.2) + tone(300, 0.2) / 2
    return np.concatenate([part for _ in range(8) for part in (vowel, _noise(rng))])


def _noise(rng: np.random.Generator) -> Sound:
    return (rng.uniform(-0.2, 0.2, 960) * np.hanning(960)).astype(np.float32)


def noise_seconds(sound: Sound) -> float:
    """How long there is more above 2 kHz than below."""
    frames = np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(sound, 160)[::16] * np.hanning(160)))
    high = frames[:, 21:].sum(1) > frames[:, :21].sum(1)
    return float(high.sum()) * 16 / RATE


def test_what_carries_the_words_is_shortened_less() -> None:
    sound = vowels_and_consonants()
    even, uneven = stretch(sound, 2.0), stretch(sound, 2.0, emphasis=True)
    assert noise_seconds(even) == pytest.approx(noise_seconds(sound) / 2, rel=0.25)
    assert noise_seconds(uneven) > 1.15 * noise_seconds(even)


@given(st.floats(1.05, MAX_SPEED), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_an_uneven_clock_stays_near_an_even_one(speed: float, seed: int) -> None:
    clock, sound = EmphasizingClock(RATE, speed), voice(4.0, seed)
    clock.push(sound)
    behind = [at * speed - place for at in range(0, round(len(sound) / speed), 400) if (place := clock.input_at(at))]
    assert len(behind) > 20
    assert np.abs(behind).max() / speed / RATE < 0.15


def test_silence_stays_silence() -> None:
    assert not stretch(np.zeros(RATE, np.float32), 1.4).any()
