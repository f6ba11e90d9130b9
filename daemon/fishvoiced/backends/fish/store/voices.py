"""The user's voices on disk: one folder per voice, with the codes and the text of its reference.

``NAME/voice.json`` says what the voice is, ``NAME/codes.npy`` holds the reference's codes [num_codebooks, frames];
engines keep beside them what they have computed from these (``engine/prefix.py``).
A voice appears and goes by one rename, so none is ever half there; folders beginning with a dot are work under way.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from fishvoiced.backends.fish.config import CodecConfig, SamplingDefaults
from fishvoiced.backends.fish.types import Codes, Reference
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import BadReference, BadRequest, DaemonError, UnknownVoice

FORMAT_VERSION = 1
VOICE_FILE = "voice.json"
CODES_FILE = "codes.npy"
MAX_CODES_BYTES = 64 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_WINDOWS_DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)\d", re.IGNORECASE)


@dataclass(frozen=True)
class Voice:
    """What a voice is. ``model`` names the model whose codes it holds.

    ``reference_hash`` changes with the reference's codes or text: with the model's hash it is the key of all that
    is computed from them. ``sampling`` None means the model's own defaults.
    """

    name: str
    model: str
    reference_text: str
    reference_hash: str
    language: str | None = None
    description: str = ""
    sampling: SamplingDefaults | None = None


@dataclass(frozen=True)
class DamagedVoice:
    """A folder that should hold a voice and does not; ``reason`` is a sentence for the person."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """Everything in a store, each by name."""

    voices: tuple[Voice, ...]
    damaged: tuple[DamagedVoice, ...]


class _VoiceFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """``voice.json``; keys that it does not know are left alone."""

    format_version: int
    model: str
    reference_text: str
    reference_hash: str
    language: str | None = None
    description: str = ""
    sampling: SamplingDefaults | None = None


class VoiceStore:
    """The voices in ``folder``, which need not exist yet. Several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> Listing:
        """All voices, and the folders that are damaged."""
        voices: list[Voice] = []
        damaged: list[DamagedVoice] = []
        for name in self._names():
            try:
                voices.append(self._read(name)[0])
            except BadReference as error:
                damaged.append(DamagedVoice(name, str(error)))
            except UnknownVoice:
                continue  # removed in the meantime
        return Listing(tuple(voices), tuple(damaged))

    def get(self, name: str) -> Voice:
        """Raises UnknownVoice, and BadReference when the voice is damaged."""
        return self._read(name)[0]

    def reference(self, name: str, codec: CodecConfig) -> Reference:
        """What the voice ``name`` speaks like. Raises as :meth:`get`, and when its codes do not fit ``codec``."""
        voice, codes = self._read(name)
        try:
            _check_codes(codes, codec)
        except BadReference as error:
            raise BadReference(f"voice {name!r} was made for the model {voice.model!r}: {error}") from error
        return Reference(codes, voice.reference_text, self._folder / name)

    def path(self, name: str) -> Path:
        """The folder of the voice ``name``, for files derived from it. Raises UnknownVoice."""
        if not _usable(name) or not (self._folder / name).is_dir():
            known = ", ".join(self._names()) or "none yet"
            raise UnknownVoice(f"there is no voice {name!r}; your voices: {known}")
        return self._folder / name

    def add(
        self,
        name: str,
        model: str,
        reference: Reference,
        codec: CodecConfig,
        *,
        language: str | None = None,
        description: str = "",
        sampling: SamplingDefaults | None = None,
        replace: bool = False,
    ) -> Voice:
        """Save a voice. Raises BadRequest when the name cannot be used or is taken, BadReference for codes that
        do not fit ``codec``, DaemonError when the disk refuses.
        """
        if not _usable(name):
            raise BadRequest(
                f"{name!r} cannot be a voice's name; use up to 64 letters, digits, '-' and '_', "
                "beginning with a letter or digit"
            )
        if not reference.text.isascii() and any("\ud800" <= c <= "\udfff" for c in reference.text):
            raise BadReference("the reference's text is not valid Unicode; give it in UTF-8")
        _check_codes(reference.codes, codec)
        codes = reference.codes.astype(np.int32)
        file = _VoiceFile(
            FORMAT_VERSION, model, reference.text, _hash(codes, reference.text), language, description, sampling
        )
        with self._writing() as work:
            (work / VOICE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(file), indent=2))
            np.save(work / CODES_FILE, codes, allow_pickle=False)
            if replace and (self._folder / name).exists():
                self._discard(name)
            try:
                work.rename(self._folder / name)
            except OSError as error:
                if (self._folder / name).exists():
                    raise BadRequest(f"there already is a voice {name!r}; remove it first") from error
                raise
        return _voice(name, file)

    def remove(self, name: str) -> None:
        """Raises UnknownVoice, DaemonError when the disk refuses. Damaged voices can be removed too."""
        self.path(name)
        try:
            self._discard(name)
        except OSError as error:
            raise DaemonError(f"voice {name!r} cannot be removed: {error}") from error

    def _names(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(path.name for path in self._folder.iterdir() if path.is_dir() and _usable(path.name))

    def _read(self, name: str) -> tuple[Voice, Codes]:
        path = self.path(name)
        try:
            folder = UntrustedFolder(path, BadReference)
            folder.folder()
            file = folder.json(VOICE_FILE, _VoiceFile)
            # Mapped, because a damaged header may claim any size.
            codes = np.array(np.load(folder.file(CODES_FILE, MAX_CODES_BYTES), mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError, BadReference) as error:
            raise BadReference(_damaged(name, str(error))) from error
        if file.format_version != FORMAT_VERSION:
            raise BadReference(
                f"voice {name!r} is of format {file.format_version}, this fishvoice reads {FORMAT_VERSION}; "
                "make the voice again"
            )
        if codes.dtype.kind not in "iu" or _hash(codes, file.reference_text) != file.reference_hash:
            raise BadReference(_damaged(name, "its codes and text are not those that were saved"))
        return _voice(name, file), codes.astype(np.int64)

    @contextmanager
    def _writing(self) -> Iterator[Path]:
        """A temporary folder beside the voices, deleted at the end unless renamed."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise DaemonError(f"the voice cannot be saved: {error}") from error

    def _discard(self, name: str) -> None:
        # Renamed first: a voice that is half removed is seen by no one.
        grave = Path(tempfile.mkdtemp(prefix=".old-", dir=self._folder))
        os.rename(self._folder / name, grave / name)
        shutil.rmtree(grave)


def _usable(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and not _WINDOWS_DEVICES.fullmatch(name)


def _voice(name: str, file: _VoiceFile) -> Voice:
    return Voice(
        name, file.model, file.reference_text, file.reference_hash, file.language, file.description, file.sampling
    )


def _hash(codes: np.ndarray, text: str) -> str:
    """SHA-256 of codes and text, whatever integers the codes are kept in."""
    digest = hashlib.sha256(repr(codes.shape).encode())
    digest.update(np.ascontiguousarray(codes, dtype="<i8").tobytes())
    digest.update(text.encode())
    return digest.hexdigest()


def _check_codes(codes: np.ndarray, codec: CodecConfig) -> None:
    if codes.ndim != 2 or codes.shape[0] != codec.num_codebooks or not codes.shape[1]:
        raise BadReference(f"codes of shape {codes.shape} do not fit a codec of {codec.num_codebooks} codebooks")
    sizes = [codec.semantic_codebook_size] + [codec.codebook_size] * (codec.num_codebooks - 1)
    if (codes < 0).any() or (codes >= np.array(sizes)[:, None]).any():
        raise BadReference("some codes are beyond the codec's codebooks")


def _damaged(name: str, why: str) -> str:
    return f"voice {name!r} is damaged ({why}); remove it and add it again"
