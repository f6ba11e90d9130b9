"""``fishvoice say``: text from the command line, a file or standard input; sound out; silence at once when asked."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from fishvoice import paths
from fishvoice.cli import EXIT_ERROR, EXIT_INTERRUPTED, complain, selection
from fishvoice.cli.events import Events
from fishvoice.cli.interrupt import Interrupted, interruptible
from fishvoice.cli.listeners import Captions, Listener, Share, TellingClient
from fishvoice.cli.loaded import duration
from fishvoice.cli.progress import Progress, print_json
from fishvoice.cli.stdin import stream_pieces
from fishvoice.errors import InvalidRequest
from fishvoice.playback.say import Report, sink_for, speak
from fishvoice.playback.sentences import split
from fishvoice.playback.turn import turn
from fishvoice.protocol import Markup, Priority
from fishvoice.request import SpeechOptions


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0 when all was spoken; 1 with a reason; 130 when interrupted, also by ``fishvoice stop``."""
    parser = _parser()
    options = parser.parse_args(argv)
    sources = (options.text, options.file is not None, options.kind)
    if sum(map(bool, sources)) != 1:
        parser.error("give a text, or -f FILE, or --selection, or --clipboard, or - for standard input")
    if options.events and options.out == "-":
        parser.error("--events and --out - both want standard output")
    source = _source(options)
    share = Share(len(source)) if isinstance(source, str) and options.out is not None else None
    progress = Progress(sys.stderr, share)
    events = Events(sys.stdout, paced=options.out is None) if options.events else None
    captions = Captions(options.captions) if options.captions else None
    listeners: list[Listener] = [each for each in (events, captions, share) if each is not None]
    try:
        with interruptible(), _turn(options), TellingClient(listeners, start=not options.no_start) as client:
            pieces = split(source) if isinstance(source, str) else source
            report = speak(client, pieces, sink_for(options.out), _speech_options(options), progress.show)
        if events is not None:
            events.end(report.finish_reason)
        if captions is not None:
            captions.write()
    except (Interrupted, BrokenPipeError):
        return EXIT_INTERRUPTED
    finally:
        progress.end()
    if options.json:
        print_json(report, sys.stderr if options.out == "-" else sys.stdout)
    return _exit_code(report)


def _exit_code(report: Report) -> int:
    if report.finish_reason == "error":
        complain("nothing of this text could be spoken")
        return EXIT_ERROR
    if report.requests == 0:
        complain("there is no text to speak")
        return EXIT_ERROR
    return EXIT_INTERRUPTED if report.finish_reason == "cancelled" else 0


def _turn(options: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """With --replace or --queue: one command at a time."""
    if not (options.replace or options.queue):
        return contextlib.nullcontext()
    return turn(paths.runtime_dir(), replace=options.replace)


def _source(options: argparse.Namespace) -> str | Iterator[str]:
    """All of the text, or the pieces of it that are still to come."""
    if options.kind is not None:
        return selection.read(options.kind)
    if options.file == "-" or options.text == ["-"]:
        return stream_pieces(sys.stdin.fileno())
    if options.file is not None:
        return _read(options.file)
    return _unicode(" ".join(options.text))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidRequest(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}; read a book with: fishvoice read {path}"
        ) from error


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
        "pitch": options.pitch,
        "volume": options.volume,
        "reference": options.reference,
        "reference_text": options.reference_text,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "repetition_penalty": options.repetition_penalty,
        "priority": options.priority,
        "first_audio_within": options.first_audio_within,
        "fallback_voice": options.fallback_voice,
        "keep_alive": options.keep_alive,
        "markup": options.markup,
        "to_file": options.out not in (None, "-"),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishvoice say",
        description="Speak. Standard input (-) is spoken sentence by sentence while it still arrives.",
    )
    parser.add_argument("text", nargs="*", help="what to say, or - for standard input")
    parser.add_argument("-f", "--file", metavar="FILE", help="say what is in FILE (UTF-8)")
    said = parser.add_mutually_exclusive_group()
    for kind, what in (("selection", "is selected"), ("clipboard", "has been copied")):
        said.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=f"say what {what}")
    turns = parser.add_mutually_exclusive_group()
    turns.add_argument("--replace", action="store_true", help="stop an earlier command that has this flag or --queue")
    turns.add_argument("--queue", action="store_true", help="wait until such commands have been heard")
    parser.add_argument(
        "--out",
        "-o",
        metavar="FILE",
        help="write a file: .wav, .mp3, .flac, .ogg, .opus, .m4a or .aac; - is raw 16-bit mono PCM to stdout",
    )
    parser.add_argument("--captions", metavar="FILE", help="also write which word is heard when: .srt, .vtt or .json")
    parser.add_argument("--voice", help="see: fishvoice voices")
    parser.add_argument("--seed", type=int, help="the same seed gives the same sound")
    parser.add_argument("--speed", type=float, default=1.0, help="0.25 … 4, default 1")
    parser.add_argument("--pitch", type=float, default=1.0, help="0.5 … 2 times the voice's own")
    parser.add_argument("--volume", type=float, default=1.0, help="0 … 2 times the voice's own")
    parser.add_argument("--reference", metavar="RECORDING", help="speak like this recording")
    parser.add_argument("--reference-text", metavar="TEXT", help="what the recording says")
    parser.add_argument("--temperature", type=float, help="0 … 2: how freely to vary")
    parser.add_argument("--top-p", type=float, help="0 … 1; 0 always takes the likeliest")
    parser.add_argument("--repetition-penalty", type=float, help="0.5 … 2: above 1, what was just said is avoided")
    parser.add_argument(
        "--first-audio-within",
        type=float,
        metavar="SECONDS",
        help="fail, or let another voice speak, if it comes later",
    )
    parser.add_argument("--fallback-voice", metavar="VOICE", help="who speaks if the voice is too late, or cannot")
    parser.add_argument("--priority", choices=get_args(Priority), default="text", help="default text")
    parser.add_argument("--keep-alive", type=duration, metavar="TIME", help="keep the model so long afterwards: 5m")
    parser.add_argument("--markup", choices=get_args(Markup), default="auto", help="how the text is marked up")
    parser.add_argument("--json", action="store_true", help="print what it cost, as JSON")
    parser.add_argument("--events", action="store_true", help="print which words are being heard, as lines of JSON")
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    return parser
