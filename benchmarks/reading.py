"""What reading costs: milliseconds from a request's text to spoken words, for lines without and with numbers.

``python -m benchmarks.reading``. Budget: 1 ms for a line without digits, 20 ms for one with many, one second for
100,000 characters of anything.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from statistics import median
from string import printable

from fishvoiced.text.lines import Line, lines
from fishvoiced.text.markup import Markup, read
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

CHANCE = random.Random(0)
"""For texts in which nothing comes again, so that nothing remembered helps."""


def by_chance(signs: str, length: int) -> str:
    return "".join(CHANCE.choices(signs, k=length))


LONG = {
    "prose": "The quick brown fox jumps over the lazy dog. ",
    "many numbers": LINES["many numbers"] + " ",
    "digits": "1",
    "numbers": "12 ",
    "brackets": "[",
    "marks": "?!",
    "combining marks": "\u0301",
    "letters with marks": "e\u0301",
    "one word": "a",
    "capitals": "A",
    "code": "if (x != 0) { foo_bar(a->b, 0x1F); }\n",
    "log": "2024-01-02 03:04:05,678 [main] ERROR foo.Bar: x=1\n",
    "quotations": '"Hello," she said. ',
    "hyphens": "a-",
    "abbreviations": "U.S.",
    "emoji": "\N{THUMBS UP SIGN}",
    "Chinese": "\u65e5",
    "Hebrew": "\u05e9\u05dc\u05d5\u05dd ",
    "zero width": "a\u200b\u200d",
    "tabs": "a\tb\t\t",
    "blanks": " ",
    "HTML": "<div class='a'><p>text <b>bold</b></p></div>\n",
    "SSML": "<prosody rate='fast'>word</prosody> <mark name='a'/> ",
    "Markdown": "**a** _b_ `c` [d](e) ",
    "list items of a word": "- milk and butter\n",
    "list items of a letter": "- a\n",
    "numbered items of a letter": "1. a\n",
    "nested list": "- a\n  - b\n    - c\n",
    "list items by chance": "".join(f"- {by_chance(printable[:94], 4)}\n" for _ in range(14_286)),
    "printable by chance": by_chance(printable[:96], 100_000),
    "tables of a cell": "|a|\n|-|\n",
    "a table": "| name | age |\n|---|---|\n" + "| Ann | 42 |\n" * 100,
}
"""What 100,000 characters are made of."""


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
    print(f"\n{'100,000 characters of':30} {'plain':>6} {'auto':>6} {'markdown':>9} {'ssml':>6}  s of CPU time")
    for name, unit in LONG.items():
        text = (unit * (100_000 // len(unit) + 1))[:100_000]
        taken = [front_end(text, markup) for markup in ("plain", "auto", "markdown", "ssml")]
        print(f"{name:30} {taken[0]:6.2f} {taken[1]:6.2f} {taken[2]:9.2f} {taken[3]:6.2f}", flush=True)


def front_end(text: str, markup: Markup) -> float:
    """Seconds of CPU time from the text to the spoken words of its last line, as the daemon reads it line by line."""
    began = time.process_time()
    for part in lines(read(text, markup), 200):
        if isinstance(part, Line):
            _ = part.reading
    return time.process_time() - began


if __name__ == "__main__":
    main(sys.argv[1:])
