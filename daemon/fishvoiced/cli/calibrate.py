"""The command ``fishvoiced calibrate FOLDER``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from fishvoiced.backends.fish.calibration.figures import Calibration
from fishvoiced.backends.fish.calibration.measure import calibrate
from fishvoiced.backends.fish.store.catalog import Choice
from fishvoiced.backends.fish.store.models import ConvertedModel
from fishvoiced.hardware.detect.collect import collect


def calibrate_command(argv: Sequence[str]) -> int:
    """``fishvoiced calibrate FOLDER``: measure a converted model and keep the figures."""
    parser = argparse.ArgumentParser(prog="fishvoiced calibrate", description="Measure how fast a model is here.")
    parser.add_argument("folder", type=Path, help="a converted model's folder; see: fishvoice models list")
    model = ConvertedModel.open(parser.parse_args(argv).folder)
    facts = collect()
    Calibration(model, facts).predict(calibrate(Choice(model.name, model), facts))
    return 0
