"""One frozen `Config`: defaults < file < environment < flags. An unknown key is an error, not a surprise."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_origin

import msgspec

from fishvoice.durations import seconds
from fishvoice.errors import InvalidRequest
from fishvoiced.errors import DaemonError

Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Tree: TypeAlias = dict[str, Any]

PREFIX = "FISHVOICE_"
FORMAT = 1
"""Of the settings file, as its ``format`` says; raised when a key's meaning changes, and older files are then migrated
in `_read`. A file without it is of format 1."""
_FIXED = ("voice", "transport", "engine", "metrics", "monitor", "voices", "languages")


class ConfigError(DaemonError):
    """The configuration cannot be read or makes no sense; the message names file or variable, and the key."""

    code = "bad_config"


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Limits(_Section, frozen=True):
    """What one daemon takes on at most; beyond it requests are refused with a clear error."""

    clients: Count = 64
    queue: Count = 256
    requests_per_client: Count = 64
    text_characters: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 100_000
    waiting_bytes: Count = 256 << 20
    """Texts and reference recordings of all requests under way, together."""
    unfinished_bytes: Count = 256 << 20
    """Memory that may grow without a request: messages whose end never comes."""
    reference_bytes: Annotated[int, msgspec.Meta(ge=1, le=64 << 20)] = 32 << 20
    credit: Count = 1024
    stall_seconds: Seconds = 300.0
    """A client that grants no credit for so long loses its request."""


class Engine(_Section, frozen=True):
    """Overrides of what the machine's tier would choose."""

    name: Literal["auto", "onnx", "torch", "fish-speech"] = "auto"
    precision: Literal["auto", "fp32", "fp16", "int8", "int4"] = "auto"
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0
    """0: as many as the machine's tier says."""
    streams: Literal[0, 1, 2, 4, 6, 8] = 0
    """Segments and requests that share a pass over the model's weights; 0: as many as were measured to pay. 1: none do,
    and seeds give other sound than with any of the others."""
    device: Literal["cpu", "mps", "cuda"] = "cpu"
    """Where PyTorch computes; ONNX Runtime runs on the CPU."""
    calibrate: bool = True
    """Measure the model's speed once, some time when nothing else is to do."""


class Log(_Section, frozen=True):
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    file: str | None = None
    """Rotated at 1 MB, three old ones kept; without it the log goes to standard error."""
    texts: bool = False
    """Log what is spoken. Off: a screen reader reads passwords and letters aloud."""


class Lifecycle(_Section, frozen=True):
    drain_seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    stuck_warn_seconds: Seconds = 15.0
    stuck_seconds: Seconds = 120.0
    """A single step of inference that takes longer ends the process, so that its service manager restarts it."""
    load_seconds: Seconds = 900.0
    """The same for loading a model."""


class Metrics(_Section, frozen=True):
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Prometheus endpoint on 127.0.0.1; 0: none."""


class Monitor(_Section, frozen=True):
    """Watching the machine's heat."""

    root: str | None = None
    """Read the sensors below this folder instead of ``/``: a recorded machine."""
    time_scale: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """All the protection's durations times this: 0.01 plays an episode of minutes in seconds."""


class Voice(_Section, frozen=True):
    """``[voices.NAME]``: how soon the voice must be heard; with ``url``, a voice that a server speaks."""

    first_audio_within: Seconds | None = None
    """What requests to this voice ask that do not say themselves."""
    fallback_voice: str | None = None
    """Who speaks if this voice would come too late, or cannot speak."""
    url: str | None = None
    """The server, as in https://host/v1; ``/audio/speech`` is added where it is missing."""
    api: Literal["openai", "fish"] = "openai"
    model: str | None = None
    voice: str | None = None
    language: str | None = None
    sample_rate: Annotated[int, msgspec.Meta(ge=8000, le=192_000)] = 24_000
    """At which the server speaks: raw PCM does not say."""
    stream: bool | None = None
    """Sent along if set; vLLM-Omni wants true."""
    key_file: str | None = None
    key_env: str | None = None
    connect_seconds: Seconds = 5.0
    answer_seconds: Seconds = 30.0
    gap_seconds: Seconds = 10.0


class TextReading(_Section, frozen=True):
    """How written text is read."""

    code_blocks: Literal["read", "skip"] = "read"
    """What is done with blocks of code in Markdown."""
    numbers: Literal["written", "spoken"] = "written"
    """Whether voices that read for themselves (Fish models) get numbers as they are written, or in words."""


