"""What each precision of a model costs on this machine, in lines for people."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from fishvoiced.backends.fish.backend import engine_choice
from fishvoiced.backends.fish.calibration.costs import ACCURACY, Cost, costs
from fishvoiced.backends.fish.calibration.figures import Calibration
from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.store.models import LANGUAGE, ConvertedModel
from fishvoiced.config import Config
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.threads import thread_budget


def precision_lines(config: ModelConfig, model: ConvertedModel | None) -> Iterator[str]:
    """One line for each precision, installed or not; ``model`` is what there is of it. Raises EngineError."""
    if importlib.util.find_spec("onnxruntime") is None:
        yield "what precisions cost is not known without ONNX Runtime: pip install onnxruntime"
        return
    from fishvoiced.backends.fish.calibration.kernels import rates

    facts = collect()
    kernels = rates(facts)
    suits = engine_choice(Config(), facts).lm_precision
    installed = [] if model is None else model.precisions(LANGUAGE)
    measured = {} if model is None else _measured(Calibration(model, facts))
    yield f"precisions of {config.name} on this machine, {thread_budget(facts).threads} threads:"
    for cost in costs(config, kernels, measured):
        marks = [
            "measured here" if cost.measured else f"predicted, give or take {ACCURACY:.0%}",
            *(["installed"] if cost.language in installed else []),
            *(["suits this machine"] if cost.language == suits else []),
        ]
        yield f"  {_figures(cost)} ({', '.join(marks)})"
    if kernels.disturbed:
        yield "  other programs were busy meanwhile: the predictions are too slow rather than too fast"


def _figures(cost: Cost) -> str:
    return (
        f"{cost.language:4} with codec {cost.codec:4}: {cost.rtf:.2f} s of work for a second of sound, "
        f"{cost.memory_bytes / 1e9:.1f} GB of memory, {cost.disk_bytes / 1e9:.1f} GB of disk"
    )


def _measured(calibration: Calibration) -> dict[str, float]:
    """The best RTF of each precision that has been measured on a machine with nothing else to do."""
    best: dict[str, float] = {}
    for figure in calibration.figures:
        if not figure.disturbed:
            best[figure.precision] = min(figure.rtf, best.get(figure.precision, figure.rtf))
    return best
