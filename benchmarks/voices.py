"""Voices side by side, in one run: words understood, quality, fast speech, letters and keys, cost, first sound, memory.

``python -m benchmarks.voices [--voices A,B] [--speeds 1.5,2,3] [--json FILE] [--plot FILE.png]`` starts a daemon of its
own and asks it for ours; espeak-ng, flite, hibari and Piper are asked directly, each in a process of its own. What is
not installed is left out. Needs the extra ``judge``. Silence around speech is cut off, and the same put there, before
anybody listens, and the real-time factor is per second of what is audible; "first audible" counts a voice's leading
silence unless it is a neighbor's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil

from benchmarks import neighbors
from benchmarks.daemon import daemon
from benchmarks.ears import ListEar, QualityJudge, Whisper, plain_words, word_errors
from benchmarks.quality import SENTENCES
from fishvoice import Client
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.edges import audible

LOUD = 0.02  # of full scale: what a listener notices first
SILENCE_SECONDS = 0.3
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
KEYS = (
    *("enter", "escape", "tab", "space", "return", "delete", "insert", "home", "end", "page up", "page down", "up"),
    *("down", "left", "right", "shift", "control", "alt", "menu", "link", "button", "check box", "checked"),
    *("heading", "list", "table", "row", "column", "edit", "blank", "selected", "graphic", "window", "dialog", "yes"),
    *(
        "no",
        "on",
        "off",
        "open",
        "close",
        "save",
        "cancel",
        "help",
        "print",
        "copy",
        "paste",
        "cut",
        "undo",
        "find",
        "next",
    ),
)
TIMED = {
    "10 words": "The weather is nice today and we are going out.",
    "letter": "b",
    "40 words": "When the long winter had finally ended the farmers opened the gates of the valley and counted what "
    "was left of their animals before they all walked down to the river where the boats were waiting to take them to "
    "the market in the big city.",
}


@dataclass(frozen=True)
class Said:
    """``first_seconds``: until the first audible sample could be played."""

    samples: Samples
    rate: int
    seconds: float
    first_seconds: float


Say = Callable[[str, float], Said]


@dataclass
class Figures:
    """Of one voice; ``word_errors`` by speed, ``understood`` of each list, times in milliseconds."""

    voice: str
    word_errors: dict[float, float] = field(default_factory=dict)
    p808: dict[float, float] = field(default_factory=dict)
    signal: float | None = None
    understood: dict[str, int] = field(default_factory=dict)
    rtf: float | None = None
    first_audible: dict[str, float] = field(default_factory=dict)
    megabytes: float | None = None


class Listeners:
    """All the ears, made once."""

    def __init__(self, lists: bool) -> None:
        self.whisper, self.judge = Whisper(2), QualityJudge()
        self.lists = {"letters": LETTERS, "digits": DIGITS, "keys": KEYS} if lists else {}
        self._ears = {name: ListEar(phrases) for name, phrases in self.lists.items()}

    def understood(self, name: str, say: Say) -> int:
        """How many phrases of a list are taken for what they are."""
        right = 0
        for phrase in self.lists[name]:
            said = say(phrase.upper() if len(phrase) == 1 else phrase, 1.0)
            right += self._ears[name].heard(framed(said, 0.05), said.rate) == phrase
        return right

    def listen(self, texts: Sequence[str], say: Say, speed: float, figures: Figures) -> None:
        """Word errors and quality of ``texts`` at ``speed``; at 1, also the real-time factor."""
        said = [say(text, speed) for text in texts]
        wanted = [plain_words(text) for text in texts]
        heard = [plain_words(self.whisper.heard(framed(each), each.rate)) for each in said]
        errors = sum(word_errors(*pair) for pair in zip(wanted, heard, strict=True))
        quality = [self.judge.judge(framed(each), each.rate) for each in said]
        figures.word_errors[speed] = errors / sum(map(len, wanted))
        figures.p808[speed] = statistics.mean(each.p808 for each in quality)
        if speed == 1:
            figures.signal = statistics.mean(each.signal for each in quality)
            figures.rtf = sum(each.seconds for each in said) / sum(audible_seconds(each) for each in said)


def framed(said: Said, seconds: float = SILENCE_SECONDS) -> Samples:
    """What is audible, with so much silence on either side, whatever the voice had put there."""
    start, end = audible(said.samples, said.rate)
    quiet = np.zeros(round(seconds * said.rate), np.float32)
    return np.concatenate([quiet, said.samples[start:end], quiet])


def audible_seconds(said: Said) -> float:
    """Without the silence around it, of which neighbors put up to a second into their sound."""
    start, end = audible(said.samples, said.rate)
    return (end - start) / said.rate


def leading_seconds(samples: Samples, rate: int) -> float:
    loud = np.flatnonzero(np.abs(samples) > LOUD)
    return len(samples) / rate if not len(loud) else int(loud[0]) / rate


def ours(client: Client, voice: str) -> Say:
    def say(text: str, speed: float) -> Said:
        asked, first, chunks, rate = time.perf_counter(), None, [np.zeros(0, np.float32)], 1
        for chunk in client.synthesize(text, voice=voice, speed=speed, seed=1):
            rate = chunk.sample_rate
            chunks.append(np.frombuffer(chunk.pcm, "<i2").astype(np.float32) / np.float32(32768))
            if first is None:
                first = time.perf_counter() - asked
        sound = np.concatenate(chunks)
        return Said(sound, rate, time.perf_counter() - asked, (first or 0.0) + leading_seconds(sound, rate))

    return say


_neighbor: neighbors.Speak


def _open(name: str) -> int:
    """In the neighbor's process: its memory before anything is said."""
    global _neighbor
    _neighbor = neighbors.NEIGHBORS[name]()
    return psutil.Process().memory_info().rss


