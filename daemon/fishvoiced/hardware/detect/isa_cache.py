"""The slow look at the instruction set: py-cpuinfo in the background, its answer cached in a file."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path

from fishvoiced.hardware.facts import HardwareFacts, Isa

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
            _write(cache, {"brand": facts.brand, "flags": flags})
        on_done(_filled(facts, flags) if flags else facts)

    thread = threading.Thread(target=work, name="fishvoice-isa", daemon=True)
    thread.start()
    return thread


def _ask_cpuinfo() -> list[str]:
    try:
        from cpuinfo import get_cpu_info
    except ImportError:
        return []  # an optional extra: without it the unknown stays unknown
    return sorted(str(flag) for flag in get_cpu_info().get("flags", ()))


def _filled(facts: HardwareFacts, flags: Iterable[str]) -> HardwareFacts:
    present = {flag.casefold() for flag in flags}
    arm = facts.machine.casefold().startswith(("arm", "aarch"))
    answers = {}
    for field in fields(Isa):
        is_arm_flag = field.name in ("dotprod", "i8mm", "bf16")
        if getattr(facts.isa, field.name) is None and is_arm_flag == arm:
            answers[field.name] = _FLAGS[field.name] in present
    return replace(facts, isa=replace(facts.isa, **answers))


def _write(path: Path, record: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    partial.write_text(json.dumps(record), "utf-8")
    partial.replace(path)
