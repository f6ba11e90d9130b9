"""Hearing words: pocketsphinx over what the microphone has recorded."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

import numpy as np
from pocketsphinx import Decoder
from scipy.signal import resample_poly

from tests.integration.rig import RATE, Samples

EAR_RATE = 16000


def heard_words(samples: Samples) -> list[str]:
    """What an American English ear takes ``samples`` for."""
    sound = resample_poly(samples.astype(np.float64), EAR_RATE // 100, RATE // 100)
    loud = np.flatnonzero(np.abs(sound) > 100)
    if not len(loud):
        return []
    sound = np.pad(sound[loud[0] : loud[-1] + 1], EAR_RATE // 5)
    decoder = Decoder(loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(np.clip(sound, -32768, 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return words(found.hypstr) if found else []


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def found(wanted: str, heard: list[str]) -> float:
    """The share of the words of ``wanted`` that were heard, in their order."""
    matcher = SequenceMatcher(None, words(wanted), heard, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(words(wanted))
