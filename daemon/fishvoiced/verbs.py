"""``fishvoice doctor``, ``top`` and ``report``: what the machine is, how it fares, how it has fared."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from fishvoice import paths
from fishvoice.client import Client
from fishvoiced.errors import FishvoiceError
from fishvoiced.hardware.doctor import Measured
from fishvoiced.hardware.doctor_command import doctor_command
from fishvoiced.monitor.history import read_history
from fishvoiced.monitor.report import ReportError, write_report
from fishvoiced.monitor.top import TopView, render_top


class NoReport(FishvoiceError):
    """The report cannot be made; the message says what to do."""

    code = "bad_request"


def doctor(argv: Sequence[str]) -> int:
    """Print what this machine is and can do; the default voice is measured if it never was."""
    return doctor_command(argv, measure)


def measure(again: bool) -> Measured | None:
    """The default voice's speed as kept, measured now if there is nothing or ``again``; None without a voice."""
    from fishvoiced import config
    from fishvoiced.fish.backend import engine_choice
    from fishvoiced.fish.calibration.figures import Calibration
    from fishvoiced.fish.calibration.measure import calibrate_installed
    from fishvoiced.fish.engine.select import available
    from fishvoiced.fish.store.catalog import Catalog, user_models, user_voices
    from fishvoiced.fish.store.models import DECODER, LANGUAGE
    from fishvoiced.hardware.collect import collect
    from fishvoiced.hardware.threads import thread_budget

    settings, facts = config.load(paths.config_file(), os.environ, {}), collect()
    try:
        choice = Catalog(user_models(), user_voices(), settings.voice).choose(None)
    except FishvoiceError as error:
        sys.stderr.write(f"no voice to measure: {error}\n")
        return None
    calibration = Calibration(choice.model, facts)
    if again or not calibration.figures:
        sys.stderr.write(f"measuring {choice.name} …\n")
        calibrate_installed(choice, calibration, facts)
    used = calibration.choice(engine_choice(settings, facts), settings.engine)
    language = available(choice.model, LANGUAGE, used.language)
    codec = available(choice.model, DECODER, used.codec)
    return calibration.measured(f"{language}+{codec}", used.threads or thread_budget(facts).threads)


def top(argv: Sequence[str]) -> int:
    """Show the daemon's temperature, state, RTF and queue until interrupted."""
    parser = argparse.ArgumentParser(prog="fishvoice top", description="How the daemon fares, live.")
    parser.add_argument("--once", action="store_true", help="show it once")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="default 1")
    options = parser.parse_args(argv)
    if not options.every > 0:
        parser.error("--every needs a number of seconds above 0")
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Client(start=False) as client:
        if options.once or not console.is_terminal:
            console.print(render_top(TopView.from_status(client.status())))
            return 0
        with Live(console=console, auto_refresh=False) as live:
            while True:
                live.update(render_top(TopView.from_status(client.status())), refresh=True)
                time.sleep(options.every)


def report(argv: Sequence[str]) -> int:
    """Plot the last hour."""
    parser = argparse.ArgumentParser(prog="fishvoice report", description="The last hour as a page or a picture.")
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="FILE", help="FILE.html or FILE.png")
    options = parser.parse_args(argv)
    try:
        write_report(read_history(paths.state_dir() / "heat.bin"), options.out)
    except ReportError as error:
        raise NoReport(str(error)) from error
    return 0
