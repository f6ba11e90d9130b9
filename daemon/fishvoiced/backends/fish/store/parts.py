"""Parts of a model on disk: written under another name, renamed when complete, checked before use; large files shared.

A part's manifest holds the format version, the checkpoint's hash, and the size and SHA-256 of every file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import ModelStoreError

FORMAT = 1
"""Raise when graphs of an older version can no longer be run: they are then converted anew."""
MANIFEST = "manifest.json"
SHARED_BYTES = 1 << 20
"""Smaller files are not worth a link."""
REMEDY = "remove the model (fishvoice models remove NAME) and import its checkpoint again"


class _Manifest(msgspec.Struct, frozen=True):
    """A part's ``manifest.json``: of each file the size and the SHA-256."""

    format: int
    checkpoint: str
    files: dict[str, tuple[int, str]]


@contextlib.contextmanager
def writing(part: Path, checkpoint_hash: str) -> Iterator[Path]:
    """A temporary folder that becomes ``part`` when the block ends well, and vanishes when it does not.

    If another process has finished the same part first, that one stays. Raises ModelStoreError when the disk is
    full or not writable.
    """
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{part.name}-", dir=part.parent))
    except OSError as error:
        raise ModelStoreError(f"cannot write converted models to {part.parent}: {error.strerror or error}") from error
    try:
        yield temporary
        write_manifest(temporary, checkpoint_hash)
        _share(temporary)
        if part.exists() and not is_whole(part):
            shutil.rmtree(part)
        try:
            temporary.rename(part)
        except OSError:
            if not part.exists():
                raise
    except OSError as error:
        raise ModelStoreError(
            f"cannot write {part}: {error.strerror or error}; nothing was left behind, free some space and import again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _share(part: Path) -> None:
    """Large files that a part beside this one has too, such as tables, become links to it: one file on the disk.

    Where the file system has no links, each part has its own.
    """
    own = _read(part).files
    with contextlib.suppress(OSError):
        for other in parts_of(part.parent):
            for name, entry in _files(other).items():
                if entry[0] >= SHARED_BYTES and own.get(name) == entry and sha256(other / name) == entry[1]:
                    link = part / f".{name}"
                    os.link(other / name, link)
                    link.replace(part / name)


def _files(part: Path) -> dict[str, tuple[int, str]]:
    """Of a part that may be damaged: what its manifest says, if it can be read."""
    try:
        return _read(part).files
    except ModelStoreError:
        return {}


def parts_of(model: Path) -> list[Path]:
    """The folders of a model's parts."""
    found = (folder for folder in model.iterdir() if (folder / MANIFEST).is_file())
    return sorted(folder for folder in found if not folder.name.startswith("."))


def verify(part: Path) -> str:
    """Check every file of a part against its manifest, and that its graphs read no other files than the part's.

    Returns the hash of the checkpoint it was made from.
    """
    folder = UntrustedFolder(part, ModelStoreError, REMEDY)
    folder.folder()
    manifest = _read(part)
    if manifest.format != FORMAT:
        raise folder.refusal(f"has format {manifest.format}, this version reads {FORMAT}")
    for name, (size, digest) in manifest.files.items():
        path = folder.file(name)
        if path.stat().st_size != size:
            raise folder.refusal(f"has a {name} of the wrong size")
        if sha256(path) != digest:
            raise folder.refusal(f"has a damaged {name}")
        if name.endswith(".onnx"):
            folder.graph(name)
    return manifest.checkpoint


def _read(part: Path) -> _Manifest:
    return UntrustedFolder(part, ModelStoreError, REMEDY).json(MANIFEST, _Manifest)


def is_whole(part: Path) -> bool:
    try:
        verify(part)
    except ModelStoreError:
        return False
    return True


def write_manifest(folder: Path, checkpoint_hash: str) -> None:
    files = {f.name: (f.stat().st_size, sha256(f)) for f in sorted(folder.iterdir())}
    manifest = {"format": FORMAT, "checkpoint": checkpoint_hash, "files": files}
    with (folder / MANIFEST).open("w", encoding="utf-8") as out:
        json.dump(manifest, out, indent=2)
        out.flush()
        os.fsync(out.fileno())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
