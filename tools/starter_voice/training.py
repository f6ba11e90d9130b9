"""What every training stage shares: the clock, the checkpoint to go on from, the curve."""

from __future__ import annotations

import csv
import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

SAVE_EVERY = 120.0  # seconds


@dataclass
class Curve:
    """Rows of numbers, appended to ``<name>.csv`` and drawn in ``<name>.png``."""

    path: Path
    columns: Sequence[str]
    rows: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path.exists():
            with self.path.open(newline="") as file:
                self.rows = [[float(x) for x in row] for row in list(csv.reader(file))[1:]]

    def add(self, *values: float) -> None:
        self.rows.append(list(values))
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(self.columns)
            writer.writerow([f"{v:.5g}" for v in values])

    def draw(self) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 5))
        axes = figure.subplots()
        for index, name in enumerate(self.columns[2:], 2):
            axes.plot([row[0] for row in self.rows], [row[index] for row in self.rows], label=name)
        axes.set_xlabel(self.columns[0])
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(self.path.with_suffix(".png"), dpi=90)


@dataclass
class Run:
    """One stage's training: call :meth:`go` again after an interruption and it goes on.

    ``hours`` is the training time planned in all, over every call; the learning rate falls along a cosine over it.
    On a CPU they are the threads' own time: waiting and pauses do not count. ``until`` steps end it earlier (for
    tests).
    """

    name: str
    folder: Path
    module: nn.Module
    loss: Callable[[int, float], tuple[Tensor, list[float]]]
    """Step and progress in 0…1 → the loss to minimize and the figures for the curve."""
    columns: Sequence[str]
    hours: float
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    decay: float = 0.05
    clip: float = 1.0
    report: int = 50
    average: float = 0.998
    hidden: Sequence[nn.Parameter] = ()
    """Matrices between hidden states: Muon trains them, AdamW all the others."""
    validate: Callable[[nn.Module], list[float]] | None = None

    def go(self, until: int | None = None) -> int:
        """Train until the time is up; returns the number of steps done in all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        optimizers = self._optimizers()
        smooth = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        step, spent = self._resume(optimizers, smooth)
        curve = Curve(self.folder / f"{self.name}.csv", ("step", "hours", *self.columns))
        recent: list[list[float]] = []
        begun, saved = self._clock(), time.monotonic()
        before = spent
        stopped = Stop()
        while not stopped and spent < self.hours * 3600 and (until is None or step < until):
            progress = spent / (self.hours * 3600)
            for group in (g for optimizer in optimizers for g in optimizer.param_groups):
                group["lr"] = self.rate * min(1.0, (step + 1) / 200) * self._cosine(progress)
            value, figures = self.loss(step, progress)
            torch.autograd.backward(value)
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.clip)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            step += 1
            self._follow(smooth, step)
            recent.append(figures)
            now = time.monotonic()
            spent = before + self._clock() - begun
            if step % self.report == 0:
                means = [math.fsum(column) / len(column) for column in zip(*recent, strict=True)]
                recent.clear()
                curve.add(step, spent / 3600, *means)
                shown = " ".join(f"{n} {v:.3f}" for n, v in zip(self.columns, means, strict=True))
                print(f"{self.name} {step} {spent / 60:.1f} min {shown}", flush=True)
            if now - saved > SAVE_EVERY:
                self._save(optimizers, smooth, step, spent)
                curve.draw()
                saved = now
        self._save(optimizers, smooth, step, spent)
        curve.draw()
        return step

    def _clock(self) -> float:
        """Seconds of work: wall-clock time on a GPU, the mean of the threads' own time on a CPU."""
        if next(self.module.parameters()).is_cuda:
            return time.monotonic()
        return time.process_time() / torch.get_num_threads()

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        hidden = {id(p) for p in self.hidden}
        others = [p for p in self.module.parameters() if id(p) not in hidden]
        groups = [
            {"params": [p for p in others if p.dim() > 1], "weight_decay": self.decay},
            {"params": [p for p in others if p.dim() <= 1], "weight_decay": 0.0},
        ]
        adam = torch.optim.AdamW(groups, lr=self.rate, betas=self.betas, fused=True)
        optimizers: list[torch.optim.Optimizer] = [adam]
        if self.hidden:
            muon = torch.optim.Muon(self.hidden, lr=self.rate, weight_decay=self.decay, adjust_lr_fn="match_rms_adamw")
            optimizers.append(muon)
        return optimizers

    def _cosine(self, progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress))) * 0.98 + 0.02

    def _follow(self, smooth: dict[str, Tensor], step: int) -> None:
        weight = 1 - min(self.average, step / (step + 20))
        with torch.no_grad():
            state = self.module.state_dict()
            torch._foreach_lerp_(list(smooth.values()), [state[k] for k in smooth], weight)

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.pt"

    def _save(
        self, optimizers: list[torch.optim.Optimizer], smooth: dict[str, Tensor], step: int, spent: float
    ) -> None:
        state: dict[str, Any] = {
            "module": self.module.state_dict(),
            "smooth": smooth,
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "step": step,
            "spent": spent,
        }
        temporary = self.file.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.file)

    def _resume(self, optimizers: list[torch.optim.Optimizer], smooth: dict[str, Tensor]) -> tuple[int, float]:
        if not self.file.exists():
            return 0, 0.0
        state = torch.load(self.file, weights_only=True, map_location=next(self.module.parameters()).device)
        self.module.load_state_dict(state["module"])
        for optimizer, past in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(past)
        for key, value in state["smooth"].items():
            smooth[key].copy_(value)
        return int(state["step"]), float(state["spent"])


class Stop:
    """Turns true at SIGTERM or SIGINT, so that a training that is asked to end saves its state first."""

    def __init__(self) -> None:
        self._asked = False
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def __bool__(self) -> bool:
        return self._asked


def smoothed(file: Path) -> dict[str, Tensor]:
    """The averaged weights of a stage's checkpoint: the ones to ship."""
    state: dict[str, Tensor] = torch.load(file, weights_only=True, map_location="cpu")["smooth"]
    return state


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
