"""``fishvoice voices add`` and ``voices remove``: a recording becomes a voice of the user's, and goes.

The recording is encoded here; the daemon, which finds the voice on disk, is then asked to prefill its prompt.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fishvoice import paths
from fishvoice.client import Client
from fishvoice.errors import FishvoiceError
from fishvoiced import config
from fishvoiced.backends.fish.engine.onnx_engine import encode
from fishvoiced.backends.fish.engine.select import runtime
from fishvoiced.backends.fish.store.catalog import Catalog, user_models, user_voices
from fishvoiced.backends.fish.store.models import ENCODER, ConvertedModel
from fishvoiced.backends.fish.store.reference_audio import read_reference
from fishvoiced.backends.fish.types import Reference
from fishvoiced.errors import BadReference, UnknownVoice
from fishvoiced.hardware.detect.collect import collect


def add(argv: Sequence[str]) -> int:
    """Save a voice, and have the daemon make it ready."""
    parser = argparse.ArgumentParser(prog="fishvoice voices add", description="Make a voice from a recording.")
    parser.add_argument("name", help="letters, digits, - and _")
    parser.add_argument("recording", type=Path, help="10 to 30 s of clear speech: WAV, FLAC, OGG or MP3")
    parser.add_argument("--text", required=True, help="the words of the recording")
    parser.add_argument("--model", help="the model that speaks; default: the default voice's, or the first that can")
    parser.add_argument("--language", help="as in en or de-CH")
    parser.add_argument("--description", default="", help="one line")
    parser.add_argument("--replace", action="store_true", help="if there is such a voice already")
    options = parser.parse_args(argv)
    settings = config.load(paths.config_file(), os.environ, {})
    voices = user_voices()
    model = imitator(Catalog(user_models(), voices, settings.voice), options.model)
    codec = model.config.codec
    sound = read_reference(_read(options.recording), codec.sample_rate)
    codes = encode(model.graph(ENCODER, "fp32"), codec, sound, runtime(collect(), settings.engine.threads))
    voices.add(
        options.name,
        model.name,
        Reference(codes, options.text),
        codec,
        language=options.language,
        description=options.description,
        replace=options.replace,
    )
    sys.stdout.write(f"{options.name}: saved; fishvoice say --voice {options.name} …\n")
    _prepare(options.name, settings.keep_alive)
    return 0


def remove(argv: Sequence[str]) -> int:
    """Delete a voice and all that was kept with it."""
    parser = argparse.ArgumentParser(prog="fishvoice voices remove", description="Delete a voice made with add.")
    parser.add_argument("name")
    options = parser.parse_args(argv)
    user_voices().remove(options.name)
    sys.stdout.write(f"removed {options.name}\n")
    return 0


def imitator(catalog: Catalog, name: str | None) -> ConvertedModel:
    """The model ``name``, else the default voice's, else any that can imitate. Raises UnknownVoice, BadReference."""
    if name is None:
        infos = sorted((i for i in catalog.infos() if i.clones), key=lambda info: not info.default)
        if not infos:
            raise UnknownVoice("no model here can imitate a recording: fishvoice models import CHECKPOINT")
        name = infos[0].name
    model = catalog.choose(name).model
    if not model.config.codec.has_encoder:
        raise BadReference(f"model {model.name!r} cannot imitate a recording: it has no encoder")
    return model


def _read(recording: Path) -> bytes:
    try:
        return recording.read_bytes()
    except OSError as error:
        raise BadReference(f"the recording {recording} cannot be read: {error.strerror}") from error


def _prepare(voice: str, keep_alive: float) -> None:
    """Let the voice's prompt be prefilled now rather than before its first sentence."""
    try:
        with Client() as client:
            for _ in client.synthesize("", voice=voice, keep_alive=keep_alive):
                pass
    except FishvoiceError as error:
        sys.stderr.write(f"fishvoice: its first sentence will take longer: {error}\n")
