"""``fishvoice models list | show | pull | import | remove | verify``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from fishvoiced.backends.fish.store.models import DECODER, LANGUAGE, PRECISIONS, ConvertedModel, ModelStore
from fishvoiced.backends.fish.store.parts import parts_of
from fishvoiced.backends.fish.store.verification import problems
from fishvoiced.cli.models import other_kinds
from fishvoiced.cli.models.licenses import license_note
from fishvoiced.errors import DaemonError, ModelStoreError

LIST = "list"
"""In place of a precision: tell what each costs."""


def models_command(argv: list[str], store: ModelStore | None = None) -> int:
    """Exit status 0, or 1 with one line on stderr."""
    options = parser().parse_args(argv)
    try:
        if store is None:
            from fishvoiced.backends.fish.store.catalog import user_models

            store = user_models()
        return _run(options, store)
    except DaemonError as error:
        print(f"fishvoice: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, store: ModelStore) -> int:
    if options.verb in ("pull", "import"):
        from fishvoiced.cli.models.importing import import_model

        what = options.repository if options.verb == "pull" else options.checkpoint
        if options.verb == "pull" and what.startswith(other_kinds.LIGHT):
            return other_kinds.pull_light(what)
        if options.verb == "import" and other_kinds.is_piper(Path(what)):
            return other_kinds.import_piper(Path(what))
        if options.precision == LIST:
            return _precisions(store, what, options.name)
        return import_model(store, what, options.precision, options.codec_precision, options.name)
    if options.verb == "list":
        return _list(store, options.json)
    if options.verb == "show":
        return _show(_find(store, options.name))
    if options.verb == "verify":
        return _verify(store, options.which)
    if not other_kinds.remove_piper(options.name):
        print(f"removed {store.remove(options.name)}")
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fishvoice models", description="Large voice models on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="what is installed")
    listing.add_argument("--json", action="store_true", help="as JSON, for programs")
    showing = verbs.add_parser("show", help="one model: its licence, sizes, precisions")
    showing.add_argument("name")
    pulling = verbs.add_parser("pull", help="download a model and install it")
    pulling.add_argument(
        "repository",
        nargs="?",
        default="fishaudio/s1-mini",
        help="OWNER/NAME[@REVISION], default fishaudio/s1-mini; or hibari/VOICE, see: fishvoice voices",
    )
    importing = verbs.add_parser(
        "import", help="install a checkpoint folder (openaudio-s1-mini's format), or Piper voices"
    )
    importing.add_argument(
        "checkpoint",
        help="the folder, or OWNER/NAME[@REVISION]; or a Piper voice NAME.onnx with NAME.onnx.json beside it, or a "
        "folder of such voices",
    )
    for verb in (pulling, importing):
        verb.add_argument(
            "--precision",
            nargs="?",
            const=LIST,
            choices=(*PRECISIONS[LANGUAGE], LIST),
            help="of the language model; default: what suits this machine. fp32 is exact and slow, int4 light and fast;"
            " without a value: what each costs here",
        )
        verb.add_argument("--codec-precision", choices=PRECISIONS[DECODER], help="of the codec's decoder")
        verb.add_argument("--name", help="what to call it; default: its own name")
    removing = verbs.add_parser("remove", aliases=["rm"], help="delete a model")
    removing.add_argument("name")
    verifying = verbs.add_parser("verify", help="check every file of models, or of a checkpoint before its import")
    verifying.add_argument("which", nargs="*", help="names or folders; without any, all models")
    return parser


def _precisions(store: ModelStore, what: str, name: str | None) -> int:
    from fishvoiced.cli.models.importing import known_config
    from fishvoiced.cli.models.precisions import precision_lines

    config = known_config(store, what, name)
    print(license_note(config.license))
    for line in precision_lines(config, store.find(config.name)):
        print(line)
    return 0


def _find(store: ModelStore, name: str) -> ConvertedModel:
    model = store.find(name)
    if model is None:
        raise ModelStoreError(f"there is no model {name!r}; see: fishvoice models list")
    return model


def _list(store: ModelStore, as_json: bool) -> int:
    models: list[ConvertedModel] = []
    for model in store.models():
        if isinstance(model, ConvertedModel):
            models.append(model)
        else:
            print(f"fishvoice: {model}", file=sys.stderr)
    for folder in store.unfinished():
        print(
            f"fishvoice: {folder.name} is unfinished: import it again, or: models remove {folder.name}", file=sys.stderr
        )
    if as_json:
        print(json.dumps([_row(model) for model in models], indent=2))
        return 0
    for model in models:
        language, codec = "/".join(model.precisions(LANGUAGE)), "/".join(model.precisions(DECODER))
        size, rate = model.size() / 1e6, model.config.codec.sample_rate
        print(f"{model.name}: {size:.1f} MB, {rate} Hz, language model {language}, codec {codec}  {model.folder}")
        if model.unconverted is not None:
            print(f"  runs in PyTorch only: {model.unconverted}")
    other_kinds.list_piper()
    return 0


def _row(model: ConvertedModel) -> dict[str, object]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "language": model.precisions(LANGUAGE),
        "codec": model.precisions(DECODER),
        "bytes": model.size(),
        "sample_rate": model.config.codec.sample_rate,
        "license": model.config.license,
        "unconverted": model.unconverted,
    }


def _show(model: ConvertedModel) -> int:
    config, sampling = model.config, model.config.sampling
    print(f"{model.name}: {config.description}" if config.description else model.name)
    print(f"  {license_note(config.license)}")
    print(
        f"  sound {config.codec.sample_rate} Hz; {'follows' if config.codec.has_encoder else 'follows no'} recordings"
    )
    print(
        f"  sampling: temperature {sampling.temperature:g}, top-p {sampling.top_p:g}, repetition penalty "
        f"{sampling.repetition_penalty:g}"
    )
    print(f"  folder {model.folder}, {model.size() / 1e6:.1f} MB:")
    for part in parts_of(model.folder):
        print(f"    {part.name:16} {sum(f.stat().st_size for f in part.iterdir()) / 1e6:8.1f} MB")
    print(f"  checkpoint: {model.source or 'gone; another precision needs it again'}")
    from fishvoiced.cli.models.precisions import precision_lines

    for line in precision_lines(config, model):
        print(f"  {line}")
    return 0


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
