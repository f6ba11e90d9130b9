"""What ``fishvoice say`` tells while it speaks: one line on a terminal, and the end as JSON."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TextIO

import msgspec

from fishvoice.playback.say import Report
from fishvoice.protocol import Waiting


class Progress:
    """A line on ``terminal`` that renews itself, if it is one; warnings in any case."""

    def __init__(self, terminal: TextIO, share: object = None) -> None:
        self._terminal = terminal
        self._share = share  # told on the line as it is at the moment
        self._live = terminal.isatty()
        self._noticed: set[str] = set()
        self._hot = False
        self._failures = 0

    def show(self, report: Report) -> None:
        """Something new is known."""
        for notice in (report.start.notice if report.start else None, *report.notices):
            if notice and notice not in self._noticed:
                self._noticed.add(notice)
                self._warn(notice)
        hot = report.waiting is not None and report.waiting.reason == "heat"  # the others are of the usual course
        if report.waiting is not None and hot and not self._hot:
            self._warn(waits(report.waiting))
        self._hot = hot
        for failure in report.segment_errors[self._failures :]:
            self._warn(f"characters {failure.text_start}-{failure.text_end} were not spoken: {failure.message}")
        self._failures = len(report.segment_errors)
        if self._live:
            width = shutil.get_terminal_size().columns
            shown = line(report) if self._share is None else f"{self._share} · {line(report)}"
            print(f"\r\x1b[K{shown[: width - 1]}", end="", file=self._terminal, flush=True)

    def end(self) -> None:
        """Nothing more comes: leave a clean line."""
        if self._live:
            print("\r\x1b[K", end="", file=self._terminal, flush=True)

    def _warn(self, message: str) -> None:
        self.end()
        print(f"fishvoice: {message}", file=self._terminal)


def line(report: Report) -> str:
    """What is known in the middle of speech."""
    parts = [f"{report.audio_seconds:.1f} s spoken"]
    if report.first_audio_seconds is not None:
        parts.append(f"first sound after {report.first_audio_seconds:.2f} s")
    if report.metrics is not None and report.metrics.rtf is not None:
        parts.append(f"RTF {report.metrics.rtf:.2f}")
    if report.underruns:
        parts.append(f"{report.underruns} gaps")
    if report.waiting is not None:
        parts.append(waits(report.waiting))
    if report.throttled:
        parts.append(f"slower: {report.throttled}")
    return " · ".join(parts)


_WAITS_FOR = {
    "queue": "for others to be spoken",
    "loading": "for the voice to load",
    "heat": "for the machine to cool",
    "working": "for the voice to begin",
}


def waits(told: Waiting) -> str:
    """What a request waits for, and how long: "waiting for the machine to cool, about 12 s, at most 180 s"."""
    parts = [f"waiting {_WAITS_FOR[told.reason]}"]
    if told.seconds is not None:
        parts.append(f"about {told.seconds:.0f} s")
    if told.at_most is not None:
        parts.append(f"at most {told.at_most:.0f} s")
    return ", ".join(parts)


def print_json(report: Report, stream: TextIO = sys.stdout) -> None:
    """One object: the whole of what was spoken; ``metrics`` is the last request's, as the daemon measured it."""
    start = report.start
    answer = {
        "finish_reason": report.finish_reason,
        "voice": start.voice if start else None,
        "sample_rate": start.sample_rate if start else None,
        "notice": start.notice if start else None,
        "notices": report.notices,
        "requests": report.requests,
        "audio_seconds": report.audio_seconds,
        "wall_seconds": report.seconds,
        "first_audio_seconds": report.first_audio_seconds,
        "underruns": report.underruns,
        "segment_errors": msgspec.to_builtins(report.segment_errors),
        "metrics": msgspec.to_builtins(report.metrics),
    }
    print(json.dumps(answer, ensure_ascii=False), file=stream, flush=True)