class Config(_Section, frozen=True):
    voice: str | None = None
    """The default voice; None: the first installed one, else the starter voice."""
    keep_alive: float = 300.0
    """Seconds an unused model stays in memory; 0: not at all, -1: for ever."""
    transport: Literal["auto", "ipc", "tcp"] = "auto"
    limits: Limits = Limits()
    engine: Engine = Engine()
    log: Log = Log()
    lifecycle: Lifecycle = Lifecycle()
    metrics: Metrics = Metrics()
    monitor: Monitor = Monitor()
    voices: dict[str, Voice] = {}
    languages: dict[str, str] = {}
    """Voices for texts that the voice asked for cannot read, by language: ``ru = "ru_RU-irina-medium"``."""
    text: TextReading = TextReading()


def load(file: Path | None, environment: Mapping[str, str], flags: Tree, *, must_exist: bool = False) -> Config:
    """The configuration in force. ``flags`` is a tree like the file's. Raises ConfigError."""
    tree: Tree = {}
    for source, layer in (
        (str(file), _read(file, must_exist) if file else {}),
        ("environment", _from_environment(environment)),
        ("command line", flags),
    ):
        tree = _merge(tree, layer)
        try:
            config = msgspec.convert(_with_seconds(tree), Config, strict=source == str(file))
        except (msgspec.ValidationError, InvalidRequest) as error:
            raise ConfigError(f"{source}: {error}{_near(str(error))}") from error
    return config


def _with_seconds(tree: Tree) -> Tree:
    """Durations such as ``5m`` in seconds."""
    return {
        key: _with_seconds(value)
        if isinstance(value, dict)
        else seconds(value)
        if isinstance(value, str) and (key == "keep_alive" or key.endswith("_seconds"))
        else value
        for key, value in tree.items()
    }


def _near(message: str) -> str:
    """``; did you mean …?`` for a key that is not known."""
    unknown = re.search(r"unknown field `(\w+)`", message)
    names = {name for path in _paths(Config) for name in path}
    near = difflib.get_close_matches(unknown[1], names, 1) if unknown else []
    return f"; did you mean {near[0]!r}?" if near else ""


def reconfigured(running: Config, new: Config) -> tuple[Config, tuple[str, ...]]:
    """``new`` as far as a running daemon can take it, and the names of the parts that only a new start changes."""
    kept = {name: getattr(running, name) for name in _FIXED}
    waiting = tuple(name for name, value in kept.items() if getattr(new, name) != value)
    return msgspec.structs.replace(new, **kept), waiting


def unknown_variables(environment: Mapping[str, str], known: frozenset[str]) -> tuple[str, ...]:
    """``FISHVOICE_*`` variables that are not read: misspelled, most likely."""
    ours = {name for name, _ in _variables()} | known
    return tuple(sorted(name for name in environment if name.startswith(PREFIX) and name not in ours))


def parse_setting(setting: str) -> Tree:
    """``log.format=json`` as a tree. Raises ConfigError."""
    path, equals, value = setting.partition("=")
    if not equals or not path:
        raise ConfigError(f"command line: --set takes KEY=VALUE, for example log.format=json, not {setting!r}")
    return _nest(path.split("."), value)


def merge(trees: list[Tree]) -> Tree:
    """One tree of several; later ones win."""
    merged: Tree = {}
    for tree in trees:
        merged = _merge(merged, tree)
    return merged


def _read(file: Path, must_exist: bool) -> Tree:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if must_exist:
            raise ConfigError(f"{file} does not exist") from error
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    found = tree.pop("format", 1)
    if found is True or found != FORMAT:
        raise ConfigError(
            f"{file}: is of format {found!r}, this fishvoice reads {FORMAT}: it is a newer one's file. "
            "Upgrade fishvoice, or move the file away and start from: fishvoice config init"
        )
    return tree


def _from_environment(environment: Mapping[str, str]) -> Tree:
    return merge([_nest(path, environment[name]) for name, path in _variables() if name in environment])


def _variables() -> Iterator[tuple[str, list[str]]]:
    """``FISHVOICE_KEEP_ALIVE`` for ``keep_alive``, ``FISHVOICE_LOG_FORMAT`` for ``log.format``."""
    for path in _paths(Config):
        yield PREFIX + "_".join(path).upper(), path


def _paths(section: type[_Section]) -> Iterator[list[str]]:
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, _Section):
            yield from ([field.name, *rest] for rest in _paths(field.type))
        elif get_origin(field.type) is not dict:  # a table does not fit into a variable
            yield [field.name]


def _nest(path: list[str], value: str) -> Tree:
    tree: Any = value
    for name in reversed(path):
        tree = {name: tree}
    return dict(tree)


def _merge(under: Tree, over: Tree) -> Tree:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
