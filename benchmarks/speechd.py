"""How soon does a screen reader's user hear something, and how soon nothing more?

``python -m benchmarks.speechd`` runs the default voice behind a real speech-dispatcher with PulseAudio's null sink
(``.ci/integration --install`` installs both) and prints medians in milliseconds: from starting ``spd-say`` to the
first audible sample, for a sentence and for a letter, and from asking for silence to the last one. Exit status 1
if a limit is broken. Other programs' load disturbs it: run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from statistics import median

from tools.harness.desktop import Desktop, desktop, eventually, missing
from tools.harness.ssip import Client, connected

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "Three new messages have arrived this morning.",
    "Please close the door when you leave the house.",
    "The train to the coast leaves in ten minutes.",
    "Your document has been saved and closed.",
)
LETTERS = "bdfhk"
SENTENCE_LIMIT, LETTER_LIMIT, SILENCE_LIMIT = 150.0, 80.0, 40.0


@dataclass(frozen=True)
class Result:
    """Medians in milliseconds. ``floor`` is how long ``spd-say`` takes to start and connect, without any speech."""

    sentence: float
    letter: float
    silence: float
    floor: float
    runs: int
    load: float

    @property
    def passed(self) -> bool:
        return self.sentence <= SENTENCE_LIMIT and self.letter <= LETTER_LIMIT and self.silence <= SILENCE_LIMIT


def main() -> int:
    parser = argparse.ArgumentParser(description="Time to sound and to silence through speech-dispatcher.")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    absent = missing()
    if absent:
        sys.exit(f"not installed: {', '.join(absent)}; .ci/integration --install installs them")
    with desktop(os.environ.get("FISHVOICE_TEST_HOME"), "fishvoiced") as here, connected(here) as client:
        here.run("spd-say", "-w", "Ready.")
        result = measure(here, client, arguments.runs)
    if arguments.json:
        sys.stdout.write(json.dumps(asdict(result)) + "\n")
    else:
        sys.stdout.write(table(result))
    return 0 if result.passed else 1


def measure(here: Desktop, client: Client, runs: int) -> Result:
    sentences = [sound(here, SENTENCES[run % len(SENTENCES)]) for run in range(runs)]
    letters = [sound(here, LETTERS[run % len(LETTERS)]) for run in range(runs)]
    silences = [silence(here, client) for _ in range(runs)]
    floors = [floor(here) for _ in range(runs)]
    milliseconds = [1000 * median(each) for each in (sentences, letters, silences, floors)]
    return Result(*(round(each, 1) for each in milliseconds), runs=runs, load=round(os.getloadavg()[0], 1))


def sound(here: Desktop, text: str) -> float:
    """Seconds from starting ``spd-say`` to the first audible sample."""
    quiet(here)
    since, begun = here.microphone.position, time.monotonic()
    here.run("spd-say", "-o", "fishvoice", "-l", "en", "-w", text)
    eventually(lambda: here.microphone.first_audible(since) is not None)
    first = here.microphone.first_audible(since)
    assert first is not None
    return here.microphone.time_of(first) - begun


def silence(here: Desktop, client: Client) -> float:
    """Seconds from asking for silence, in the middle of speech, to the last audible sample."""
    quiet(here)
    since = here.microphone.position
    client.ssip.speak(" ".join(SENTENCES))
    eventually(lambda: here.microphone.first_audible(since) is not None)
    time.sleep(0.8)
    eventually(lambda: not here.microphone.quiet_for(0.03))
    asked = time.monotonic()
    client.ssip.cancel()
    eventually(lambda: here.microphone.quiet_for(0.3))
    last = here.microphone.last_audible(since)
    assert last is not None
    return max(0.0, here.microphone.time_of(last) - asked)


def floor(here: Desktop) -> float:
    begun = time.monotonic()
    here.run("spd-say", "-S")
    return time.monotonic() - begun


def quiet(here: Desktop) -> None:
    eventually(lambda: here.microphone.quiet_for(0.3))


def table(result: Result) -> str:
    rows = (
        ("spd-say to first audible sample, a sentence", result.sentence, SENTENCE_LIMIT),
        ("spd-say to first audible sample, a letter", result.letter, LETTER_LIMIT),
        ("cancel to silence", result.silence, SILENCE_LIMIT),
    )
    lines = [f"{name:45} {value:7.1f} ms   limit {limit:g} ms" for name, value, limit in rows]
    lines.append(f"{'of which spd-say itself':45} {result.floor:7.1f} ms")
    lines.append(f"medians of {result.runs}, load {result.load:g} on {os.cpu_count()} CPUs")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
