"""What this machine has measured of a model's speed: predictions by calibration, and the RTFs observed since.

Two small files per model in the cache folder, of which one process at a time writes each. They belong to one
machine, runtime version and power source; in another's circumstances nothing is known yet.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec

from fishvoice import paths
from fishvoice.files import write_whole
from fishvoiced.backends.fish.engine.select import EngineChoice
from fishvoiced.backends.fish.store.models import PRECISIONS, ConvertedModel
from fishvoiced.config import Engine as EngineSettings
from fishvoiced.hardware.facts import HardwareFacts
from fishvoiced.hardware.threads import prefer_fewer
from fishvoiced.version import __version__
from fishvoiced.voices.speed import Measured, PrecisionFigure, Speed

ENOUGH = 3
"""After so many utterances the observed RTF takes the prediction's place."""
KEPT = 9
WORTHWHILE = 0.10
"""A less exact precision has to be faster by more than this."""


class Figure(msgspec.Struct, frozen=True):
    """One way to run a model, and the RTF that it promises."""

    language: str
    codec: str
    threads: int
    rtf: float
    disturbed: bool = False
    """Other programs took part of the machine while it was measured."""
    streams: int = 0
    """Generations that share passes best; 0: not measured."""

    @property
    def precision(self) -> str:
        """As `fishvoiced.backends.fish.engine.base.Engine.precision`."""
        return f"{self.language}+{self.codec}"


class Observed(msgspec.Struct, frozen=True):
    """The last RTFs with one precision and number of threads, and how many there were in all."""

    rtfs: tuple[float, ...] = ()
    utterances: int = 0

    @property
    def rtf(self) -> float | None:
        """The median, once there are enough."""
        return median(self.rtfs) if self.utterances >= ENOUGH else None


_Kept = TypeVar("_Kept")
_FIGURES = msgspec.json.Decoder(tuple[Figure, ...])
_OBSERVATIONS = msgspec.json.Decoder(dict[str, Observed])


class Calibration:
    """One model's figures on this machine. Reads at once, writes when told something."""

    def __init__(self, model: ConvertedModel, facts: HardwareFacts, folder: Path | None = None) -> None:
        folder = folder or paths.cache_dir() / "calibration"
        stem = f"{model.name}-{_circumstances(model, facts)}"
        self.model = model.name
        self._predicted, self._observed = folder / f"{stem}.predicted.json", folder / f"{stem}.observed.json"
        self.figures = _read(self._predicted, _FIGURES, ())
        self.observations = _read(self._observed, _OBSERVATIONS, {})

    def predict(self, figures: tuple[Figure, ...]) -> None:
        """Take new figures. Raises OSError when they cannot be kept."""
        self.figures = figures
        _write(self._predicted, figures)

    @property
    def complete(self) -> bool:
        """Measured, and on a machine that had nothing else to do."""
        return bool(self.figures) and not any(figure.disturbed for figure in self.figures)

    def reload(self) -> None:
        """Take in what another process has predicted."""
        self.figures = _read(self._predicted, _FIGURES, ())

    def observe(self, precision: str, threads: int, rtf: float) -> None:
        """Note a finished utterance's RTF. Raises OSError when it cannot be kept."""
        name = f"{precision} {threads}"
        before = self.observations.get(name, Observed())
        self.observations[name] = Observed((*before.rtfs, rtf)[-KEPT:], before.utterances + 1)
        _write(self._observed, self.observations)

    def speed(self, precision: str, threads: int) -> Speed:
        """What is known of running the model so."""
        found = (f.rtf for f in self.figures if (f.precision, f.threads) == (precision, threads))
        predicted = next(found, None)
        seen = self.observations.get(f"{precision} {threads}", Observed())
        error = (predicted - seen.rtf) / seen.rtf if predicted is not None and seen.rtf else None
        return Speed(predicted, seen.rtf, seen.utterances, error)

    def choice(self, wanted: EngineChoice, settings: EngineSettings) -> EngineChoice:
        """The best measured way within what the user's configuration leaves open; else ``wanted``."""
        if wanted.name not in ("auto", "onnx"):
            return wanted
        allowed = [
            figure
            for figure in self.figures
            if settings.precision in ("auto", figure.language) and settings.threads in (0, figure.threads)
        ]
        if any(figure.disturbed for figure in allowed):  # figures of unequal circumstances decide nothing
            return wanted
        best = choose(allowed)
        if best is None:
            return wanted
        return replace(
            wanted,
            lm_precision=best.language,
            codec_precision=best.codec,
            threads=best.threads,
            streams=settings.streams or best.streams,
        )

    def measured(self, precision: str, threads: int) -> Measured | None:
        """For `doctor`, of a model that is run so; None before anything was measured."""
        speed = self.speed(precision, threads)
        if not self.figures and speed.observed is None:
            return None
        figures = tuple(PrecisionFigure(f.precision, f.threads, f.rtf, f.disturbed) for f in self.figures)
        return Measured(self.model, figures, precision, threads, speed.observed, speed.utterances)


def choose(figures: list[Figure]) -> Figure | None:
    """The most precise within 10 % of the fastest, at the fewest threads that keep its speed; None without figures."""
    best = []
    for language in PRECISIONS["language"]:  # the most exact first
        own = [figure for figure in figures if figure.language == language]
        if own:
            threads = prefer_fewer((figure.threads, figure.rtf) for figure in own)
            best.append(next(figure for figure in own if figure.threads == threads))
    fastest = min((figure.rtf for figure in best), default=0.0)
    return next((figure for figure in best if figure.rtf <= fastest * (1 + WORTHWHILE)), None)


def _circumstances(model: ConvertedModel, facts: HardwareFacts) -> str:
    """Fingerprint of all that affects a model's speed."""
    return _fingerprint(machine(facts), model.checkpoint_hash)


def machine(facts: HardwareFacts) -> str:
    """Fingerprint of what affects the speed of every model: versions, CPU, affinity, quota, power source."""
    try:
        runtime = version("onnxruntime")
    except PackageNotFoundError:
        runtime = "none"
    power = facts.power.value if facts.power is not None else ""
    affinity = sorted(facts.affinity) if facts.affinity is not None else None
    return _fingerprint(__version__, runtime, facts.brand, facts.logical_cores, affinity, power, facts.quota_cpus)


def _fingerprint(*told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def _read(file: Path, decoder: msgspec.json.Decoder[_Kept], nothing: _Kept) -> _Kept:
    try:
        return decoder.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError):
        return nothing  # never measured, or damaged: then it is measured again


def _write(file: Path, what: object) -> None:
    write_whole(file, msgspec.json.encode(what))
