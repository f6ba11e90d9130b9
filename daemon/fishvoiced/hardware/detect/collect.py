"""collect(): this machine's HardwareFacts, read directly and within milliseconds."""

from __future__ import annotations

import os

from fishvoiced.hardware.cpu_name import parse_brand
from fishvoiced.hardware.detect.isa_cache import isa_cache_file, with_cached_isa
from fishvoiced.hardware.detect.linux import collect_linux
from fishvoiced.hardware.detect.macos import collect_macos
from fishvoiced.hardware.detect.system_access import SystemAccess, system_access
from fishvoiced.hardware.detect.windows import collect_windows
from fishvoiced.hardware.facts import Core, HardwareFacts, System


def collect(doors: SystemAccess | None = None) -> HardwareFacts:
    """Read what the machine says about itself; what it does not say stays None.

    Takes milliseconds (a few files, one or two short commands, or the registry), so that it can
    lie on the start-up path. Never raises for a missing source. Without ``doors`` it is this very machine, and
    instruction sets that its system does not tell are taken from the cache that `learn_isa` writes.
    """
    if doors is None:
        return with_cached_isa(_read(system_access()), isa_cache_file())
    return _read(doors)


def _read(doors: SystemAccess) -> HardwareFacts:
    if doors.system is System.LINUX:
        return collect_linux(doors)
    if doors.system is System.MACOS:
        return collect_macos(doors)
    if doors.system is System.WINDOWS:
        return collect_windows(doors)
    return HardwareFacts(
        machine=doors.machine,
        brand=doors.machine,
        name=parse_brand(doors.machine),
        cores=tuple(Core((cpu,)) for cpu in range(os.cpu_count() or 1)),
        affinity=doors.affinity,
    )
