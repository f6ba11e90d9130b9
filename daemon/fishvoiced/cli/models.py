"""``fishvoice models list | import | verify | remove``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path

from fishvoiced.errors import DaemonError, MissingExtra
from fishvoiced.fish.store.models import DECODER, LANGUAGE, PRECISIONS, ConvertedModel, ModelStore
from fishvoiced.fish.store.verification import problems


def models_command(argv: list[str], store: ModelStore | None = None) -> int:
    """Exit status 0, or 1 with one line on stderr."""
    options = _parser().parse_args(argv)
    try:
        if store is None:
            from fishvoiced.fish.store.catalog import user_models

            store = user_models()
        if options.verb == "list":
            return _list(store, options.json)
        if options.verb == "import":
            return _import(store, options.checkpoint, options.precision, options.codec_precision)
        if options.verb == "verify":
            return _verify(store, options.which)
        print(f"removed {store.remove(options.name)}")
    except DaemonError as error:
        print(f"fishvoice: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fishvoice models", description="Converted voice models.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="what has been converted")
    listing.add_argument("--json", action="store_true")
    importing = verbs.add_parser("import", help="convert a Fish checkpoint folder (openaudio-s1-mini's format)")
    importing.add_argument("checkpoint", type=Path)
    importing.add_argument("--precision", choices=PRECISIONS[LANGUAGE], default="int4", help="of the language model")
    importing.add_argument(
        "--codec-precision", choices=PRECISIONS[DECODER], default="int8", help="of the codec's decoder"
    )
    verifying = verbs.add_parser("verify", help="check every file of models, or of a checkpoint before its import")
    verifying.add_argument("which", nargs="*", help="names or folders; without any, all converted models")
    removing = verbs.add_parser("remove", help="delete a converted model")
    removing.add_argument("name")
    return parser


def _verify(store: ModelStore, which: list[str]) -> int:
    """Exit status 1 if anything is damaged."""
    folders = [store.folder_of(name) or Path(name) for name in which] if which else store.folders()
    damaged = False
    for folder in folders:
        found = problems(folder)
        damaged = damaged or bool(found)
        print("\n".join(f"fishvoice: {problem}" for problem in found), file=sys.stderr, end="\n" if found else "")
        print(f"{folder.name}: {'damaged' if found else 'whole'}")
    return 1 if damaged else 0


def _list(store: ModelStore, as_json: bool) -> int:
    models: list[ConvertedModel] = []
    for model in store.models():
        if isinstance(model, ConvertedModel):
            models.append(model)
        else:
            print(f"fishvoice: {model}", file=sys.stderr)
    if as_json:
        print(json.dumps([_row(model) for model in models], indent=2))
        return 0
    for model in models:
        language, codec = "/".join(model.precisions(LANGUAGE)), "/".join(model.precisions(DECODER))
        size, rate = model.size() / 1e6, model.config.codec.sample_rate
        print(f"{model.name}: {size:.1f} MB, {rate} Hz, language model {language}, codec {codec}  {model.folder}")
        if model.unconverted is not None:
            print(f"  runs in PyTorch only: {model.unconverted}")
    return 0


def _row(model: ConvertedModel) -> dict[str, object]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "language": model.precisions(LANGUAGE),
        "codec": model.precisions(DECODER),
        "bytes": model.size(),
        "sample_rate": model.config.codec.sample_rate,
        "unconverted": model.unconverted,
    }


def require_export() -> None:
    """Raises MissingExtra unless a checkpoint can be converted here."""
    for package in ("torch", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra("export", "converting a checkpoint")


def _import(store: ModelStore, checkpoint: Path, precision: str, codec_precision: str) -> int:
    require_export()
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from fishvoiced.fish.convert.importer import import_checkpoint

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0)
        model = import_checkpoint(
            checkpoint,
            store,
            precision,
            codec_precision,
            lambda what, share: bar.update(task, description=what, completed=share),
        )
    if model.unconverted is not None:
        print(f"fishvoice: {model.unconverted}; PyTorch speaks instead, several times slower", file=sys.stderr)
    print(f"{model.name}: ready ({model.size() / 1e6:.0f} MB in {model.folder})")
    return 0
