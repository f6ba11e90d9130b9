"""What ``fishvoice models`` does for kinds besides Fish: light voices are pulled, Piper's imported."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fishvoiced.backends.light import package
from fishvoiced.backends.piper.store import CONFIG_SUFFIX, GRAPH_SUFFIX, PiperStore, found_in
from fishvoiced.errors import BadRequest, MissingExtra, ModelStoreError

LIGHT = "hibari/"


def pull_light(name: str) -> int:
    """Download ``hibari/VOICE``, once. Raises VoiceUnavailable, BadRequest for a voice that is not offered."""
    hibari, voice = package.load(), name.removeprefix(LIGHT)
    if voice not in hibari.known_voices():
        offered = ", ".join(LIGHT + known for known in hibari.known_voices())
        raise BadRequest(f"there is no voice {name!r} to download; there are: {offered}")
    print(f"{voice}: ready in {hibari.fetch(voice)}; fishvoice say --voice {voice} …")
    return 0


def is_piper(path: Path) -> bool:
    """Whether these are Piper voices rather than a Fish checkpoint."""
    return path.suffix == GRAPH_SUFFIX or (path.is_dir() and any(path.rglob(f"*{CONFIG_SUFFIX}")))


def import_piper(path: Path) -> int:
    """Copy one voice, or all in a folder, into the store. Raises ModelStoreError, MissingExtra behind the copying."""
    found = found_in(path)
    if not found:
        raise ModelStoreError(f"{path} has no Piper voice: a NAME.onnx with NAME.onnx.json beside it")
    for files in found:
        voice = PiperStore().add(files)
        print(f"{voice.name}: ready; {voice.language}, {voice.sample_rate} Hz; fishvoice say --voice {voice.name} …")
    if importlib.util.find_spec("piper") is None:
        raise MissingExtra("piper", "speaking with a Piper voice")
    return 0


def list_piper() -> None:
    for voice in PiperStore().voices():
        size = voice.graph.stat().st_size / 1e6
        print(f"{voice.name}: {size:.1f} MB, {voice.sample_rate} Hz, Piper, {voice.language}  {voice.graph.parent}")
    for name, reason in PiperStore().damaged().items():
        print(f"{name}: cannot be used: {reason}")


def remove_piper(name: str) -> bool:
    """Whether there was such a voice."""
    if not PiperStore().remove(name, missing_ok=True):
        return False
    print(f"removed {name}")
    return True
