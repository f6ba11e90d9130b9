"""The source voice, hibari's "heart": phonemes in, durations, spectral parameters and sound out.

The only file that knows hibari. Its graph predicts a duration for every phoneme in units of 25 ms, and from those, for
every row of 12.5 ms, a spectrum in three parts (harmonic, noise, free) and the pitch. Here the graph is cut in two, so
that the durations can be changed in between: phonemes then end on the codec's grid (:func:`on_grid`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import hibari
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from hibari import dsp
from hibari.g2p import G2P

from fishvoiced.text.misaki import STRESS
from tools.starter_voice.mel import mel_filters

Floats = npt.NDArray[np.float32]

RATE = 24000
ROW = 300  # samples per row of parameters
ROWS = 4  # per codec frame
FRAME = ROWS * ROW
UNITS = 2  # of the source's durations per codec frame
PACE = 1.06
"""Speed asked for before rounding, which lengthens short phonemes: the whole then keeps the source's length."""
BANDS, SHARES = 64, 6
CHANNELS = 1 + BANDS + SHARES
"""Of a row: pitch in Hz (0: unvoiced), log10 power of mel bands, the harmonic part's share of the power."""
FLOOR = 1e-5  # of a band's power; 60 dB below a vowel's
UNVOICED = 40.0  # Hz, below which the source has no pulses
LEAD = 2
"""Rows by which a frame's parameters run ahead of its sound: a row sounds from 25 ms before its middle to 25 ms after,
so that a decoder that sees no later frame has all that its frame is made of."""
PHASES = 16  # of a cycle: where the pulses may stand when a frame ends
SILENT_DB = -45.0  # below the loudest frame
DURATIONS, RAW_DURATIONS, WHOLE_DURATIONS = "durations", "/Div_40_output_0", "/Clip_output_0"
"""Our name for the second half's input; the graph's names before and after its own rounding."""


@dataclass(frozen=True)
class Utterance:
    samples: Floats
    """[frames x FRAME]"""
    rows: Floats
    """[frames x ROWS, CHANNELS]"""
    phases: npt.NDArray[np.int8]
    """[frames]: where in their cycle the pulses stand when the frame ends, in sixteenths"""
    ends: tuple[float, ...]
    """For every character of the phonemes the second at which its sound ends."""


