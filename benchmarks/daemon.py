"""The default voice through the socket: how soon is it heard, how steadily, how soon silent, what does the daemon add?

``python -m benchmarks.daemon [--rounds N] [--json FILE] [--plot FILE.png]`` starts a daemon of its own in a temporary
home. Medians; run it with nothing else running, at raised priority if you may (``nice -n -10``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from fishvoice import Client, paths
from fishvoice.protocol import AudioChunk, AudioEnd, Cancel
from tools.harness.daemon_process import Wire

TEXTS = {
    "10 words": "The weather is nice today and we are going out.",
    "letter": "a",
    "word": "enter",
    "paragraph": "Everything that we have seen was made by hand. It took many years, and nobody remembers who began. "
    "When the last stone was laid, the people came together in the square and sang.",
}
IDLE_SECONDS = 60.0
STORM_PAIRS = 30
STORM_PAUSE_SECONDS = 0.03


@dataclass
class Heard:
    """Figures of one text, in milliseconds unless named otherwise."""

    first_audio: list[float] = field(default_factory=list)
    chunk_gaps: list[float] = field(default_factory=list)
    rtf: list[float] = field(default_factory=list)
    underruns: int = 0


@dataclass
class Interrupted:
    """Speech that was cancelled in the middle, and another sentence asked for in the same moment. Milliseconds."""

    to_last_sample: list[float] = field(default_factory=list)
    to_end: list[float] = field(default_factory=list)
    to_next_first_audio: list[float] = field(default_factory=list)
    chunks_after_end: int = 0
    storm_cost: float = 0.0
    storm_whole: bool = False


@contextmanager
def daemon() -> Iterator[tuple[Client, psutil.Process]]:
    """A daemon of its own, warm, and a client of it."""
    with tempfile.TemporaryDirectory(prefix="fvb", dir="/tmp") as home:
        os.environ["FISHVOICE_HOME"] = home
        with Client(start_timeout=120) as client:
            list(client.synthesize("Warm up, please."))
            yield client, psutil.Process(client.status()["pid"])
            client.shutdown()


def listen(client: Client, text: str, seed: int, heard: Heard) -> None:
    """Speak once, as a listener would play it: from the first sample on, without a pause."""
    asked = time.perf_counter()
    playing_until = last = 0.0
    speech = client.synthesize(text, seed=seed)
    for number, chunk in enumerate(speech):
        now = time.perf_counter()
        if number == 0:
            heard.first_audio.append((now - asked) * 1e3)
            playing_until = now
        else:
            heard.chunk_gaps.append((now - last) * 1e3)
            if now > playing_until:
                heard.underruns += 1
                playing_until = now
        playing_until += chunk.seconds
        last = now
    if speech.metrics is not None and speech.metrics.rtf is not None:
        heard.rtf.append(speech.metrics.rtf)


def interrupt(wire: Wire, seed: int, told: Interrupted) -> None:
    """Cancel a paragraph after its third chunk, and ask for a sentence at once."""
    cancelled = wire.speak(TEXTS["paragraph"], seed=seed)
    heard = 0
    while heard < 3:
        heard += isinstance(wire.receive(), AudioChunk)
    wire.send(Cancel(id=cancelled))
    at = last = time.perf_counter()
    following = wire.speak(TEXTS["10 words"], seed=seed)
    ended = first = None
    while True:
        message, now = wire.receive(), time.perf_counter()
        match message:
            case AudioChunk(id=name) if name == cancelled:
                last = now
                told.chunks_after_end += ended is not None
            case AudioChunk() if first is None:
                first = now
                told.to_next_first_audio.append((now - at) * 1e3)
            case AudioEnd(id=name) if name == cancelled:
                ended = now
                told.to_end.append((now - at) * 1e3)
            case AudioEnd(id=name) if name == following:
                told.to_last_sample.append((last - at) * 1e3)
                return


def storm(wire: Wire, told: Interrupted, undisturbed: float) -> None:
    """Thirty times speak and cancel, 30 ms apart; then a sentence: how much later than ``undisturbed`` is it heard?"""
    cancelled = set()
    for number in range(STORM_PAIRS):
        name = wire.speak(TEXTS["paragraph"], seed=number)
        time.sleep(STORM_PAUSE_SECONDS)
        wire.send(Cancel(id=name))
        cancelled.add(name)
    asked, first, samples = time.perf_counter(), 0.0, 0
    sentence = wire.speak(TEXTS["10 words"], seed=0)
    while True:
        message = wire.receive()
        if isinstance(message, AudioChunk) and message.id == sentence:
            first = first or time.perf_counter()
            samples += len(message.payload or b"")
        if isinstance(message, AudioEnd) and message.id == sentence:
            break
    told.storm_cost = (first - asked) * 1e3 - undisturbed
    again = wire.speak(TEXTS["10 words"], seed=0)
    calm = sum(len(m.payload or b"") for m in wire.until_end(again) if isinstance(m, AudioChunk))
    told.storm_whole = samples == calm


def in_process(rounds: int) -> dict[str, float]:
    """The same sentence without daemon and socket, in a process of its own: median RTF and first audio in ms."""
    code = (
        "import json, statistics as s\n"
        "from fishvoiced import UniversalFishSpeechOptimizer\n"
        "speaker = UniversalFishSpeechOptimizer()\n"
        f"m = [speaker.synthesize({TEXTS['10 words']!r}, seed=i)[2] for i in range({rounds})]\n"
        "print(json.dumps({'rtf': s.median(x['rtf'] for x in m),"
        " 'first_audio': 1e3 * s.median(x['first_audio_seconds'] for x in m)}))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    figures: dict[str, float] = json.loads(out)
    return figures


def idle_share(process: psutil.Process, seconds: float) -> float:
    """Percent of one core that the waiting daemon uses."""
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    return float(100 * (sum(process.cpu_times()[:2]) - before) / seconds)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def run(rounds: int, idle_seconds: float) -> dict[str, object]:
    with daemon() as (client, process):
        status = client.status()
        heard = {name: Heard() for name in TEXTS}
        for seed in range(rounds):
            for name, text in TEXTS.items():
                listen(client, text, seed, heard[name])
        undisturbed = statistics.median(heard["10 words"].first_audio)
        interrupted = Interrupted()
        with Wire(paths.endpoints()) as wire:
            for seed in range(rounds):
                interrupt(wire, seed, interrupted)
            storm(wire, interrupted, undisturbed)
        memory = process.memory_info().rss / 1e6
        idle = idle_share(process, idle_seconds)
        direct = in_process(rounds)
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%d"),
        "voice": status["voice"],
        "engine": f"{status['engine']} {status['precision']}",
        "texts": {name: asdict(figures) for name, figures in heard.items()},
        "in_process": direct,
        "daemon_overhead_ms": undisturbed - direct["first_audio"],
        "interrupted": asdict(interrupted),
        "idle_percent": idle,
        "memory_mb": memory,
    }


def table(figures: dict[str, object]) -> str:
    texts = figures["texts"]
    assert isinstance(texts, dict)
    lines = [f"{figures['voice']}, {figures['engine']}; {figures['machine']}, {figures['date']}", ""]
    lines.append(
        f"{'text':<12}{'first audio p50':>17}{'p99':>9}{'chunk gap p50':>15}{'p99':>9}{'RTF':>8}{'underruns':>11}"
    )
    for name, heard in texts.items():
        first, gaps = heard["first_audio"], heard["chunk_gaps"] or [0.0]
        lines.append(
            f"{name:<12}{statistics.median(first):>14.1f} ms{percentile(first, 0.99):>6.1f} ms"
            f"{statistics.median(gaps):>12.1f} ms{percentile(gaps, 0.99):>6.1f} ms"
            f"{statistics.median(heard['rtf']):>8.3f}{heard['underruns']:>11}"
        )
    direct = figures["in_process"]
    assert isinstance(direct, dict)
    lines += [
        "",
        f"in process: first audio {direct['first_audio']:.1f} ms, RTF {direct['rtf']:.3f}; "
        f"the daemon adds {figures['daemon_overhead_ms']:.1f} ms to the first audio",
        _interruption(figures["interrupted"]),
        f"idle: {figures['idle_percent']:.2f} % of a core; memory {figures['memory_mb']:.0f} MB",
    ]
    return "\n".join(lines)


def _interruption(told: object) -> str:
    assert isinstance(told, dict)
    spans = {name: told[name] for name in ("to_last_sample", "to_end", "to_next_first_audio")}
    p50, p99 = ({name: percentile(span, share) for name, span in spans.items()} for share in (0.5, 0.99))
    whole = "whole" if told["storm_whole"] else "NOT whole"
    return (
        f"cancelled: last sample after {p50['to_last_sample']:.1f} ms (p99 {p99['to_last_sample']:.1f}), its end after "
        f"{p50['to_end']:.1f} ms ({p99['to_end']:.1f}), chunks after that: {told['chunks_after_end']}; "
        f"the next sentence is heard after {p50['to_next_first_audio']:.1f} ms ({p99['to_next_first_audio']:.1f})\n"
        f"{STORM_PAIRS} times speak and cancel: the next sentence is heard {told['storm_cost']:.0f} ms later, {whole}"
    )


def plot(figures: dict[str, object], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    texts = figures["texts"]
    assert isinstance(texts, dict)
    figure, axes = pyplot.subplots(figsize=(7, 3.5))
    axes.boxplot([heard["first_audio"] for heard in texts.values()], tick_labels=list(texts))
    axes.set_ylabel("first audio at the client, ms")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    figures = run(options.rounds, options.idle_seconds)
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if options.plot:
        plot(figures, options.plot)


if __name__ == "__main__":
    main()
