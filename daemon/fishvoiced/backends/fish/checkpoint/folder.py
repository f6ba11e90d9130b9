"""What a path or a hub's name given by a person is: a checkpoint that can be imported, or one sentence why not."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fishvoiced.backends.fish.config import FORMAT_FILE, ModelConfig
from fishvoiced.backends.fish.tokenizer import SPECIAL_FILE, TOKENIZER_FILE
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import CheckpointError

MODEL_FILES = ("model.pth", "model.safetensors", "model.safetensors.index.json")
CODEC_FILES = ("codec.pth", "codec.safetensors")
WEIGHT_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CACHED = re.compile(r"models--(?P<owner>[\w.-]+?)--(?P<name>[\w.-]+)")
_NAME = re.compile(r"[\w][\w.-]{0,63}")


@dataclass(frozen=True)
class CheckpointFolder:
    """A folder in openaudio-s1-mini's format."""

    folder: Path
    model: Path
    codec: Path
    config: ModelConfig
    """What it says about itself, under the name that it is imported by."""

    @property
    def name(self) -> str:
        return self.config.name

    def files(self) -> list[Path]:
        """All that an import reads, the weights last."""
        extras = [self.folder / FORMAT_FILE] if (self.folder / FORMAT_FILE).exists() else []
        shards = sorted(self.folder.glob("model-*-of-*.safetensors")) if self.model.suffix == ".json" else []
        small = [self.folder / name for name in ("config.json", TOKENIZER_FILE, SPECIAL_FILE)]
        return [*small, *extras, self.codec, self.model, *shards]


def recognize(path: Path, name: str | None = None) -> CheckpointFolder:
    """The checkpoint at ``path``, called ``name``. Raises CheckpointError, which says what it is instead."""
    folder = _folder(path.expanduser().absolute())
    if name is not None and not _NAME.fullmatch(name):
        raise CheckpointError(f"{name!r} is no name for a model: letters, digits, dots, dashes, 64 of them at most")
    _check_kind(folder)
    model = next((folder / file for file in MODEL_FILES if _has(folder, file)), None)
    codec = next((folder / file for file in CODEC_FILES if _has(folder, file)), None)
    if model is None or codec is None:
        missing = "model.pth" if model is None else "codec.pth"
        raise CheckpointError(f"{folder} has no {missing}{_instead(folder)}")
    for file in (TOKENIZER_FILE, SPECIAL_FILE):
        if not _has(folder, file):
            raise CheckpointError(f"{folder / file} is missing: fetch the repository's other files too")
    files = UntrustedFolder(folder, CheckpointError)
    extras = files.json(FORMAT_FILE, _Extras) if _has(folder, FORMAT_FILE) else _Extras()
    if name is None and not extras.name:
        name = own_name(folder)
    config = ModelConfig.from_checkpoint(folder, name, None if extras.license else _license(folder))
    checkpoint = CheckpointFolder(folder, model, codec, config)
    for path in checkpoint.files():
        files.file(path.name)  # a regular one, through no link: whatever is opened later is safe to open
    return checkpoint


class _Extras(msgspec.Struct, frozen=True):
    """Of ``fishvoice.json``, whether it says these; ``ModelConfig`` checks what."""

    name: object = None
    license: object = None


def _has(folder: Path, file: str) -> bool:
    """Also where it is a link to nowhere: that is then told."""
    return os.path.lexists(folder / file)


def own_name(folder: Path) -> str:
    """The folder's name; in the hub's cache, whose folders are named by commits, the repository's."""
    for part in (folder, *folder.parents):
        if found := _CACHED.fullmatch(part.name):
            return found["name"]
    return re.sub(r"[^\w.+@-]+", "-", folder.resolve().name)


def _folder(path: Path) -> Path:
    """The folder that holds the checkpoint's files. Raises CheckpointError."""
    if not path.exists():
        raise CheckpointError(f"{path} does not exist; give a checkpoint's folder, or a repository: OWNER/NAME")
    if path.is_file():
        if path.name not in (*MODEL_FILES, *CODEC_FILES, "config.json"):
            raise CheckpointError(f"{path} is a single file; give the folder that holds {', '.join(_WHOLE)}")
        return path.parent
    if _CACHED.fullmatch(path.name):
        return _snapshot(path)
    return path


_WHOLE = ("config.json", MODEL_FILES[0], CODEC_FILES[0], TOKENIZER_FILE, SPECIAL_FILE)


def _snapshot(repository: Path) -> Path:
    """The hub's cache keeps a repository's commits below ``snapshots`` and names the newest in ``refs``."""
    snapshots = [f for f in (repository / "snapshots").glob("*") if _COMMIT.fullmatch(f.name)]
    main = repository / "refs" / "main"
    if main.is_file() and (newest := repository / "snapshots" / main.read_text().strip()).is_dir():
        return newest
    if len(snapshots) != 1:
        raise CheckpointError(f"{repository} holds {len(snapshots)} snapshots; give the folder of one of them")
    return snapshots[0]


def _check_kind(folder: Path) -> None:
    """Raises CheckpointError unless ``config.json`` is of an architecture that we have."""
    if (folder / "adapter_config.json").exists():
        raise CheckpointError(f"{folder} is a LoRA adapter: merge it into its base model first, and import the result")
    if not (folder / "config.json").exists():
        raise CheckpointError(f"{folder} has no config.json{_instead(folder)}")
    config = UntrustedFolder(folder, CheckpointError).json("config.json", dict[str, Any])
    kind = config.get("model_type")
    if kind == "fish_qwen3_omni":
        raise CheckpointError(f"{folder} is Fish Audio S2, another architecture; only openaudio-s1-mini's can be used")
    if kind != "dual_ar":
        raise CheckpointError(
            f"{folder / 'config.json'} says model_type {kind!r}; only 'dual_ar' checkpoints (openaudio-s1-mini's "
            "format) can be used"
        )


def _instead(folder: Path) -> str:
    """What a folder without the needed files holds, as the end of a sentence."""
    names = {file.name for file in folder.iterdir()}
    if any(name.startswith("firefly-gan") for name in names):
        return ": it is Fish Speech 1.2 to 1.5, whose codec is another; only openaudio-s1-mini's format can be used"
    if any("lora" in name.lower() for name in names):
        return ": it seems to hold a LoRA; merge it into its base model first, and import the result"
    if any(name.endswith(WEIGHT_SUFFIXES) for name in names):
        return f"; a checkpoint is a folder with {', '.join(_WHOLE)}"
    below = [f.name for f in folder.iterdir() if (f / "config.json").exists()]
    if below:
        return f"; did you mean {folder / below[0]}?"
    return f": is it a Fish checkpoint? It should hold {', '.join(_WHOLE)}"


def _license(folder: Path) -> str | None:
    """What the model card's head says: ``license: cc-by-nc-sa-4.0``."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    head = re.match(r"---\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    found = re.search(r"^license(?:_name)?: *['\"]?([\w.-]+)", head[1], re.MULTILINE) if head else None
    return found[1].upper() if found else None
