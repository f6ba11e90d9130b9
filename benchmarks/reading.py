"""What reading costs: milliseconds from a request's text to spoken words, for lines without and with numbers.

``python -m benchmarks.reading``. Budget: 1 ms for a line without digits, 20 ms for one with many.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from statistics import median

from fishvoiced.text.pronounce import pronounce

LINES = {
    "a letter": "a",
    "three words": "Save the file",
    "a sentence": "The quick brown fox jumps over the lazy dog while nobody at all is looking at it.",
    "a sentence with names": "Dr. Smith of NASA told the BBC that St. Mary's was NOT for sale, e.g. to AT&T.",
    "a line of code": "if (user_name != null && items.length() > maxCount) return getElementById(item);",
    "one number": "There are 3 files in the folder that you have opened a moment ago.",
    "many numbers": "On 12/25/2024 at 9:30PM he paid $1,234.56 for 2/3 of 5 kg, 10-20% off, call 321 434-5049, 3f2a9c1",
    "markdown": "See **the docs** at [this page](https://example.com/a/b) for `code` and _more_ of it.",
    "ssml": "<speak>Hello <break time='200ms'/> <prosody rate='fast'>quick</prosody> <mark name='a'/>world</speak>",
}


def milliseconds(text: str, tries: int) -> tuple[float, float]:
    """The first time, and the median of the others."""
    times = []
    for _ in range(tries + 1):
        began = time.perf_counter()
        pronounce(text)
        times.append((time.perf_counter() - began) * 1000)
    return times[0], median(times[1:])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=200)
    options = parser.parse_args(argv)
    pronounce("warm")
    print(f"{'line':24} {'first':>8} {'median':>8}  ms")
    for name, text in LINES.items():
        first, usual = milliseconds(text, options.tries)
        print(f"{name:24} {first:8.2f} {usual:8.3f}")
    long = LINES["many numbers"] * 1000
    for length in (25_000, 100_000):
        began = time.perf_counter()
        pronounce(long[:length], "plain")
        print(f"{length:,} characters of many numbers: {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
