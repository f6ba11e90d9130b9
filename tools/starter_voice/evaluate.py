"""Judging the voice on sentences it never saw: words understood, quality of the sound, endings, single keys, speed.

The ears are those of ``benchmarks.ears``: Whisper counts word errors of the voice and of its source saying the same
sentences, DNSMOS judges the sound. Letters, digits and short words are named by the likest rendering of the source
voice (dynamic time warping over log-mel spectra).
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.ears import QualityJudge, Whisper, plain_words, word_errors
from benchmarks.quality import SENTENCES
from tools.starter_voice.metrics import Samples, dropped_or_repeated, nearest_names, trailing_silence
from tools.starter_voice.say import SourceVoice, Voice

CHARACTERS = (*"abcdefghijklmnopqrstuvwxyz0123456789", *"AEHJKOQUWXZ", "10", "11", "12")
SHORT_WORDS = (
    *("yes", "no", "OK", "enter", "escape", "tab", "space", "delete", "insert", "home", "end", "up", "down"),
    *("left", "right", "shift", "control", "alt", "menu", "button", "link", "heading", "list", "table"),
    *("checked", "open", "close", "save", "copy", "paste", "cut", "undo", "find", "next", "back", "stop"),
    *("start", "line", "page", "row", "column", "file", "window", "edit", "error", "help", "exit", "on"),
    *("off", "true"),
)
MAX_SILENCE = 0.3


@dataclass(frozen=True)
class Sentence:
    text: str
    seed: int
    heard: str
    errors: int
    source_errors: int
    words: int
    p808: float
    source_p808: float
    seconds: float
    source_seconds: float
    took: float
    """Seconds of computing, for the voice"""
    silence: float
    broken: bool


@dataclass(frozen=True)
class Report:
    """Everything that goes into the model card."""

    sentences: int
    seeds: int
    source_wer: float
    wer: float
    wer_per_seed: list[float]
    source_p808: float
    p808: float
    rtf: float
    dropped_or_repeated: int
    silence_over_limit: int
    longest_silence: float
    characters: float
    short_words: float
    wrong: list[str]
    machine: str
    date: str
    minutes: float


def plain_sentences() -> list[str]:
    """A hundred sentences as people write them, on which nothing was trained."""
    return [*SENTENCES, *Path(__file__).with_name("plain.txt").read_text(encoding="utf-8").splitlines()]


def judge_sentences(
    voice: Voice, source: SourceVoice, texts: Sequence[str], seeds: int
) -> tuple[list[Sentence], dict[tuple[str, int], Samples]]:
    """Every text by the source once and by the voice at every seed; and the voice's audio."""
    ear, quality = Whisper(), QualityJudge()
    results, audio = [], {}
    for text in texts:
        wanted = plain_words(text)
        original = source(text, 0)
        source_errors = word_errors(wanted, plain_words(ear.heard(original, source.rate)))
        source_p808 = quality.judge(original, source.rate).p808
        for seed in range(seeds):
            begun = time.perf_counter()
            samples = voice(text, seed)
            took = time.perf_counter() - begun
            heard = plain_words(ear.heard(samples, voice.rate))
            seconds, source_seconds = len(samples) / voice.rate, len(original) / source.rate
            results.append(
                Sentence(
                    text=text,
                    seed=seed,
                    heard=" ".join(heard),
                    errors=word_errors(wanted, heard),
                    source_errors=source_errors,
                    words=len(wanted),
                    p808=quality.judge(samples, voice.rate).p808,
                    source_p808=source_p808,
                    seconds=seconds,
                    source_seconds=source_seconds,
                    took=took,
                    silence=trailing_silence(samples, voice.rate),
                    broken=dropped_or_repeated(wanted, heard, seconds, source_seconds),
                )
            )
            audio[text, seed] = samples
            print(f"{results[-1].errors}/{len(wanted)} ({source_errors}) {text} | {' '.join(heard)}", flush=True)
    return results, audio


