"""The Windows door: registry and kernel calls → HardwareFacts."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fishvoiced.hardware.cpu_name import parse_brand
from fishvoiced.hardware.detect.system_access import SystemAccess, WindowsKernel
from fishvoiced.hardware.facts import Core, HardwareFacts, Isa, Power, System

_CPU_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
_BIOS_KEY = r"HARDWARE\DESCRIPTION\System\BIOS"
_VERSION_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"

# Numbers of IsProcessorFeaturePresent (winnt.h).
_PF_AVX2, _PF_AVX512F = 40, 41
_PF_ARM_DOTPROD, _PF_ARM_I8MM, _PF_ARM_BF16 = 43, 66, 68
# Windows 10 2004, the first release whose "no" about AVX2 can be trusted.
_FEATURES_SINCE_BUILD = 19041

_HYPERVISORS = (
    ("virtual machine", "hyper-v"),
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("xen", "xen"),
    ("parallels", "parallels"),
    ("google compute engine", "kvm"),
)


def collect_windows(doors: SystemAccess) -> HardwareFacts:
    """Read a Windows machine; starts no process and asks no WMI."""
    brand = _text(doors, _CPU_KEY, "ProcessorNameString")
    vendor = _text(doors, _CPU_KEY, "VendorIdentifier")
    name = parse_brand(brand, vendor)
    kernel = doors.kernel
    on_mains = kernel.on_mains() if kernel else None
    return HardwareFacts(
        system=System.WINDOWS,
        machine=doors.machine,
        brand=brand,
        name=name,
        cores=parse_core_records(kernel.core_records()) if kernel else (),
        affinity=doors.affinity,
        memory_bytes=kernel.memory_bytes() if kernel else None,
        isa=_isa(doors, kernel) if kernel else Isa(),
        virtualization=_virtualization(doors),
        translated=doors.machine == "AMD64" and name.vendor == "qualcomm",
        power=None if on_mains is None else Power.MAINS if on_mains else Power.BATTERY,
    )


def _text(doors: SystemAccess, key: str, value: str) -> str:
    found = doors.registry(key, value)
    return found.strip() if isinstance(found, str) else ""


def parse_core_records(data: bytes) -> tuple[Core, ...]:
    """GetLogicalProcessorInformationEx(RelationProcessorCore) → cores.

    A record is: relation and size (u32 each), flags and efficiency class (u8 each), 20 reserved
    bytes, the number of group masks (u16), then masks of 16 bytes: bits (u64), group (u16).
    A higher efficiency class is a faster core. A truncated record ends the list.
    """
    found = list(_core_records(data))
    best = max((speed for _, speed in found), default=0)
    return tuple(Core(cpus, speed == best) for cpus, speed in found)


def _core_records(data: bytes) -> Iterator[tuple[tuple[int, ...], int]]:
    offset = 0
    while offset + 48 <= len(data):
        relation, size = struct.unpack_from("<II", data, offset)
        if size < 48 or offset + size > len(data):
            return
        if relation == 0:
            groups = struct.unpack_from("<H", data, offset + 30)[0]
            cpus: list[int] = []
            for index in range(min(groups, (size - 32) // 16)):
                mask, group = struct.unpack_from("<QH", data, offset + 32 + 16 * index)
                cpus += [64 * group + bit for bit in range(64) if mask >> bit & 1]
            yield tuple(cpus), data[offset + 9]
        offset += size


def _isa(doors: SystemAccess, kernel: WindowsKernel) -> Isa:
    build = _text(doors, _VERSION_KEY, "CurrentBuildNumber")
    trusted = build.isdigit() and int(build) >= _FEATURES_SINCE_BUILD

    def flag(number: int, no_is_known: bool = True) -> bool | None:
        return True if kernel.processor_feature(number) else (False if no_is_known else None)

    if doors.machine.upper().startswith("ARM"):
        # Older releases say "no" to numbers that they do not know.
        return Isa(
            dotprod=flag(_PF_ARM_DOTPROD, trusted),
            i8mm=flag(_PF_ARM_I8MM, False),
            bf16=flag(_PF_ARM_BF16, False),
        )
    return Isa(avx2=flag(_PF_AVX2, trusted), avx512f=flag(_PF_AVX512F, trusted))


def _virtualization(doors: SystemAccess) -> str | None:
    # The CPU's own hypervisor bit tells nothing: Windows 11 runs on Hyper-V on bare metal too.
    names = (_text(doors, _BIOS_KEY, v) for v in ("SystemManufacturer", "SystemProductName"))
    system = " ".join(names).casefold()
    return next((name for mark, name in _HYPERVISORS if mark in system), None)
