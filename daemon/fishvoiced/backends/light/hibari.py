"""The only door to ``hibari-tts`` (Apache-2.0): phonemes of English words, what its network says of them, the sound.

Of the package's own text reading only the pronunciation of words is used. Its graph computes how long every phoneme
lasts without giving it out; one more output, appended to the file in memory, tells it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hibari.dsp
import hibari.voices
import numpy as np
from hibari.g2p import G2P
from hibari.g2p.oov import OOV
from hibari.g2p.token import Tok
from numpy.typing import NDArray

from fishvoiced.backends.light.spoken import Token
from fishvoiced.backends.onnx_sessions import Array, Runtime, Session
from fishvoiced.errors import VoiceUnavailable
from fishvoiced.synthesis.audio import Samples

SAMPLE_RATE: int = hibari.dsp.SR
FRAME_SAMPLES: int = hibari.dsp.HOP
FRAMES_PER_UNIT = 2  # durations are told in units of 25 ms
LEAST_FRAMES = 4  # one window of the inverse Fourier transform

_ASSETS = Path(hibari.voices.ASSETS)
_RUNTIME = Runtime(threads=1, spinning=False)
_DURATIONS = b"/Round_output_0"
_PAD = 0
_GIVEN = 5  # the package's rating of pronunciations that nobody is to change
_QUOTES = '“”" '
_FIRST_PERSON = re.compile(r"^i(?=$|')")


@dataclass(frozen=True)
class Parameters:
    """What the network says of a string of phonemes, every 12.5 ms: five parts of the spectrum [601, frames] and the
    pitch [frames]; ``ends``: the frame behind each phoneme's last one, the silence before the first counted as one.
    """

    parts: tuple[NDArray[np.float32], ...]
    ends: NDArray[np.int64]

    def sound(self, start: int, end: int, random: np.random.Generator) -> Samples:
        """Frames [start, end) as sound; ``random`` draws its noise."""
        if end - start < LEAST_FRAMES:
            return np.zeros(0, np.float32)
        sound: Samples = hibari.dsp.synth(*(part[..., start:end] for part in self.parts), random)
        return sound


class Network:
    """One voice's graph."""

    def __init__(self, path: Path) -> None:
        self._session = Session(path, _RUNTIME, appended=_graph_output(_DURATIONS))
        self._ids: dict[str, int] = json.loads((_ASSETS / "vocab.json").read_text(encoding="utf-8"))

    def parameters(self, phonemes: str) -> Parameters:
        """Of characters of `known` only: others cannot be placed in time."""
        ids = [_PAD, *(self._ids[phoneme] for phoneme in phonemes), _PAD]
        feeds: dict[str, Array] = {"ids": np.array([ids], np.int64), "speed": np.ones(1, np.float32)}
        *parts, units = self._session.run(feeds)
        return Parameters(tuple(part[0] for part in parts), np.cumsum(units.astype(np.int64)) * FRAMES_PER_UNIT)

    def known(self, phonemes: str) -> str:
        """``phonemes`` without characters that the network has never seen."""
        return "".join(phoneme for phoneme in phonemes if phoneme in self._ids)


class Reader:
    """How English words are pronounced; the words around them decide where spelling alone does not."""

    def __init__(self, *, british: bool) -> None:
        oov = _ASSETS / ("oov_gb.onnx" if british else "oov.onnx")
        self._g2p = G2P(oov=OOV(str(oov), session=_Session(oov)), british=british)

    def __contains__(self, word: object) -> bool:
        """Whether the dictionaries have ``word``, however it is spelled."""
        return isinstance(word, str) and (word in self._g2p.lexicon.golds or word in self._g2p.lexicon.silvers)

    def phonemes(self, tokens: Sequence[Token]) -> list[str]:
        """Of each token; a mark's are the mark itself, "" is what has no pronunciation."""
        pieces = [piece for token in tokens for piece in self._pieces(token)]
        for piece, tag in zip(pieces, self._g2p.tagger([piece.text for piece in pieces]), strict=True):
            piece.tag = tag
        read, word = [], ""
        for piece in self._g2p.phonemize_tokens(pieces):
            word += piece.phonemes or ""
            if piece.whitespace:  # which only the last piece of a token has
                read.append(word.strip(_QUOTES))
                word = ""
        return read

    def _pieces(self, token: Token) -> list[Tok]:
        given = token.text if token.is_mark else token.phonemes
        if token.is_letter:
            given = self._g2p.lexicon.golds.get(token.text)
        if given is not None:
            return [Tok(token.text, whitespace=" ", phonemes=given, rating=_GIVEN)]
        texts = [text for text, _ in self._g2p.tokenizer(_FIRST_PERSON.sub("I", token.text))]
        return [Tok(text, whitespace="" if i + 1 < len(texts) else " ") for i, text in enumerate(texts)]


class _Session:
    """What the package expects of a session, with our options."""

    def __init__(self, path: Path) -> None:
        self._session = Session(path, _RUNTIME)

    def run(self, _: None, feeds: dict[str, Array]) -> list[Array]:
        return self._session.run(feeds)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the package tells of one of its voices."""

    language: str
    description: str
    british: bool
    path: Path
    """Where its graph is, or will be once it was fetched."""
    size: int


def known_voices() -> dict[str, Facts]:
    """The package's voices by name, in its own order."""
    return {name: _facts(entry) for name, entry in hibari.voices.VOICES.items()}


def fetch(name: str) -> Path:
    """The graph of a voice, downloaded once from where the package says, and checked. Raises VoiceUnavailable."""
    try:
        return Path(hibari.voices.voice_path(name))
    except (RuntimeError, OSError) as error:
        raise VoiceUnavailable(str(error).removeprefix("hibari: ")) from error


def _facts(entry: dict[str, Any]) -> Facts:
    folder = _ASSETS if entry.get("bundled") else Path(hibari.voices.cache_dir())
    description = f"{entry['accent']} {entry['gender']}, from Kokoro's {entry['kokoro']}"
    return Facts(entry["language"], description, entry["british"], folder / entry["file"], entry["bytes"])


def _graph_output(name: bytes) -> bytes:
    """A ModelProto that has nothing but a graph with this output (fields 7, 12 and 1 of onnx.proto)."""
    return _field(7, _field(12, _field(1, name)))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content  # both below 128
