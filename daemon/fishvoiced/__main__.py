"""``fishvoiced``: flags → Config → sockets → inference thread → loop."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from fishvoice import paths
from fishvoiced import __version__, config, logs
from fishvoiced.config import Config, ConfigError, Tree
from fishvoiced.errors import FishvoiceError, MissingExtra
from fishvoiced.governor import Governor
from fishvoiced.health import Health, serve_metrics
from fishvoiced.lifecycle import raise_descriptor_limit, signals_to, single_instance
from fishvoiced.listening import listening
from fishvoiced.loadtimes import LoadTimes
from fishvoiced.notify import Notifier, inherited_sockets
from fishvoiced.server import EX_SOFTWARE, Server
from fishvoiced.voices.base import Speaker
from fishvoiced.worker import Worker

log = logging.getLogger("fishvoiced")

EX_UNAVAILABLE, EX_CONFIG = 69, 78  # sysexits.h

# Variables that clients read, or both sides' paths; any other unknown FISHVOICE_* is a misspelling.
KNOWN_VARIABLES = frozenset({"FISHVOICE_HOME", "FISHVOICE_RUNTIME_DIR", "FISHVOICE_DAEMON"})

MakeSpeaker: TypeAlias = Callable[[Config], Speaker]
MakeGovernor: TypeAlias = Callable[[Config], Governor]


def main(argv: Sequence[str] | None = None) -> int:
    """The command ``fishvoiced``; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["classify"]:
        from fishvoiced.cli.classify import classify_command

        return classify_command(arguments[1:])
    if arguments[:1] == ["calibrate"]:
        return _calibrate(arguments[1:])
    return daemon(arguments, installed_speaker, installed_governor)


def installed_speaker(settings: Config) -> Speaker:
    """The voices of this user. Raises MissingExtra."""
    try:
        from fishvoiced.fish.backend import InstalledSpeaker
    except ImportError as error:
        raise MissingExtra("daemon", "the daemon") from error
    return InstalledSpeaker(settings, calibrates=settings.engine.calibrate)


def installed_governor(settings: Config) -> Governor:
    """What slows inference down when the machine gets hot. Raises MissingExtra."""
    try:
        from fishvoiced import thermostat
        from fishvoiced.doctor import first_start
        from fishvoiced.monitor.history import History
    except ImportError as error:
        raise MissingExtra("daemon", "the daemon") from error
    threading.Thread(target=first_start.greet, args=(sys.stderr,), name="first-start", daemon=True).start()
    return thermostat.installed(settings, History(paths.state_dir() / "heat.bin"))


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
        _complain(error)
        return EX_CONFIG
    except FishvoiceError as error:
        log.error("%s", error, extra={"code": error.code})
        _complain(error)
        return EX_UNAVAILABLE
    except Exception as error:
        log.exception("cannot serve")
        _complain(error)
        return 1


def serve(
    settings: Config,
    reload: Callable[[], Config],
    file: Path,
    make_speaker: MakeSpeaker,
    make_governor: MakeGovernor,
) -> int:
    """Bind, load the default voice, and answer until told to end."""

    raise_descriptor_limit()
    notifier = Notifier(os.environ)
    handed_over = inherited_sockets(os.environ)
    for name in config.unknown_variables(os.environ, KNOWN_VARIABLES):
        log.warning("nobody reads the variable %s", name)
    with ExitStack() as stack:
        stack.enter_context(single_instance(paths.lock_file()))
        transport = stack.enter_context(listening(settings, handed_over))
        stack.enter_context(signals_to(transport.wake_write.fileno()))
        governor = make_governor(settings)
        stack.callback(governor.stop)
        worker = Worker(lambda: make_speaker(settings), transport.wake, governor)
        health = Health(str(file), transport.wake, governor.report)
        if settings.metrics.port:
            serve_metrics(settings.metrics.port, health.ask)
        load_times = LoadTimes(paths.cache_dir() / "load-times.json")
        server = Server(settings, transport, worker, notifier, health, load_times, reload)
        worker.start()
        log.info("fishvoiced %s listens, process %d", __version__, os.getpid())
        status = server.run()
        if status == EX_SOFTWARE or not worker.stop(timeout=2.0):
            # The thread hangs in a foreign call: an orderly end would wait for it for ever.
            transport.close()
            logging.shutdown()
            os._exit(status)
    log.info("ended")
    return status


def _calibrate(arguments: Sequence[str]) -> int:
    try:
        from fishvoiced.cli.calibrate import calibrate_command

        return calibrate_command(arguments)
    except FishvoiceError as error:
        _complain(error)
        return 1


def _complain(error: Exception) -> None:
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
