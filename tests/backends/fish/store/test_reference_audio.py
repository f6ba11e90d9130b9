"""Reference recordings: real files of many kinds in memory, good and bad."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fishvoiced.backends.fish.store.reference_audio import MARGIN_SECONDS, MAX_SECONDS, read_reference
from fishvoiced.errors import BadReference

RATE = 44_100


def tone(seconds: float, rate: int, hertz: float = 440.0, level: float = 0.5) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def recording(sound: NDArray[np.float32], rate: int, form: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=form, subtype=subtype)
    return file.getvalue()


def pitch(sound: NDArray[np.float32], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * rate / len(sound))


@pytest.mark.parametrize(
    ("form", "subtype", "rate"),
    [
        ("WAV", "PCM_16", 44_100),
        ("WAV", "PCM_U8", 8_000),
        ("WAV", "FLOAT", 96_000),
        ("FLAC", "PCM_24", 48_000),
        ("OGG", "VORBIS", 22_050),
        ("MP3", "MPEG_LAYER_III", 44_100),
    ],
)
def test_formats_and_rates(form: str, subtype: str, rate: int) -> None:
    sound = read_reference(recording(tone(2.0, rate), rate, form, subtype), RATE)
    assert sound.dtype == np.float32
    assert sound.ndim == 1
    assert len(sound) == pytest.approx(2.0 * RATE, rel=0.03)  # MP3 and OGG pad
    assert pitch(sound, RATE) == pytest.approx(440, rel=0.01)
    assert np.abs(sound).max() == pytest.approx(0.5, rel=0.1)


def test_same_rate_is_untouched() -> None:
    sound = tone(1.0, RATE)
    np.testing.assert_array_equal(read_reference(recording(sound, RATE, subtype="FLOAT"), RATE), sound)


def test_resampling_does_not_alias() -> None:
    high = tone(1.0, 96_000, hertz=30_000)
    sound = read_reference(recording(high + tone(1.0, 96_000, level=0.1), 96_000, subtype="FLOAT"), RATE)
    assert pitch(sound, RATE) == pytest.approx(440, rel=0.01)


def test_channels_are_averaged() -> None:
    stereo = np.stack([tone(1.0, RATE), np.zeros(RATE, np.float32)], axis=1)
    sound = read_reference(recording(stereo, RATE, subtype="FLOAT"), RATE)
    np.testing.assert_allclose(sound, tone(1.0, RATE) / 2, atol=1e-6)


def test_overdriven_float_file_is_scaled() -> None:
    sound = read_reference(recording(tone(1.0, RATE, level=20_000.0), RATE, subtype="FLOAT"), RATE)
    assert 0.9 < np.abs(sound).max() <= 1.0
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(np.sqrt(0.5), rel=0.01)  # still a sine, not clipped


def test_silence_around_the_voice_is_shortened() -> None:
    rng = np.random.default_rng(0)
    hiss = (rng.standard_normal(3 * RATE) * 1e-4).astype(np.float32)
    sound = read_reference(recording(np.concatenate([hiss, tone(2.0, RATE), hiss]), RATE, subtype="FLOAT"), RATE)
    assert len(sound) / RATE == pytest.approx(2.0 + 2 * MARGIN_SECONDS, abs=0.03)


def test_pauses_inside_stay() -> None:
    pause = np.zeros(2 * RATE, np.float32)
    sound = read_reference(recording(np.concatenate([tone(1.0, RATE), pause, tone(1.0, RATE)]), RATE), RATE)
    assert len(sound) == 4 * RATE


def nan() -> bytes:
    sound = tone(1.0, RATE)
    sound[500] = np.nan
    return recording(sound, RATE, subtype="FLOAT")


def click() -> bytes:
    sound = np.zeros(3 * RATE, np.float32)
    sound[RATE : RATE + 400] = 0.5
    return recording(sound, RATE)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read as a sound file"),
        (b"hello, this is no sound", "cannot be read as a sound file"),
        (recording(tone(1.0, RATE), RATE)[:30], "cannot be read as a sound file"),
        (recording(np.zeros(0, np.float32), RATE), "0.00 s of sound; use at least 0.5 s"),
        (recording(tone(0.3, RATE), RATE), "0.30 s of sound; use at least 0.5 s"),
        (recording(tone(MAX_SECONDS + 1, 8_000), 8_000), "is 31.0 s long; cut it to at most 30 s"),
        (recording(tone(90, 8_000), 8_000), "is 90.0 s long"),
        (recording(np.zeros(RATE, np.float32), RATE), "silent"),
        (recording(tone(1.0, RATE, level=1e-3), RATE), "silent"),
        (recording(tone(1.0, 4_000), 4_000), "1 channels at 4000 Hz"),
        (recording(np.tile(tone(1.0, RATE)[:, None], 17), RATE), "17 channels"),
        (nan(), "no numbers"),
        (click(), "0.41 s of sound"),
    ],
)
def test_unusable_recordings(data: bytes, message: str) -> None:
    with pytest.raises(BadReference, match=message) as caught:
        read_reference(data, RATE)
    assert "0x" not in str(caught.value)  # no memory addresses of the library's own message


def test_truncated_recording_is_used_as_far_as_it_goes() -> None:
    whole = recording(tone(2.0, RATE), RATE)
    assert len(read_reference(whole[: len(whole) // 2], RATE)) == pytest.approx(RATE, rel=0.01)


GOOD = [recording(tone(0.6, 8_000), 8_000, form) for form in ("WAV", "FLAC", "OGG")]


@given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_files_give_sound_or_one_clear_error(file: bytes, damage: list[tuple[int, int]]) -> None:
    data = bytearray(file)
    for place, value in damage:
        data[place % len(data)] = value
    try:
        sound = read_reference(bytes(data), 16_000)
    except BadReference:
        return
    assert np.isfinite(sound).all()
    assert len(sound)
