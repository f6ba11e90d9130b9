"""The judge's arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from tools.starter_voice.metrics import (
    dropped_or_repeated,
    nearest_names,
    trailing_silence,
    warped_distance,
)

RATE = 16000


def tone(pitch: float, seconds: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(int(RATE * seconds)) / RATE)).astype(np.float32)


def test_trailing_silence() -> None:
    sound = tone(300, 0.5)
    assert trailing_silence(np.concatenate([sound, np.zeros(RATE // 4, np.float32)]), RATE) == pytest.approx(
        0.25, abs=0.011
    )
    assert trailing_silence(sound, RATE) == 0
    assert trailing_silence(np.zeros(RATE, np.float32), RATE) == 1
    assert trailing_silence(np.zeros(0, np.float32), RATE) == 0


def test_warping_forgives_tempo_but_not_pitch() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(10, 8))
    assert warped_distance(rows, np.repeat(rows, 2, axis=0)) == pytest.approx(0, abs=1e-6)
    assert warped_distance(rows, rng.normal(size=(10, 8))) > 0.5


def test_nearest_names_finds_the_same_tone() -> None:
    source = {"low": tone(200, 0.4), "middle": tone(900, 0.4), "high": tone(3000, 0.4)}
    made = {"low": tone(210, 0.5), "middle": tone(880, 0.3), "high": tone(2900, 0.4)}
    assert nearest_names(made, source, RATE) == {"low": "low", "middle": "middle", "high": "high"}
    assert nearest_names({"low": tone(3000, 0.4)}, source, RATE) == {"low": "high"}


@pytest.mark.parametrize(
    ("heard", "seconds", "broken"),
    [(10, 3.0, False), (9, 3.5, False), (10, 1.5, True), (19, 6.0, True), (3, 3.0, True), (20, 3.0, True)],
)
def test_dropped_or_repeated(heard: int, seconds: float, broken: bool) -> None:
    assert dropped_or_repeated(["w"] * 10, ["w"] * heard, seconds, 3.0) is broken
