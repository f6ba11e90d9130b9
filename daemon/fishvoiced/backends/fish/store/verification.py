"""Looking through a whole model or checkpoint without using it: for ``fishvoice models verify``. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from fishvoiced.backends.fish.config import CONFIG_FILE, FORMAT_FILE, ModelConfig
from fishvoiced.backends.fish.store.models import ABOUT, PRECISIONS, ConvertedModel
from fishvoiced.backends.fish.store.parts import verify
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import CheckpointError, DaemonError

WEIGHTS = ("model.pth", "codec.pth")


def problems(folder: Path) -> list[str]:
    """Everything that is wrong with the converted model or the checkpoint in ``folder``; nothing if it is good."""
    found = []
    for check in _checks(folder):
        try:
            check()
        except DaemonError as error:
            found.append(str(error))
    return list(dict.fromkeys(found))


def _checks(folder: Path) -> Iterator[Callable[[], object]]:
    if (folder / ABOUT).exists():
        yield from _of_model(folder)
    else:
        yield from _of_checkpoint(folder)


def _of_model(folder: Path) -> Iterator[Callable[[], object]]:
    yield lambda: ConvertedModel.open(folder)
    yield lambda: ConvertedModel.open(folder).tokenizer()
    for part, precisions in PRECISIONS.items():
        for precision in precisions:
            if (folder / f"{part}-{precision}").exists():
                yield partial(verify, folder / f"{part}-{precision}")


def _of_checkpoint(folder: Path) -> Iterator[Callable[[], object]]:
    files = UntrustedFolder(folder, CheckpointError)
    yield lambda: ModelConfig.from_checkpoint(folder)
    yield lambda: Tokenizer.load(folder)
    for name in (CONFIG_FILE, *WEIGHTS, *([FORMAT_FILE] if (folder / FORMAT_FILE).exists() else [])):
        yield partial(files.file, name)
    yield lambda: [files.file(asset) for asset in ModelConfig.from_checkpoint(folder).assets]
