"""Synthetic speech with its exact alignment, in shards that an interruption cannot spoil.

Every phone takes a whole number of codec frames (see ``flite_speak.c``), so that a frame
holds one phone and never a boundary somewhere inside: far fewer different frames to
learn, at the price of a rhythm rounded to 40 ms. One utterance keeps the samples
(16 kHz), what the codebooks are made of, the phonetic string that the voice will be fed
and, for every character of it, the second at which its sound ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fishvoiced.text.english import EnglishFrontend, Pronounced, spelled
from tools.starter_voice import flite

FRAME = flite.ROWS * flite.ROW_SAMPLES
SHARD = 400


@dataclass(frozen=True)
class Spoken:
    kind: str
    text: str
    samples: npt.NDArray[np.int16]
    rows: npt.NDArray[np.float16]
    """[8 x frames, CHANNELS]: the source's parameters (see ``flite.py``)"""
    words: tuple[tuple[str, str, tuple[float, ...]], ...]
    """Per word or mark: phone characters, spelling in capitals ("" where it has none), ends of the phones."""


def align(pieces: list[Pronounced], utterance: flite.Utterance, kind: str, text: str) -> Spoken | None:
    """Join the front end's words with flite's; None when the two read the text differently.

    Where flite's phones for a word are fewer or more than the lexicon's (it says "the"
    in two ways), the word's time is shared evenly.
    """
    assert utterance.rows is not None
    spoken = [token for token in utterance.tokens if not token.is_pause]
    words: list[tuple[str, str, tuple[float, ...]]] = []
    at, previous = 0, 0.0
    for piece in pieces:
        if piece.symbols in ",.?!":
            words.append((piece.symbols, "", (previous,)))
            continue
        for word, symbols in zip(piece.spoken.split(), piece.symbols.split(), strict=True):
            if at == len(spoken):
                return None
            ends = spoken[at].ends
            begin = _start_of(utterance.tokens, spoken[at], previous)
            if len(ends) != len(symbols):
                step = (ends[-1] - begin) / len(symbols)
                ends = tuple(begin + step * (i + 1) for i in range(len(symbols)))
            words.append((symbols, spelled(word), ends))
            previous = ends[-1]
            at += 1
    if at != len(spoken) or not at:
        return None
    return Spoken(kind, text, utterance.samples, utterance.rows.astype(np.float16), tuple(words))


def _start_of(tokens: tuple[flite.Token, ...], token: flite.Token, previous: float) -> float:
    """Where a token begins: after the pause before it, if there is one within the utterance."""
    index = next(i for i, t in enumerate(tokens) if t is token)
    before = tokens[index - 1] if index > 1 else None
    return before.ends[-1] if before is not None and before.is_pause else previous


def make_shard(program: Path, frontend: EnglishFrontend, lines: list[tuple[str, str]], path: Path) -> float:
    """Speak ``lines`` into ``path`` (.npz); returns the seconds of speech in it."""
    pieces = [list(frontend.pronounced(text)) for _, text in lines]
    said = [frontend.spoken(text) for _, text in lines]
    keep = [i for i, s in enumerate(said) if s and all(p.symbols for p in pieces[i])]
    voices = flite.speak_on_grid(program, [said[i] for i in keep], path.with_suffix(".raw"))
    out = []
    for i, utterance in zip(keep, voices, strict=True):
        one = align(pieces[i], utterance, *lines[i])
        if one is not None:
            out.append(one)
    samples = np.concatenate([u.samples for u in out])
    rows = np.concatenate([u.rows for u in out])
    meta = [{"kind": u.kind, "text": u.text, "count": len(u.samples), "words": u.words} for u in out]
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, samples=samples, rows=rows, meta=np.array(json.dumps(meta)))
    temporary.replace(path)
    return len(samples) / flite.RATE


def make(program: Path, frontend: EnglishFrontend, lines: list[tuple[str, str]], folder: Path) -> None:
    """All shards that are not there yet; prints the hours as they grow."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    for number, at in enumerate(range(0, len(lines), SHARD)):
        path = folder / f"{number:04d}.npz"
        if not path.exists():
            seconds += make_shard(program, frontend, lines[at : at + SHARD], path)
            print(f"shard {number}: {seconds / 3600:.2f} h of new speech", flush=True)


def read_shard(path: Path) -> Iterator[Spoken]:
    with np.load(path) as data:
        samples, rows, meta = data["samples"], data["rows"], json.loads(str(data["meta"]))
    at = 0
    for one in meta:
        words = tuple((s, c, tuple(e)) for s, c, e in one["words"])
        end = at + one["count"]
        part = rows[at // flite.ROW_SAMPLES : end // flite.ROW_SAMPLES]
        yield Spoken(one["kind"], one["text"], samples[at:end], part, words)
        at = end
