"""The only door to ``piper-tts``: a voice's sentences as ids, and ids as sound."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from unicodedata import normalize

import numpy as np
from piper.config import PhonemeType, PiperConfig
from piper.voice import PiperVoice

from fishvoiced.backends.onnx_sessions import Array, Runtime, Session
from fishvoiced.errors import ModelStoreError
from fishvoiced.synthesis.audio import Samples

_PIECE = re.compile(
    r"\[[^\[\]]+\]\(/(?P<phones>[^/()]*)/\)"
    r"|(?P<mark>(?<=/\))[,.?!;:])?(?P<text>(?:(?!\[[^\[\]]+\]\(/).)+|$)",
    re.DOTALL,
)
_BEGINNING = re.compile(r"(?<=[.?!] )[a-z]")  # espeak takes a stop before a small letter for no end
_SENTENCE_ENDS = frozenset(".?!")
_SILENT = frozenset(" ,.?!;:")
_LOUDEST = 0.9  # Piper's own normalization would make every sentence, however short, as loud as can be


def phonemizer(config: Path) -> Callable[[str], str]:
    """How a voice with that configuration says a text, in the International Phonetic Alphabet; without its graph."""
    settings = PiperConfig.from_dict(json.loads(config.read_text(encoding="utf-8")))
    voice = PiperVoice(session=None, config=settings, download_dir=config.parent)
    return lambda text: " ".join("".join(sentence).strip() for sentence in _phonemes(voice, text))


def _phonemes(voice: PiperVoice, text: str) -> Iterator[list[str]]:
    """Each sentence's phonemes. ``[word](/phones/)`` is said as it says itself."""
    if voice.config.espeak_voice.startswith("en"):  # given as spoken words, whose sentences begin small
        text = _BEGINNING.sub(lambda letter: letter[0].upper(), text)
    sentence: list[str] = []
    for match in _PIECE.finditer(text):
        if match["phones"] is not None:
            sentence += [" "] * (bool(sentence) and sentence[-1] != " ") + list(normalize("NFD", match["phones"]))
            continue
        if match["mark"]:
            sentence += [match["mark"], " "]
        elif sentence and sentence[-1] != " ":
            sentence.append(" ")
        for number, more in enumerate(voice.phonemize(match["text"]) if match["text"].strip() else ()):
            if number or (match["mark"] and match["mark"] in _SENTENCE_ENDS):
                yield sentence
                sentence = []
            sentence += more
    if any(sign not in _SILENT for sign in sentence):
        yield sentence


class Piper:
    """A Piper voice in memory. Raises ModelStoreError for files that are no such voice, EngineError from the graph."""

    def __init__(self, graph: Path, config: Path, runtime: Runtime) -> None:
        try:
            settings = PiperConfig.from_dict(json.loads(config.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelStoreError(f"{config} is no Piper voice's configuration: {error!r}") from error
        if settings.phoneme_type not in (PhonemeType.ESPEAK, PhonemeType.TEXT):
            raise ModelStoreError(f"{graph.name} needs downloads of Piper's for {settings.phoneme_type.value} text")
        self._voice = PiperVoice(session=_Session(graph, runtime), config=settings, download_dir=graph.parent)
        self.sample_rate: int = settings.sample_rate

    def sentences(self, text: str) -> Iterator[list[int]]:
        """Each sentence's phoneme ids; none for text without anything to say."""
        for phonemes in _phonemes(self._voice, text):
            if phonemes:
                yield self._voice.phonemes_to_ids(phonemes)

    def sound(self, ids: list[int]) -> Samples:
        sound = np.atleast_1d(np.asarray(self._voice.phoneme_ids_to_audio(ids), np.float32))
        return np.clip(sound, -1, 1) * np.float32(_LOUDEST)


class _Session:
    """What the package expects of a session, with our options."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        self._session = Session(path, runtime)

    def run(self, _: None, feeds: dict[str, Array]) -> list[Array]:
        return self._session.run(feeds)
