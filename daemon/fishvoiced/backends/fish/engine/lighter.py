"""The same model with a smaller language model, for a machine that is too hot: which one, and loading it meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import psutil

from fishvoiced.backends.fish.calibration.figures import WORTHWHILE, Figure
from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.store.models import DECODER, LANGUAGE, PRECISIONS, ConvertedModel
from fishvoiced.backends.fish.warm_up import warm_up
from fishvoiced.errors import EngineError


def lighter_precision(running: str, converted: Sequence[str], smallest: str, figures: Sequence[Figure]) -> str | None:
    """The precision of the language model with which this machine has less to do than with ``running``; None if there
    is none.

    ``converted`` are those at hand and ``smallest`` is the smallest one for which this machine has fast kernels. Where
    ``figures`` of a quiet machine know better, they decide.
    """
    order = PRECISIONS[LANGUAGE]  # the most exact first
    candidates = [p for p in converted if order.index(running) < order.index(p) <= order.index(smallest)]
    if not candidates:
        return None
    rtfs: dict[str, float] = {}
    for figure in figures:
        if not figure.disturbed:
            rtfs[figure.language] = min(figure.rtf, rtfs.get(figure.language, figure.rtf))
    if running in rtfs:
        candidates = [p for p in candidates if p not in rtfs or rtfs[p] * (1 + WORTHWHILE) < rtfs[running]]
    return candidates[-1] if candidates else None


def room_for(model: ConvertedModel, language: str, codec: str) -> bool:
    """Whether the model's parts in these precisions fit into the free memory, and leave as much again."""
    parts = (model.folder / f"{LANGUAGE}-{language}", model.folder / f"{DECODER}-{codec}")
    size = sum(file.stat().st_size for part in parts for file in part.iterdir())
    return bool(2 * size <= psutil.virtual_memory().available)


class LoadedMeanwhile:
    """An engine that a thread of its own loads when it is first asked for. ``load`` raises DaemonError."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        self._load = load
        self._engine: Future[Engine] | None = None

    def ready(self) -> bool:
        """Whether it is in memory. Raises DaemonError if it could not be loaded."""
        if self._engine is None:
            self._engine = Future()
            threading.Thread(target=self._run, args=(self._engine,), name="lighter-engine", daemon=True).start()
        return self._engine.done() and self._engine.result() is not None

    def engine(self) -> Engine:
        """Call when `ready`."""
        if self._engine is None:
            raise EngineError("the lighter model was never asked for")
        return self._engine.result()

    def close(self) -> None:
        """Give its memory back, as soon as it is loaded if it is being loaded."""
        if self._engine is not None:
            self._engine.add_done_callback(_close)
            self._engine = None

    def _run(self, engine: Future[Engine]) -> None:
        try:
            loaded = self._load()
            warm_up(loaded)
        except BaseException as error:  # noqa: BLE001 - told to who asks
            engine.set_exception(error)
        else:
            engine.set_result(loaded)


def _close(engine: Future[Engine]) -> None:
    if engine.exception() is None:
        engine.result().close()
