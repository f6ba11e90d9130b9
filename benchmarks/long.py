"""One request of twenty minutes: does memory, or the time per minute, grow with the length of the speech?

``python -m benchmarks.long`` starts a daemon in a home of its own, has the default voice read without end, and prints
after each minute of sound the daemon's memory and the work for that minute. Exit status 1 if memory grows by more
than ``MOST_GROWTH_MB`` between the first minute and the last.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time

import psutil

from benchmarks.quality import SENTENCES
from fishvoice import Client

MOST_GROWTH_MB = 8.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Does a long request's memory grow?")
    parser.add_argument("--minutes", type=int, default=20, help="of sound")
    minutes = parser.parse_args().minutes
    text = " ".join(SENTENCES * 40)  # more than an hour
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="fvl", dir="/tmp") as home:
        os.environ["FISHVOICE_HOME"] = home
        with Client() as client:
            seconds, began = 0.0, time.perf_counter()
            try:
                speech = client.synthesize(text, seed=1)
                for chunk in speech:
                    seconds += chunk.seconds
                    if seconds >= 60 * (len(rows) + 1):
                        now = time.perf_counter()
                        daemon = psutil.Process(client.status()["pid"])
                        rows.append(
                            {
                                "minute": len(rows) + 1,
                                "rss_mb": round(daemon.memory_info().rss / 1e6, 1),
                                "rtf": round((now - began) / 60, 3),
                            }
                        )
                        print(json.dumps(rows[-1]), flush=True)
                        began = now
                    if len(rows) == minutes:
                        break
                else:
                    print(f"it ended after {seconds:.0f} s of sound: {speech.finish_reason}", file=sys.stderr)
            finally:
                client.shutdown()
    if not rows:
        return 1
    growth = rows[-1]["rss_mb"] - rows[0]["rss_mb"]
    print(f"{len(rows)} minutes of sound in one request; memory grew by {growth:.1f} MB since the first")
    return int(growth > MOST_GROWTH_MB or len(rows) < minutes)


if __name__ == "__main__":
    sys.exit(main())