def judge_names(voice: Voice, source: SourceVoice, names: Sequence[str]) -> list[tuple[str, str]]:
    """Names whose rendering is likest another one's: (said, taken for)."""
    original = {name: source(name, 0) for name in names}
    made = {name: _resampled(voice(name, 0), voice.rate, source.rate) for name in names}
    found = nearest_names(made, original, source.rate)
    said = {name: source.frontend(name) for name in names}
    return [(name, other) for name, other in found.items() if said[name] != said[other]]


def evaluate(voice: Voice, source: SourceVoice, texts: Sequence[str], seeds: int, out: Path) -> Report:
    """Judge, print a table, write ``report.json``, ``sentences.json`` and the ten worst as WAV into ``out``."""
    import soundfile

    out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    results, audio = judge_sentences(voice, source, texts, seeds)
    wrong_characters = judge_names(voice, source, CHARACTERS)
    wrong_words = judge_names(voice, source, SHORT_WORDS)
    words = sum(r.words for r in results)
    report = Report(
        sentences=len(texts),
        seeds=seeds,
        source_wer=sum(r.source_errors for r in results) / max(1, words),
        wer=sum(r.errors for r in results) / max(1, words),
        source_p808=_mean([r.source_p808 for r in results]),
        p808=_mean([r.p808 for r in results]),
        rtf=sum(r.took for r in results) / max(0.01, sum(r.seconds for r in results)),
        wer_per_seed=[
            sum(r.errors for r in results if r.seed == s) / max(1, sum(r.words for r in results if r.seed == s))
            for s in range(seeds)
        ],
        dropped_or_repeated=sum(r.broken for r in results),
        silence_over_limit=sum(r.silence > MAX_SILENCE for r in results),
        longest_silence=max((r.silence for r in results), default=0.0),
        characters=1 - len(wrong_characters) / len(CHARACTERS),
        short_words=1 - len(wrong_words) / len(SHORT_WORDS),
        wrong=[f"{said} as {taken}" for said, taken in wrong_characters + wrong_words],
        machine=f"{platform.machine()}, {platform.system()}",
        date=time.strftime("%Y-%m-%d"),
        minutes=(time.monotonic() - begun) / 60,
    )
    (out / "report.json").write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    (out / "sentences.json").write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n", encoding="utf-8")
    worst = sorted(results, key=lambda r: (r.broken, r.errors - r.source_errors), reverse=True)[:10]
    for place, result in enumerate(worst):
        soundfile.write(out / f"worst_{place}.wav", audio[result.text, result.seed], voice.rate)
    (out / "worst.txt").write_text(
        "".join(f"worst_{i}.wav: {r.text} | heard: {r.heard}\n" for i, r in enumerate(worst)), encoding="utf-8"
    )
    print(table(report))
    return report


def _resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    import soxr

    return np.asarray(soxr.resample(samples, rate, wanted), np.float32)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))


def table(report: Report) -> str:
    rows = [
        ("sentences x seeds", f"{report.sentences} x {report.seeds}"),
        ("word errors, source voice", f"{report.source_wer:.1%}"),
        ("word errors, this voice", f"{report.wer:.1%} ({', '.join(f'{w:.1%}' for w in report.wer_per_seed)})"),
        ("P.808, source voice", f"{report.source_p808:.2f}"),
        ("P.808, this voice", f"{report.p808:.2f}"),
        ("computing per second of speech", f"{report.rtf:.2f} s"),
        ("dropped or repeated", str(report.dropped_or_repeated)),
        (f"silence at the end over {MAX_SILENCE} s", f"{report.silence_over_limit} ({report.longest_silence:.2f} s)"),
        ("letters and digits recognized", f"{report.characters:.0%}"),
        ("short words recognized", f"{report.short_words:.0%}"),
        ("taken for another", "; ".join(report.wrong) or "none"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
