"""``fishvoice models pull | import``: fetched if need be, imported, and what to type next."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from fishvoiced.backends.fish.backend import engine_choice
from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.checkpoint.hub import ALIASES, HubId, fetch
from fishvoiced.backends.fish.config import S1_MINI, ModelConfig
from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.store.models import ModelStore, codec_of
from fishvoiced.cli.models.licenses import license_note
from fishvoiced.config import Config
from fishvoiced.errors import DownloadError
from fishvoiced.hardware.detect.collect import collect

Progress = Callable[[str, float], None]
LINE_EVERY = 0.05
"""Where there is no terminal, the share of the work between two lines that say the same."""


def import_model(store: ModelStore, what: str, precision: str | None, codec: str | None, name: str | None) -> int:
    """``what``: a folder, or a repository of the hub. Raises DaemonError."""
    choice = engine_choice(Config(), collect())
    hub = None if Path(what).expanduser().exists() else HubId.parse(what)
    with _bar(sys.stderr) as progress:
        folder = Path(what) if hub is None else fetch(hub, progress)
    checkpoint = recognize(folder, name or (hub.name if hub else None))
    print(f"{checkpoint.name}: {license_note(checkpoint.config.license)}", file=sys.stderr)
    with _bar(sys.stderr) as progress:
        model = import_checkpoint(
            checkpoint.folder,
            store,
            precision or choice.lm_precision,
            codec or (choice.codec_precision if precision is None else codec_of(precision)),
            progress,
            name=checkpoint.name,
        )
    if model.unconverted is not None:
        print(f"fishvoice: {model.unconverted}; PyTorch speaks instead, several times slower", file=sys.stderr)
    print(f"{model.name}: ready ({model.size() / 1e6:.0f} MB in {model.folder})")
    print(f'say it: fishvoice say --voice {model.name} "Hello"')
    return 0


def known_config(store: ModelStore, what: str, name: str | None) -> ModelConfig:
    """Of a checkpoint's folder, a model that is installed, or the hub's S1-mini; nothing is fetched.

    Raises CheckpointError, DownloadError.
    """
    installed, hub = store.find(what), HubId.parse(what)
    if installed is not None:
        return installed.config
    if hub is None or Path(what).expanduser().exists():
        return recognize(Path(what), name).config
    if hub.repo in ALIASES:
        return replace(S1_MINI, name=name or hub.name)
    raise DownloadError(f"what {hub} costs is known once it is here: fishvoice models pull {hub}, then models show")


@contextmanager
def _bar(stream: TextIO) -> Iterator[Progress]:
    """A bar on a terminal, else lines."""
    if not stream.isatty():
        yield _lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


def _lines(stream: TextIO) -> Progress:
    last = -1.0

    def show(what: str, share: float) -> None:
        nonlocal last
        if share - last >= LINE_EVERY or share >= 1.0 or last < 0:
            last = share
            print(f"{share:4.0%} {what}", file=stream, flush=True)

    return show
