"""The source voice: flite's ``slt``, asked for sound, phones and where every phone lies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.starter_voice.phones import symbol

RATE = 16000
ROWS, ROW_SAMPLES = 8, 80  # parameter rows per codec frame, samples each
CEPSTRA, STRENGTHS = 25, 5
CHANNELS = 1 + CEPSTRA + STRENGTHS  # pitch in Hz (0: none) comes first
LIBRARIES = ("flite_cmu_us_slt", "flite_usenglish", "flite_cmulex", "flite", "m")
PAUSE = "-"


@dataclass(frozen=True)
class Token:
    """One blank-separated piece of the text (or a pause): its symbols and their ends in seconds."""

    symbols: str
    ends: tuple[float, ...]

    @property
    def is_pause(self) -> bool:
        return not self.symbols


@dataclass(frozen=True)
class Utterance:
    samples: npt.NDArray[np.int16]
    tokens: tuple[Token, ...]
    rows: npt.NDArray[np.float32] | None = None
    """[8 x frames, CHANNELS] of an utterance on the codec's grid"""


def build(work: Path) -> Path:
    """Compile ``flite_speak.c`` (needs a C compiler and Debian's flite1-dev) unless it is there."""
    program = work / "flite_speak"
    source = Path(__file__).with_name("flite_speak.c")
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        command = ["cc", "-O2", "-o", str(program), str(source), *(f"-l{name}" for name in LIBRARIES)]
        subprocess.run(command, check=True)
    return program


def parse(line: str) -> tuple[int, tuple[Token, ...]]:
    """One line of ``flite_speak``'s output → number of samples and the tokens."""
    head, *pieces = line.rstrip("\n").split("\t")
    tokens = []
    for piece in pieces:
        phones = [part.split(":") for part in piece.removeprefix("- ").split()]
        if piece.startswith(PAUSE):
            tokens.append(Token("", tuple(float(end) for _, _, end in phones)))
        else:
            spoken = [(name, stress, end) for name, stress, end in phones if name != "pau"]
            symbols = "".join(symbol(name, stress) for name, stress, _ in spoken)
            tokens.append(Token(symbols, tuple(float(end) for _, _, end in spoken)))
    return int(head.split()[0]), tuple(tokens)


def pronounce(program: Path, lines: Iterable[str]) -> Iterator[tuple[Token, ...]]:
    """Phones of each line, without making sound."""
    text = "\n".join(lines) + "\n"
    done = subprocess.run([program, "-"], input=text, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        yield parse(line)[1]


def speak(program: Path, lines: list[str], scratch: Path) -> Iterator[Utterance]:
    """Sound and phones of each line; ``scratch`` is a file for the samples, removed afterwards."""
    reports, samples = _run(program, lines, [scratch])
    at = 0
    for count, tokens in reports:
        yield Utterance(samples[at : at + count], tokens)
        at += count


def speak_on_grid(program: Path, lines: list[str], scratch: Path) -> Iterator[Utterance]:
    """The same with every phone stretched to whole codec frames, edges cut, and with the parameter rows.

    The time of phones then counts from the first sample.
    """
    file = scratch.with_suffix(".rows")
    reports, samples = _run(program, lines, [scratch, file])
    rows = np.fromfile(file, dtype=np.float32).reshape(-1, CHANNELS)
    file.unlink()
    at = 0
    for count, tokens in reports:
        yield Utterance(samples[at : at + count], tokens, rows[at // ROW_SAMPLES : (at + count) // ROW_SAMPLES])
        at += count


def _run(
    program: Path, lines: list[str], files: list[Path]
) -> tuple[list[tuple[int, tuple[Token, ...]]], npt.NDArray[np.int16]]:
    text = "\n".join(lines) + "\n"
    done = subprocess.run([program, *files], input=text, capture_output=True, text=True, check=True)
    samples = np.fromfile(files[0], dtype=np.int16)
    files[0].unlink()
    return [parse(line) for line in done.stdout.splitlines()], samples
