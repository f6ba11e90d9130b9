"""``fishvoiced``: flags → Config → sockets → inference thread → loop."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fishvoice import paths
from fishvoice.errors import FishvoiceError
from fishvoiced import config
from fishvoiced.config import Config, ConfigError, Tree
from fishvoiced.daemon import MakeGovernor, MakeSpeaker, installed_governor, installed_speaker, serve
from fishvoiced.errors import DaemonError
from fishvoiced.process import logs
from fishvoiced.version import __version__

log = logging.getLogger("fishvoiced")

EX_UNAVAILABLE, EX_CONFIG = 69, 78  # sysexits.h


def main(argv: Sequence[str] | None = None) -> int:
    """The command ``fishvoiced``; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["classify"]:
        from fishvoiced.cli.classify import classify_command

        return classify_command(arguments[1:])
    if arguments[:1] == ["calibrate"]:
        return _calibrate(arguments[1:])
    return daemon(arguments, installed_speaker, installed_governor)


def daemon(arguments: Sequence[str], make_speaker: MakeSpeaker, make_governor: MakeGovernor) -> int:
    """Parse ``arguments`` and serve with these voices; the exit status."""
    options = _parser().parse_args(arguments)
    file = options.config or paths.config_file()

    def load() -> Config:
        settings = config.load(file, os.environ, _flags(options), must_exist=options.config is not None)
        logs.setup(settings.log, paths.log_file())
        return settings

    try:
        return serve(load(), load, file, make_speaker, make_governor)
    except ConfigError as error:
        _print_error(error)
        return EX_CONFIG
    except DaemonError as error:
        log.error("%s", error, extra={"code": error.code})
        _print_error(error)
        return EX_UNAVAILABLE
    except (FishvoiceError, OSError) as error:  # a folder that is not ours, a full or read-only disk
        log.error("cannot serve: %s", error)
        _print_error(error)
        return EX_UNAVAILABLE
    except Exception as error:
        log.exception("cannot serve")
        _print_error(error)
        return 1


def _calibrate(arguments: Sequence[str]) -> int:
    try:
        from fishvoiced.cli.calibrate import calibrate_command

        return calibrate_command(arguments)
    except DaemonError as error:
        _print_error(error)
        return 1


def _print_error(error: Exception) -> None:
    sys.stderr.write(f"fishvoiced: {error}\n")


# Flags, and the settings that they are short for; every other setting has --set.
_FLAGS = {
    "voice": ("voice", "the default voice"),
    "keep-alive": ("keep_alive", "seconds an unused model stays in memory; 0: not at all, -1: for ever"),
    "transport": ("transport", "auto, ipc or tcp"),
    "engine": ("engine.name", "auto, onnx, torch or fish-speech"),
    "precision": ("engine.precision", "auto, fp32, int8 or int4"),
    "threads": ("engine.threads", "threads for inference; 0: what suits the machine"),
    "log-level": ("log.level", "debug, info, warning or error"),
    "log-format": ("log.format", "text or json"),
    "log-file": ("log.file", "log there, rotated, instead of to standard error"),
    "metrics-port": ("metrics.port", "a Prometheus endpoint on 127.0.0.1; 0: none"),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishvoiced",
        description="The fishvoice daemon: keeps a voice warm and speaks for local programs.",
        epilog="`fishvoiced classify` tells what fishvoice makes of this machine.",
    )
    parser.add_argument("--version", action="version", version=f"fishvoiced {__version__}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration instead of the user's own")
    for flag, (_, explanation) in _FLAGS.items():
        parser.add_argument(f"--{flag}", metavar="VALUE", help=explanation)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any setting: limits.queue=32")
    return parser


def _flags(options: argparse.Namespace) -> Tree:
    given = vars(options)
    short = [
        config.parse_setting(f"{key}={given[flag.replace('-', '_')]}")
        for flag, (key, _) in _FLAGS.items()
        if given[flag.replace("-", "_")] is not None
    ]
    return config.merge([*short, *(config.parse_setting(setting) for setting in options.set)])


if __name__ == "__main__":
    sys.exit(main())
