"""Shipping: the packed checkpoint → graphs beside it, which are what the wheel carries."""

from __future__ import annotations

import shutil
from pathlib import Path

from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.convert.shared_weights import list_weights
from fishvoiced.backends.fish.store.models import ConvertedModel, ModelStore

LANGUAGE, CODEC = "fp16", "fp16"
CONVERTED = "converted"


def ship(folder: Path) -> ConvertedModel:
    """Convert the checkpoint in ``folder`` into ``folder/converted``, in place of what was there."""
    shutil.rmtree(folder / CONVERTED, ignore_errors=True)
    model = import_checkpoint(folder, ModelStore(folder / CONVERTED), LANGUAGE, CODEC, source="../..")
    list_weights(model, folder)
    print(f"{model.folder}: {model.size() / 1e6:.1f} MB")
    return model


if __name__ == "__main__":
    from tools.starter_voice.__main__ import SHIPPED

    ship(SHIPPED)