def _say(text: str, speed: float) -> Said:
    began = time.perf_counter()
    samples, rate = _neighbor(text, speed)
    seconds = time.perf_counter() - began
    return Said(samples, rate, seconds, seconds)


def _memory() -> int:
    return psutil.Process().memory_info().rss


def neighbor(name: str, stack: ExitStack) -> tuple[Say, Callable[[], int]]:
    """A neighbor in a process of its own. Raises whatever opening it raises."""
    pool = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
    pool.submit(_open, name).result()
    return lambda text, speed: pool.submit(_say, text, speed).result(), lambda: pool.submit(_memory).result()


def voices(
    client: Client, process: psutil.Process, wanted: set[str], stack: ExitStack
) -> Iterator[tuple[str, Say, Callable[[], int]]]:
    """Name, how to say, and the memory in bytes of every voice that is here."""
    for info in client.voices():
        if info.unavailable is None and (not wanted or info.name in wanted):
            yield info.name, ours(client, info.name), lambda: process.memory_info().rss
    for name in neighbors.NEIGHBORS:
        if not wanted or name in wanted:
            try:
                yield (name, *neighbor(name, stack))
            except Exception as error:  # noqa: BLE001 - a program that is not there, a package that is not
                print(f"{name} is left out: {error}", file=sys.stderr)


def time_first(
    found: Sequence[tuple[str, Say, Callable[[], int]]], rounds: int, all_figures: dict[str, Figures]
) -> None:
    """All voices in turns, so that what disturbs one disturbs all."""
    for kind, text in TIMED.items():
        seconds: dict[str, list[float]] = {name: [] for name, _, _ in found}
        for _ in range(rounds):
            for name, say, _ in found:
                seconds[name].append(say(text, 1.0).first_seconds)
        for name, values in seconds.items():
            all_figures[name].first_audible[kind] = round(1e3 * statistics.median(values), 1)


def table(found: Sequence[Figures], speeds: Sequence[float]) -> str:
    heads = [
        "voice",
        *(f"errors {speed:g}x" for speed in speeds),
        "P.808",
        *(f"P.808 {s:g}x" for s in speeds[1:]),
        "signal",
    ]
    heads += ["letters", "digits", "keys", "RTF", *(f"first, {kind}" for kind in TIMED), "MB"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for each in found:
        cells = [each.voice, *(f"{each.word_errors[s]:.1%}" for s in speeds), *(f"{each.p808[s]:.2f}" for s in speeds)]
        cells.append("-" if each.signal is None else f"{each.signal:.2f}")
        cells += [str(each.understood.get(name, "-")) for name in ("letters", "digits", "keys")]
        cells.append("-" if each.rtf is None else f"{each.rtf:.4f}")
        cells += [f"{each.first_audible[kind]:.0f} ms" if kind in each.first_audible else "-" for kind in TIMED]
        cells.append("-" if each.megabytes is None else f"{each.megabytes:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(found: Sequence[Figures], speeds: Sequence[float], file: Path) -> None:
    import matplotlib.pyplot as plt

    figure, (errors, quality) = plt.subplots(1, 2, figsize=(12, 5))
    for each in found:
        errors.plot(speeds, [100 * each.word_errors[speed] for speed in speeds], marker="o", label=each.voice)
        quality.plot(speeds, [each.p808[speed] for speed in speeds], marker="o", label=each.voice)
    errors.set(xlabel="speed", ylabel="word errors, %", title="Understood (Whisper tiny.en)")
    quality.set(xlabel="speed", ylabel="P.808", title="Quality (DNSMOS)")
    errors.legend()
    figure.tight_layout()
    figure.savefig(file)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Voices side by side.")
    parser.add_argument("--voices", default="", help="names, parted by commas; default: all that are here")
    parser.add_argument("--sentences", type=int, default=20)
    parser.add_argument("--speeds", default="1.5,2,3", help="besides 1")
    parser.add_argument("--rounds", type=int, default=15, help="of timing the first sound; 0: do not")
    parser.add_argument("--no-lists", action="store_true", help="no letters, digits and keys")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args(argv)
    speeds = [1.0, *(float(speed) for speed in options.speeds.split(",") if speed)]
    wanted = {name for name in options.voices.split(",") if name}
    with ExitStack() as stack:
        client, process = stack.enter_context(daemon())
        found = list(voices(client, process, wanted, stack))
        figures = {name: Figures(name) for name, _, _ in found}
        for _, say, _ in found:
            say("Warm up, please.", 1.0)
        if options.rounds:
            time_first(found, options.rounds, figures)
        listeners = Listeners(lists=not options.no_lists)
        for name, say, memory in found:
            for speed in speeds:
                listeners.listen(SENTENCES[: options.sentences], say, speed, figures[name])
            for phrases in listeners.lists:
                figures[name].understood[phrases] = listeners.understood(phrases, say)
            figures[name].megabytes = memory() / 1e6
            print(table([figures[name]], speeds).splitlines()[-1], flush=True)
    print(table(list(figures.values()), speeds))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in figures.values()], indent=2), encoding="utf-8")
    if options.plot:
        plot(list(figures.values()), speeds, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