class Source:
    """hibari's phonemizer and its graph, cut between durations and spectra."""

    def __init__(self, threads: int = 1) -> None:
        assets = Path(hibari.__file__).parent / "assets"
        self._vocabulary: dict[str, int] = json.loads((assets / "vocab.json").read_text(encoding="utf-8"))
        graph = onnx.load(assets / "hibari.onnx")
        self._durations = _session(_first_half(graph), threads)
        self._spectra = _session(_second_half(graph), threads)
        self.phonemize = G2P()
        self._mel = mel_filters(RATE, dsp.N_FFT, BANDS).numpy()
        self._broad = mel_filters(RATE, dsp.N_FFT, SHARES).numpy()

    def knows(self, phonemes: str) -> bool:
        return all(c in self._vocabulary for c in phonemes)

    def say(self, phonemes: str, seed: int = 0) -> Utterance:
        """Speech on the codec's grid, with its silent edges cut; KeyError for an unknown symbol."""
        ids = np.array([[0, *(self._vocabulary[c] for c in phonemes), 0]])
        (raw,) = self._durations.run(None, {"ids": ids, "speed": np.array([PACE], np.float32)})
        whole = on_grid(phonemes, [float(x) for x in raw])
        parts = self._run(ids, np.array(whole, np.float32))
        parts[-1] = in_phase(parts[-1])
        samples = dsp.synth(*parts, np.random.default_rng(seed))
        first, last = sounding(samples, whole[0] // UNITS)
        ends = (np.cumsum(whole)[:-1] / UNITS - first).clip(0, last - first) * (FRAME / RATE)
        rows = np.pad(self._rows(parts), ((0, LEAD), (0, 0)), mode="edge")[first * ROWS + LEAD : last * ROWS + LEAD]
        phases = np.round(cycles(parts[-1]) * PHASES).astype(int)[first + 1 : last + 1] % PHASES
        sound = samples[first * FRAME : last * FRAME]
        return Utterance(sound, rows, phases.astype(np.int8), tuple(float(e) for e in ends[1:]))

    def say_plainly(self, phonemes: str, seed: int = 0) -> Floats:
        """The source's own rhythm, with its silent edges cut: what the voice is compared with."""
        ids = np.array([[0, *(self._vocabulary[c] for c in phonemes), 0]])
        (raw,) = self._durations.run(None, {"ids": ids, "speed": np.ones(1, np.float32)})
        whole = np.maximum(np.round(raw), 1).astype(np.float32)
        samples: Floats = dsp.synth(*self._run(ids, whole), np.random.default_rng(seed))
        samples = np.pad(samples, (0, -len(samples) % FRAME))
        first, last = sounding(samples, int(whole[0]) // UNITS)
        return samples[first * FRAME : last * FRAME]

    def _run(self, ids: npt.NDArray[np.int64], durations: Floats) -> list[Floats]:
        inputs = {"ids": ids, "speed": np.ones(1, np.float32), DURATIONS: durations}
        return [part[0] for part in self._spectra.run(None, inputs)]

    def _rows(self, parts: list[Floats]) -> Floats:
        """Network outputs → [T, CHANNELS]. Powers are those of the source's own inverse transform."""
        harmonic, _, noise, free, _, pitch = parts
        pitch = np.where(pitch > UNVOICED, pitch, 0)
        # A harmonic fills 30 Hz (a Hann window of 50 ms) of every f0; the noise's carrier has a power of two.
        pulses = np.exp(2 * harmonic) * (30 / np.maximum(pitch, UNVOICED)) * (pitch > 0)
        power = pulses + 2 * np.exp(2 * noise) + np.exp(2 * free)
        shares = (self._broad @ pulses) / np.maximum(self._broad @ power, FLOOR)
        bands = np.log10(np.maximum(self._mel @ power, FLOOR))
        return np.concatenate([pitch[None], bands, shares]).T.astype(np.float32)


def cycles(pitch: Floats) -> npt.NDArray[np.float64]:
    """Cycles of the source's pulses before each frame's begin, and before the end: [frames + 1].

    Between the middles of its rows the source's frequency is a straight line.
    """
    at = (np.arange(len(pitch) * ROW) + 0.5) / ROW - 0.5
    frequency = np.maximum(np.interp(at, np.arange(len(pitch)), pitch), UNVOICED)
    return np.concatenate([[0.0], np.cumsum(frequency).reshape(-1, FRAME)[:, -1]]) / RATE


def in_phase(pitch: Floats) -> Floats:
    """The pitch changed by 2.5 Hz at most in the middle of frames, so that the pulses stand on the grid at their ends.

    A decoder that is told the phases then knows where every harmonic begins and ends. Row 1 and 2 of a frame count in
    it alone.
    """
    moved = pitch.copy()
    before = cycles(pitch)
    wanted = np.round(before * PHASES) / PHASES
    lacking = np.diff(wanted) - np.diff(before)
    for row in (1, 2):
        moved[row::ROWS] += (lacking * RATE / (2 * ROW)).astype(np.float32)
    return moved


def on_grid(phonemes: str, raw: Sequence[float]) -> list[int]:
    """Whole durations in the source's units for pad, every phoneme and pad, phonemes ending on frames.

    A space or stress mark shares a frame with what follows it. What rounding adds or takes is made up for in the next
    phonemes.
    """
    whole: list[int] = []
    debt = 0.0
    for group in _groups(phonemes):
        mine = [max(1.0, raw[i]) for i in group]
        least = -(-len(group) // UNITS)
        wanted = sum(mine) + debt
        total = UNITS * max(least, round(wanted / UNITS))
        debt = min(2.0, max(-2.0, wanted - total))
        whole += _split(total, mine)
    return whole


def _groups(phonemes: str) -> list[list[int]]:
    """Indices of pad, phonemes and pad that share frames."""
    groups: list[list[int]] = [[0]]
    joins = False
    for index, symbol in enumerate(phonemes, 1):
        if joins:
            groups[-1].append(index)
        else:
            groups.append([index])
        joins = symbol == " " or symbol in STRESS
    return [*groups, [len(phonemes) + 1]]


def _split(total: int, shares: Sequence[float]) -> list[int]:
    """``total`` in whole parts, at least 1 each, in proportion to ``shares``."""
    parts: list[int] = []
    for index, share in enumerate(shares):
        after = len(shares) - index - 1
        left = total - sum(parts)
        wanted = round(share / sum(shares[index:]) * left) if after else left
        parts.append(min(max(1, wanted), left - after))
    return parts


def sounding(samples: Floats, pad: int) -> tuple[int, int]:
    """First frame to keep, one of the first ``pad`` at most, and the end: a frame after the last that is heard."""
    frames = np.square(samples.reshape(-1, FRAME)).mean(1)
    heard = np.flatnonzero(frames > frames.max() * 10 ** (SILENT_DB / 10))
    if not len(heard):
        return 0, len(frames)
    return min(int(heard[0]), pad), min(int(heard[-1]) + 2, len(frames))


def _session(graph: onnx.ModelProto, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _first_half(graph: onnx.ModelProto) -> onnx.ModelProto:
    """ids, speed → durations in units, not yet rounded, [L]."""
    half = onnx.ModelProto()
    half.CopyFrom(graph)
    del half.graph.output[:]
    half.graph.output.append(onnx.helper.make_tensor_value_info(RAW_DURATIONS, onnx.TensorProto.FLOAT, None))
    return half


def _second_half(graph: onnx.ModelProto) -> onnx.ModelProto:
    """ids, speed and whole durations [L] → the spectra."""
    half = onnx.ModelProto()
    half.CopyFrom(graph)
    for node in half.graph.node:
        for index, name in enumerate(node.input):
            if name == WHOLE_DURATIONS:
                node.input[index] = DURATIONS
    half.graph.input.append(onnx.helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.FLOAT, None))
    return half
