"""In-process API: load a model and synthesize without daemon or sockets."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishvoice.protocol import Sampling, Synthesize
from fishvoiced.backends.fish.backend import FishBackend
from fishvoiced.backends.fish.store.catalog import Catalog, user_models, user_voices
from fishvoiced.backends.fish.store.models import ConvertedModel
from fishvoiced.config import Config
from fishvoiced.errors import BadReference, CheckpointError, EngineError
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, SegmentFailure
from fishvoiced.voices.registry import VoiceRegistry

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SynthesisMetrics:
    """What a synthesis cost. ``rtf``: wall seconds of work per second of sound."""

    rtf: float
    audio_seconds: float
    wall_seconds: float
    first_audio_seconds: float
    frames: int
    segments: int
    segment_errors: tuple[str, ...]
    engine: str
    precision: str
    voice: str


class UniversalFishSpeechOptimizer:
    """Detects the machine, converts and loads the model, and speaks.

    Args:
        model_path: a Fish checkpoint folder (converted at first use, which needs the ``export`` extra), a
            converted model's folder, or None for the default voice.
        settings: overrides of engine, precision and threads; by default the user's configuration.

    Raises:
        CheckpointError, ModelStoreError, MissingExtra, UnknownVoice: when there is nothing to load.
    """

    def __init__(self, model_path: str | Path | None = None, settings: Config | None = None) -> None:
        self.settings = settings or Config()
        name, elsewhere = self.settings.voice, []
        if model_path is not None:
            folder = self._model(Path(model_path)).folder
            name, elsewhere = folder.name, [folder]
        backend = FishBackend(self.settings, Catalog(user_models(*elsewhere), user_voices(), name))
        self._speaker = VoiceRegistry([backend], name)
        self.loaded = self._speaker.load(None)

    def _model(self, path: Path) -> ConvertedModel:
        if (path / "about").is_dir():
            return ConvertedModel.open(path)
        if not (path / "config.json").exists():
            raise CheckpointError(f"{path} is neither a Fish checkpoint folder nor a converted model")
        from fishvoiced.backends.fish.backend import engine_choice
        from fishvoiced.backends.fish.convert.importer import import_checkpoint
        from fishvoiced.hardware.detect.collect import collect

        choice = engine_choice(self.settings, collect())
        return import_checkpoint(
            path,
            user_models(),
            choice.lm_precision,
            choice.codec_precision,
            lambda what, share: log.info("%3.0f%% %s", share * 100, what),
        )

    def synthesize(
        self,
        text: str,
        reference_audio: str | Path | None = None,
        *,
        reference_text: str | None = None,
        seed: int | None = None,
        speed: float = 1.0,
        sampling: Sampling | None = None,
    ) -> tuple[Samples, int, dict[str, Any]]:
        """Speak ``text``.

        Returns:
            The sound, float32 [samples] within ±1; its sample rate in Hz; the metrics of
            :class:`SynthesisMetrics` as a dictionary.

        Raises:
            BadRequest: nothing to speak, options out of range. BadReference: the recording cannot be used.
            EngineError: not a single segment could be spoken.
        """
        request = Synthesize(
            id="optimizer",
            text=text,
            seed=seed,
            speed=speed,
            sampling=sampling or Sampling(),
            payload=_read(reference_audio),
            reference_text=reference_text,
        )
        started = time.perf_counter()
        first: float | None = None
        utterance = self._speaker.open(request)
        chunks: list[Chunk] = []
        failures: list[str] = []
        for step in utterance.steps:
            if isinstance(step, Chunk):
                chunks.append(step)
                if first is None and len(step.samples):
                    first = time.perf_counter() - started
            elif isinstance(step, SegmentFailure):
                failures.append(step.message)
                log.warning("segment %d failed: %s", step.segment, step.message)
        wall = time.perf_counter() - started
        audio = np.concatenate([c.samples for c in chunks]) if chunks else np.zeros(0, np.float32)
        frames = sum(c.frames for c in chunks)
        if not frames or first is None:
            raise EngineError("nothing could be spoken: " + "; ".join(failures))
        seconds = len(audio) / utterance.sample_rate
        metrics = SynthesisMetrics(
            rtf=wall / seconds,
            audio_seconds=seconds,
            wall_seconds=wall,
            first_audio_seconds=first,
            frames=frames,
            segments=1 + max(c.segment for c in chunks),
            segment_errors=tuple(failures),
            engine=self.loaded.engine,
            precision=self.loaded.precision,
            voice=utterance.voice,
        )
        return audio, utterance.sample_rate, asdict(metrics)


def _read(recording: str | Path | None) -> bytes | None:
    if recording is None:
        return None
    try:
        return Path(recording).read_bytes()
    except OSError as error:
        raise BadReference(f"the reference recording {recording} cannot be read: {error.strerror}") from error
