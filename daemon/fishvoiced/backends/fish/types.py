"""The Fish kind's ground types: codes, prompt columns, references, sampling options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fishvoiced.errors import BadRequest

Codes: TypeAlias = NDArray[np.int64]
"""Codes [num_codebooks, frames]; row 0 is the semantic codebook."""

Columns: TypeAlias = NDArray[np.int64]
"""Model input [1 + num_codebooks, columns]; row 0 holds token ids."""

Frontend: TypeAlias = Callable[[str], str]
"""Normalized text → what the model was trained to read."""


@dataclass(frozen=True)
class Prompt:
    """Input [1 + num_codebooks, columns].

    The first ``prefix_length`` columns depend on the references alone: their K/V serves every text, and may be kept
    in ``folder``, that of the voice, where there is one.
    """

    columns: Columns
    prefix_length: int = 0
    folder: Path | None = None


@dataclass(frozen=True)
class Reference:
    """A recording to speak like: its codes [num_codebooks, frames] and what it says.

    ``folder`` is where the engine may keep what it computes from them: a saved voice's.
    """

    codes: Codes
    text: str
    folder: Path | None = None


@dataclass(frozen=True)
class SamplingOptions:
    """Checked sampling options. ``top_p`` 0 is greedy.

    Temperature, top-p and penalty are rounded to bfloat16 by the engines, because upstream keeps them so.
    """

    temperature: float
    top_p: float
    repetition_penalty: float

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, 0.0, 2.0)
        _check("top_p", self.top_p, 0.0, 1.0)
        _check("repetition_penalty", self.repetition_penalty, 0.5, 2.0)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN fails every comparison
        raise BadRequest(f"{name} must be between {low:g} and {high:g}, not {value:g}")
