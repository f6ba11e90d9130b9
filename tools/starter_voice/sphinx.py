"""A second ear, pocketsphinx: fast, and it follows the speed of speech; it understands natural voices less well."""

from __future__ import annotations

import numpy as np
import soxr

from benchmarks.ears import plain_words
from tools.starter_voice.metrics import Samples

RATE = 16000


class Ear:
    """pocketsphinx with its own American English model."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder  # type: ignore[import-untyped]

        self._decoder = Decoder(loglevel="FATAL")

    def __call__(self, samples: Samples, rate: int = RATE) -> list[str]:
        padded = np.pad(np.asarray(soxr.resample(samples, rate, RATE), np.float32), (RATE // 5, RATE // 5))
        pcm = (np.clip(padded, -1, 1) * 32767).astype(np.int16)
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return plain_words(heard.hypstr) if heard else []
