"""Samples to bytes."""

from __future__ import annotations

import numpy as np

from fishvoiced.synthesis.audio import to_pcm


def test_integers_are_little_endian_rounded_and_clipped() -> None:
    samples = np.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.5], np.float32)
    assert np.frombuffer(to_pcm(samples, "s16le"), "<i2").tolist() == [0, 32767, -32767, 32767, -32767, 16384]


def test_floats_pass_unchanged_and_nan_is_silence() -> None:
    samples = np.array([0.25, np.nan, np.inf, -np.inf], np.float32)
    assert np.frombuffer(to_pcm(samples, "f32le"), "<f4").tolist() == [0.25, 0.0, 1.0, -1.0]
