"""The slow look at the instruction set: py-cpuinfo in the background, its answer cached in a file."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from fishvoice import paths
from fishvoice.files import write_whole
from fishvoiced.hardware.facts import HardwareFacts

log = logging.getLogger(__name__)

_ARM_FLAGS = frozenset({"dotprod", "i8mm", "bf16"})

# py-cpuinfo's names for the flags that the platform's own door may leave unknown.
_FLAGS = {
    "avx2": "avx2",
    "avx512f": "avx512f",
    "avx_vnni": "avx_vnni",
    "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16",
    "amx_int8": "amx_int8",
    "dotprod": "asimddp",
    "i8mm": "i8mm",
    "bf16": "bf16",
}


def isa_cache_file() -> Path:
    """Where this user's daemon keeps what py-cpuinfo said."""
    return paths.cache_dir() / "isa.json"


def unknown_isa(facts: HardwareFacts) -> tuple[str, ...]:
    """The instruction sets of this architecture that the facts leave unknown."""
    return tuple(name for name in _FLAGS if getattr(facts.isa, name) is None and _concerns(facts, name))


def with_cached_isa(facts: HardwareFacts, cache: Path) -> HardwareFacts:
    """Fill what the facts leave unknown from the cache file, if it is of this very CPU.

    A missing, damaged or foreign file changes nothing.
    """
    try:
        stored = json.loads(cache.read_text("utf-8"))
    except (OSError, ValueError):
        return facts
    if not isinstance(stored, Mapping) or stored.get("brand") != facts.brand:
        return facts
    flags = stored.get("flags")
    return _filled(facts, flags) if isinstance(flags, list) and flags else facts


def learn_isa(facts: HardwareFacts, cache: Path, on_done: Callable[[HardwareFacts], None]) -> threading.Thread:
    """Ask py-cpuinfo (over a second of work) on a thread, write the cache, hand over the facts.

    ``on_done`` gets the unchanged facts when the library cannot tell or the file cannot be
    written; it is called exactly once.
    """

    def work() -> None:
        flags = _ask_cpuinfo()
        if flags:
            try:
                _write(cache, {"brand": facts.brand, "flags": flags})
            except OSError as error:
                log.warning("the instruction sets of this CPU cannot be kept: %s", error)
        on_done(_filled(facts, flags) if flags else facts)

    thread = threading.Thread(target=work, name="fishvoice-isa", daemon=True)
    thread.start()
    return thread


def _ask_cpuinfo() -> list[str]:
    try:
        from cpuinfo import get_cpu_info
    except ImportError:
        return []  # not installed: the unknown stays unknown
    return sorted(str(flag) for flag in get_cpu_info().get("flags", ()))


def _filled(facts: HardwareFacts, flags: Iterable[str]) -> HardwareFacts:
    present = {flag.casefold() for flag in flags}
    answers = {name: _FLAGS[name] in present for name in unknown_isa(facts)}
    return replace(facts, isa=replace(facts.isa, **answers))


def _concerns(facts: HardwareFacts, flag: str) -> bool:
    arm = facts.machine.casefold().startswith(("arm", "aarch"))
    return arm == (flag in _ARM_FLAGS)


def _write(path: Path, record: Mapping[str, object]) -> None:
    write_whole(path, json.dumps(record).encode())
