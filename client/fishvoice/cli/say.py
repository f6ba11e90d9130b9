"""``fishvoice say``: text from the command line, a file or standard input; sound out; silence at once when asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from fishvoice.cli import EXIT_ERROR, EXIT_INTERRUPTED, complain
from fishvoice.cli.events import Events, TellingClient
from fishvoice.cli.interrupt import Interrupted, interruptible
from fishvoice.cli.progress import Progress, print_json
from fishvoice.cli.stdin import stream_pieces
from fishvoice.client import Client
from fishvoice.errors import InvalidRequest
from fishvoice.playback.say import Report, sink_for, speak
from fishvoice.playback.sentences import split
from fishvoice.protocol import Markup, Priority
from fishvoice.request import SpeechOptions


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0 when all was spoken; 1 with a reason; 130 when interrupted, also by ``fishvoice stop``."""
    parser = _parser()
    options = parser.parse_args(argv)
    if bool(options.text) == (options.file is not None):
        parser.error("give a text, or -f FILE, or - for standard input")
    if options.events and options.out == "-":
        parser.error("--events and --out - both want standard output")
    progress = Progress(sys.stderr)
    events = Events(sys.stdout, paced=options.out is None) if options.events else None
    try:
        with interruptible(), _client(options, events) as client:
            report = speak(client, _pieces(options), sink_for(options.out), _speech_options(options), progress.show)
        if events is not None:
            events.end(report.finish_reason)
    except (Interrupted, BrokenPipeError):
        return EXIT_INTERRUPTED
    finally:
        progress.end()
    if options.json:
        print_json(report, sys.stderr if options.out == "-" else sys.stdout)
    return _exit_code(report)


def _client(options: argparse.Namespace, events: Events | None) -> Client:
    start = not options.no_start
    return Client(start=start) if events is None else TellingClient(events, start=start)


def _exit_code(report: Report) -> int:
    if report.finish_reason == "error":
        complain("nothing of this text could be spoken")
        return EXIT_ERROR
    if report.requests == 0:
        complain("there is no text to speak")
        return EXIT_ERROR
    return EXIT_INTERRUPTED if report.finish_reason == "cancelled" else 0


def _pieces(options: argparse.Namespace) -> Iterable[str]:
    if options.file is not None:
        return split(_read(options.file)) if options.file != "-" else stream_pieces(sys.stdin.fileno())
    if options.text == ["-"]:
        return stream_pieces(sys.stdin.fileno())
    return split(_unicode(" ".join(options.text)))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidRequest(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _unicode(text: str) -> str:
    """Arguments that are no text in this locale come with surrogates in them."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("the text is not UTF-8") from error
    return text


def _speech_options(options: argparse.Namespace) -> SpeechOptions:
    return {
        "voice": options.voice,
        "seed": options.seed,
        "speed": options.speed,
        "reference": options.reference,
        "reference_text": options.reference_text,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "priority": options.priority,
        "markup": options.markup,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishvoice say",
        description="Speak. Standard input (-) is spoken sentence by sentence while it still arrives.",
    )
    parser.add_argument("text", nargs="*", help="what to say, or - for standard input")
    parser.add_argument("-f", "--file", metavar="FILE", help="say what is in FILE (UTF-8)")
    parser.add_argument("--out", "-o", metavar="FILE.wav", help="write a WAV file; - is raw 16-bit mono PCM to stdout")
    parser.add_argument("--voice", help="see: fishvoice voices")
    parser.add_argument("--seed", type=int, help="the same seed gives the same sound")
    parser.add_argument("--speed", type=float, default=1.0, help="0.5 … 4, default 1")
    parser.add_argument("--reference", metavar="RECORDING", help="speak like this recording")
    parser.add_argument("--reference-text", metavar="TEXT", help="what the recording says")
    parser.add_argument("--temperature", type=float, help="0 … 2: how freely to vary")
    parser.add_argument("--top-p", type=float, help="0 … 1; 0 always takes the likeliest")
    parser.add_argument("--priority", choices=get_args(Priority), default="text", help="default text")
    parser.add_argument("--markup", choices=get_args(Markup), default="auto", help="how the text is marked up")
    parser.add_argument("--json", action="store_true", help="print what it cost, as JSON")
    parser.add_argument("--events", action="store_true", help="print which words are being heard, as lines of JSON")
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    return parser
