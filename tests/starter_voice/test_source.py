"""hibari's graph, cut in two: phonemes on the grid, exact ends, prompt edges, parameters that describe the sound."""

from __future__ import annotations

import itertools

import hibari
import numpy as np
import pytest
from hibari import dsp
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.text.misaki import CONSONANTS, VOWELS
from tools.starter_voice.source import (
    BANDS,
    FRAME,
    LEAD,
    PHASES,
    RATE,
    ROWS,
    UNITS,
    Source,
    cycles,
    in_phase,
    on_grid,
    sounding,
)

PHONEMES = "ɡˌʊd mˈɔɹnɪŋ, tˈɑm."


@pytest.fixture(scope="module")
def source() -> Source:
    return Source()


def test_uncut_it_says_what_hibari_says(source: Source) -> None:
    """Both halves together are the library's own graph: the same samples but for the silent edges."""
    whole = hibari.Hibari().from_phonemes(PHONEMES, seed=3)
    cut = source.say_plainly(PHONEMES, seed=3)
    place = next(i for i in range(0, len(whole), FRAME) if np.array_equal(whole[i : i + 99], cut[:99]))
    assert len(cut) < len(whole) - 0.3 * RATE
    length = min(len(cut), len(whole) - place)
    assert np.array_equal(cut[:length], whole[place : place + length])


def test_every_phoneme_ends_on_a_frame_unless_the_next_shares_it(source: Source) -> None:
    utterance = source.say(PHONEMES)
    assert len(utterance.ends) == len(PHONEMES)
    frames = np.array(utterance.ends) * RATE / FRAME
    alone = np.array([symbol not in " ˈˌ" for symbol in PHONEMES])
    assert frames[alone] == pytest.approx(np.round(frames[alone]))
    assert (np.diff([0, *utterance.ends]) >= 0).all()
    assert len(utterance.samples) == len(utterance.rows) * FRAME // ROWS == len(utterance.phases) * FRAME


def test_the_grid_keeps_the_length(source: Source) -> None:
    lines = ("ðə wˈɛðəɹ ɪz fˈIn tədˈA.", "ʃi ˈOpənd ðə wˈɪndO ænd lˈʊkt ˈWt.", "pɹˈɛs ˈɛntəɹ tə kəntˈɪnju.")
    on, off = (sum(len(say(line)) for line in lines) for say in (lambda p: source.say(p).samples, source.say_plainly))
    assert on == pytest.approx(off, rel=0.06)


def test_it_begins_and_ends_promptly(source: Source) -> None:
    for phonemes in ("bˈi.", "jˈɛs.", PHONEMES):
        samples = np.abs(source.say(phonemes).samples)
        heard = np.flatnonzero(samples > 0.05 * samples.max()) / RATE
        assert heard[0] < 0.1
        assert len(samples) / RATE - heard[-1] < 0.2


def test_rows_tell_voiced_from_unvoiced_and_loud_from_quiet(source: Source) -> None:
    utterance = source.say("sˈɑ.")
    middle = int(utterance.ends[0] / 3 * RATE / FRAME * ROWS) - LEAD
    vowel = int((utterance.ends[0] + utterance.ends[2]) / 2 * RATE / FRAME * ROWS) - LEAD
    hiss, tone = utterance.rows[middle], utterance.rows[vowel]
    assert 120 < tone[0] < 320
    assert tone[1 : 1 + BANDS // 2].mean() > hiss[1 : 1 + BANDS // 2].mean() + 1  # 10 dB in the low half
    assert hiss[1 + BANDS :].max() < 0.3
    assert tone[1 + BANDS] > 0.8


def test_pulses_stand_on_the_grid_when_a_frame_ends_and_the_pitch_hardly_moves() -> None:
    rng = np.random.default_rng(0)
    pitch = (200 + np.cumsum(rng.normal(0, 3, 80 * ROWS))).clip(90, 350).astype(np.float32)
    moved = in_phase(pitch)
    assert np.abs(moved - pitch).max() <= 2.6
    places = cycles(moved) * PHASES
    assert places == pytest.approx(np.round(places), abs=0.02)
    assert np.abs(cycles(pitch) * PHASES - np.round(cycles(pitch) * PHASES)).max() > 0.3


def test_cycles_are_those_of_the_sources_own_pulses() -> None:
    pitch = np.linspace(110, 170, 30 * ROWS).astype(np.float32)
    pulses = dsp.pulses(pitch)
    high = np.flatnonzero((pulses[1:-1] > 30) & (pulses[1:-1] >= pulses[:-2]) & (pulses[1:-1] > pulses[2:])) + 1
    exactly = np.interp(high + 1, np.arange(31) * FRAME, cycles(pitch))
    assert exactly == pytest.approx(np.round(exactly), abs=0.02)
    assert len(high) == pytest.approx(cycles(pitch)[-1], abs=1)


def test_a_frames_parameters_are_all_that_its_sound_is_made_of(source: Source) -> None:
    """Sound made of rows up to those of frame t is the same up to its end, whatever follows."""
    parts = source._run(np.array([[0, *(source._vocabulary[c] for c in "ˈɑmə"), 0]]), np.full(6, 4, np.float32))
    frames = parts[0].shape[1] // ROWS
    whole = dsp.synth(*parts, np.random.default_rng(0))
    cut = frames // 2 * ROWS
    other = [part.copy() for part in parts]
    for part in other[:-1]:
        part[:, cut + LEAD :] = 0
    changed = np.flatnonzero(np.abs(dsp.synth(*other, np.random.default_rng(0)) - whole) > 1e-6)
    assert changed[0] >= cut // ROWS * FRAME
    assert changed[0] < (cut // ROWS + 1) * FRAME


def test_an_unknown_symbol_is_an_error(source: Source) -> None:
    assert source.knows("bˈi")
    assert not source.knows("б")
    with pytest.raises(KeyError):
        source.say("б")


symbols = st.sampled_from([*"ˈˌ ,.", *VOWELS, *CONSONANTS])


@given(st.lists(st.tuples(symbols, st.floats(0.3, 12)), min_size=1, max_size=40))
def test_any_durations_become_whole_and_their_sum_stays_near(pairs: list[tuple[str, float]]) -> None:
    phonemes = "".join(symbol for symbol, _ in pairs)
    raw = [7.0, *(duration for _, duration in pairs), 9.0]
    whole = on_grid(phonemes, raw)
    assert len(whole) == len(raw)
    assert min(whole) >= 1
    ends = list(itertools.accumulate(whole))
    for index, symbol in enumerate("." + phonemes):
        if symbol not in " ˈˌ":
            assert ends[index] % UNITS == 0
    least = sum(max(2.0, duration) for duration in raw)
    assert ends[-1] >= sum(max(1.0, duration) for duration in raw) - 3
    assert ends[-1] <= least + len(raw)


def test_silent_edges_are_found_but_only_a_pad_is_cut_from_the_beginning() -> None:
    samples = np.zeros(10 * FRAME, np.float32)
    samples[4 * FRAME : 6 * FRAME] = 0.5
    assert sounding(samples, 9) == (4, 7)
    assert sounding(samples, 3) == (3, 7)
    assert sounding(np.zeros(3 * FRAME, np.float32), 2) == (0, 3)
