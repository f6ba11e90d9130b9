"""The macOS door: sysctl and pmset → HardwareFacts."""

from __future__ import annotations

from fishvoiced.hardware.apple_models import fanless
from fishvoiced.hardware.cpu_name import parse_brand
from fishvoiced.hardware.detect.system_access import CommandError, SystemAccess
from fishvoiced.hardware.facts import Core, HardwareFacts, Isa, Power, System

_SYSCTL = (
    "/usr/sbin/sysctl",
    "-i",  # unknown names are skipped: they differ between Intel, Apple Silicon and releases
    "hw",
    "machdep.cpu",
    "sysctl.proc_translated",
    "kern.hv_vmm_present",
)
_TIMEOUT_S = 2.0


def collect_macos(doors: SystemAccess) -> HardwareFacts:
    """Read a Mac: one sysctl call for everything, one pmset call for the power source."""
    values = _sysctl(doors)
    brand = values.get("machdep.cpu.brand_string", "")
    model = values.get("hw.model")
    apple = values.get("hw.optional.arm64") == "1" or "apple" in brand.casefold()
    return HardwareFacts(
        system=System.MACOS,
        machine=doors.machine,
        brand=brand,
        name=parse_brand(brand, values.get("machdep.cpu.vendor", "Apple" if apple else "")),
        cores=_cores(values),
        affinity=None,  # macOS has none
        memory_bytes=_int(values.get("hw.memsize")),
        isa=_isa(values, apple),
        virtualization="apple" if values.get("kern.hv_vmm_present") == "1" else None,
        translated=values.get("sysctl.proc_translated") == "1",
        fanless=fanless(model) if model and apple else None,
        apple_model=model,
        power=_power(doors),
    )


def _sysctl(doors: SystemAccess) -> dict[str, str]:
    try:
        text = doors.run(_SYSCTL, _TIMEOUT_S)
    except CommandError:
        return {}  # then nothing is known, which the facts say by themselves
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _int(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _cores(values: dict[str, str]) -> tuple[Core, ...]:
    """Apple numbers efficiency cores first; Intel Macs have two threads per core."""
    levels = _int(values.get("hw.nperflevels")) or 0
    fast = slow = 0
    for level in range(levels):
        count = _int(values.get(f"hw.perflevel{level}.physicalcpu")) or 0
        name = values.get(f"hw.perflevel{level}.name", "")
        # Level 0 is the fastest; names came with a later release.
        if name.startswith("Efficiency") or (not name and level > 0):
            slow += count
        else:
            fast += count
    if fast + slow:
        return tuple(Core((cpu,), cpu >= slow) for cpu in range(fast + slow))
    physical = _int(values.get("hw.physicalcpu")) or 0
    logical = _int(values.get("hw.logicalcpu")) or physical
    each = logical // physical if physical else 1
    return tuple(Core(tuple(range(c * each, (c + 1) * each))) for c in range(physical))


def _isa(values: dict[str, str], apple: bool) -> Isa:
    def flag(name: str) -> bool | None:
        value = values.get(f"hw.optional.{name}")
        return None if value is None else value == "1"

    if apple:
        return Isa(dotprod=flag("arm.FEAT_DotProd"), i8mm=flag("arm.FEAT_I8MM"), bf16=flag("arm.FEAT_BF16"))
    return Isa(
        avx2=flag("avx2_0"),
        avx512f=flag("avx512f"),
        avx_vnni=False,  # no Intel Mac was made with these three
        avx512_vnni="AVX512VNNI" in values.get("machdep.cpu.leaf7_features", "").split(),
        avx512_bf16=False,
        amx_int8=False,
    )


def _power(doors: SystemAccess) -> Power | None:
    try:
        text = doors.run(("/usr/bin/pmset", "-g", "batt"), _TIMEOUT_S)
    except CommandError:
        return None
    if "'Battery Power'" in text:
        return Power.BATTERY
    return Power.MAINS if "'AC Power'" in text else None
