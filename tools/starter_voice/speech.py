"""Synthetic speech with its exact alignment, in shards that an interruption cannot spoil.

Every phoneme ends on the codec's grid (see ``source.py``), so that a frame holds one phoneme and its stress or blank,
never a boundary elsewhere: far fewer different frames to learn, at the price of a rhythm rounded to 50 ms. One
utterance keeps the phonetic string that the voice will be fed, for every token of it the second at which its sound
ends, and what the codebooks are made of; in the first shards also the samples, which the decoder learns from.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fishvoiced.text.misaki import PAUSES, MisakiFrontend, spelled, units
from tools.starter_voice.source import FRAME, RATE, ROW, Source

SHARD = 400  # utterances
AS_SENTENCE = 0.5
"""Share of lines whose words sound as the source's phonemizer has them in their sentence, not as in the lexicon."""

Word = tuple[str, str, tuple[float, ...]]


@dataclass(frozen=True)
class Spoken:
    kind: str
    text: str
    samples: npt.NDArray[np.int16] | None
    rows: npt.NDArray[np.float16]
    """[frames x ROWS, CHANNELS]: the source's parameters (see ``source.py``)"""
    phases: npt.NDArray[np.int8]
    """[frames]: see ``source.Utterance``"""
    words: tuple[Word, ...]
    """Per word, blank or mark: its symbols, its spelling ("" where it has none), the second each unit ends at."""

    @property
    def frames(self) -> int:
        return len(self.rows) * ROW // FRAME


@dataclass(frozen=True)
class Line:
    """What is fed to the voice and what the source is given to say."""

    kind: str
    text: str
    words: tuple[tuple[str, str], ...]
    """Symbols and spelling, blanks and marks included"""

    @property
    def phonemes(self) -> str:
        return "".join(symbols for symbols, _ in self.words)


def read(source: Source, frontend: MisakiFrontend, kind: str, text: str, as_sentence: bool) -> Line | None:
    """The line as the voice's front end reads it; None when it holds a word that only its spelling gives."""
    said: list[tuple[str, str]] = []
    for piece in frontend.pronounced(text):
        if piece.symbols in PAUSES:
            said.append((piece.symbols, ""))
        else:
            said += zip(piece.symbols.split(), piece.spoken.split(), strict=True)
    if as_sentence:
        said = in_context(source, said)
    words: list[tuple[str, str]] = []
    for symbols, word in said:
        if words and word:
            words.append((" ", ""))
        words.append((symbols, spelled(word)))
    line = Line(kind, text, tuple(words))
    return line if line.phonemes and source.knows(line.phonemes) else None


def in_context(source: Source, said: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same words as the source's phonemizer says them in this sentence, where it reads them one by one."""
    text = ""
    for symbols, word in said:
        letter = len(word) == 1 and word.isupper()
        shown = {"i": "I"}.get(word, word) if not letter else f"[{word}](/{symbols}/)"
        text += f" {shown}" if word else symbols
    heard = source.phonemize(text.strip()).split()
    words = [word for _, word in said if word]
    if len(heard) != len(words):
        return list(said)
    told = iter(heard)
    return [(next(told).rstrip(PAUSES), word) if word else (symbols, word) for symbols, word in said]


def closed(phonemes: str) -> str:
    """With a mark at the end: without one the source says a single word or letter less clearly."""
    return phonemes if phonemes[-1] in PAUSES else phonemes + "."


def speak(source: Source, line: Line, seed: int, with_samples: bool) -> Spoken:
    """What the voice learns from a line without a closing mark is spoken as with a full stop."""
    utterance = source.say(closed(line.phonemes), seed)
    words: list[Word] = []
    at = 0
    for symbols, letters in line.words:
        ends = []
        for unit in units(symbols):
            at += len(unit)
            ends.append(round(utterance.ends[at - 1], 4))
        words.append((symbols, letters, tuple(ends)))
    samples = (utterance.samples.clip(-1, 1) * 32767).astype(np.int16) if with_samples else None
    return Spoken(line.kind, line.text, samples, utterance.rows.astype(np.float16), utterance.phases, tuple(words))


def make_shard(
    source: Source, frontend: MisakiFrontend, lines: Sequence[tuple[str, str]], path: Path, with_samples: bool
) -> float:
    """Speak ``lines`` into ``path`` (.npz); returns the seconds of speech in it."""
    made: list[Spoken] = []
    for kind, text in lines:
        dice = random.Random(text)
        line = read(source, frontend, kind, text, dice.random() < AS_SENTENCE)
        if line is not None:
            made.append(speak(source, line, dice.getrandbits(32), with_samples))
    meta = [{"kind": s.kind, "text": s.text, "frames": s.frames, "words": s.words} for s in made]
    arrays: dict[str, Any] = {
        "rows": np.concatenate([s.rows for s in made]),
        "phases": np.concatenate([s.phases for s in made]),
        "meta": np.array(json.dumps(meta)),
    }
    if with_samples:
        arrays["samples"] = np.concatenate([s.samples for s in made if s.samples is not None])
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)
    return sum(s.frames for s in made) * FRAME / RATE


def make(
    source: Source, frontend: MisakiFrontend, lines: list[tuple[str, str]], folder: Path, with_samples: int
) -> None:
    """All shards that are not there yet, the first ``with_samples`` with sound; prints the hours as they grow."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    for number, at in enumerate(range(0, len(lines), SHARD)):
        path = folder / f"{number:04d}.npz"
        if not path.exists():
            seconds += make_shard(source, frontend, lines[at : at + SHARD], path, number < with_samples)
            print(f"shard {number}: {seconds / 3600:.2f} h of new speech", flush=True)


def read_shard(path: Path) -> Iterator[Spoken]:
    with np.load(path) as data:
        rows, phases, meta = data["rows"], data["phases"], json.loads(str(data["meta"]))
        samples = data.get("samples")
    at = 0
    for one in meta:
        words = tuple((s, c, tuple(e)) for s, c, e in one["words"])
        end = at + one["frames"]
        sound = samples[at * FRAME : end * FRAME] if samples is not None else None
        mine = rows[at * FRAME // ROW : end * FRAME // ROW]
        yield Spoken(one["kind"], one["text"], sound, mine, phases[at:end], words)
        at = end


def has_sound(path: Path) -> bool:
    with np.load(path) as data:
        return "samples" in data
