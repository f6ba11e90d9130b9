"""The Linux door: /proc, /sys, the device tree and cgroups → HardwareFacts."""

from __future__ import annotations

import re

from fishvoiced.hardware.apple_models import fanless
from fishvoiced.hardware.arm_parts import part_name
from fishvoiced.hardware.cpu_name import parse_brand
from fishvoiced.hardware.detect.cgroup import read_limits
from fishvoiced.hardware.detect.system_access import Files, SystemAccess
from fishvoiced.hardware.facts import ArmPart, Core, HardwareFacts, Isa, Power, System

_CPU = "sys/devices/system/cpu"

# A performance core reaches this share of the fastest core's clock (or capacity).
PERFORMANCE_SHARE = 0.8


def collect_linux(doors: SystemAccess) -> HardwareFacts:
    """Read a Linux machine. Needs no root and starts no process."""
    files = doors.files
    # One entry is enough on x86, and 64 KiB hold every core of any ARM machine that mixes them:
    # the whole file costs milliseconds per hundred CPUs.
    cpuinfo = files.peek("proc/cpuinfo", 1 << 16) or ""
    entry = _entry(cpuinfo)
    board = files.peek("proc/device-tree/model")
    parts = _arm_parts(cpuinfo)
    brand = entry.get("model name") or entry.get("Processor") or entry.get("cpu model") or ""
    if not brand and parts:
        brand = " + ".join(dict.fromkeys(part_name(part) for part in parts))
    limits = read_limits(files)
    return HardwareFacts(
        system=System.LINUX,
        machine=doors.machine,
        brand=brand,
        name=parse_brand(brand, entry.get("vendor_id", "")),
        cores=_cores(files),
        affinity=doors.affinity,
        quota_cpus=limits.cpus,
        memory_bytes=_memory(files),
        memory_limit_bytes=limits.memory_bytes,
        isa=_isa(entry),
        arm_parts=parts,
        virtualization=_virtualization(files, entry, board),
        translated=entry.get("vendor_id") == "VirtualApple",
        fanless=fanless(board) if board and board.startswith("Apple") else None,
        board_model=board or None,
        power=_power(files),
    )


def _entry(cpuinfo: str) -> dict[str, str]:
    """The first CPU's lines of /proc/cpuinfo, and those below the last blank line on old ARM."""
    lines = cpuinfo.split("\n\n", 1)[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _arm_parts(cpuinfo: str) -> tuple[ArmPart, ...]:
    implementers = re.findall(r"^CPU implementer\s*:\s*(0x[0-9a-f]+)", cpuinfo, re.MULTILINE | re.IGNORECASE)
    numbers = re.findall(r"^CPU part\s*:\s*(0x[0-9a-f]+)", cpuinfo, re.MULTILINE | re.IGNORECASE)
    pairs = zip(implementers, numbers, strict=False)
    return tuple(dict.fromkeys(ArmPart(int(i, 16), int(p, 16)) for i, p in pairs))


def _isa(entry: dict[str, str]) -> Isa:
    if "flags" in entry:
        flags = set(entry["flags"].split())
        return Isa(
            avx2="avx2" in flags,
            avx512f="avx512f" in flags,
            avx_vnni="avx_vnni" in flags,
            avx512_vnni="avx512_vnni" in flags,
            avx512_bf16="avx512_bf16" in flags,
            amx_int8="amx_int8" in flags,
        )
    if "Features" in entry:
        features = set(entry["Features"].split())
        return Isa(dotprod="asimddp" in features, i8mm="i8mm" in features, bf16="bf16" in features)
    return Isa()


def cpu_list(text: str) -> tuple[int, ...]:
    """The kernel's list format, "0-3,8" → (0, 1, 2, 3, 8)."""
    cpus: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return tuple(cpus)


def _cores(files: Files) -> tuple[Core, ...]:
    online = files.peek(f"{_CPU}/online")
    if online is None:
        return ()
    siblings: dict[tuple[int, ...], float] = {}
    for cpu in cpu_list(online):
        base = f"{_CPU}/cpu{cpu}"
        shared = files.peek(f"{base}/topology/thread_siblings_list")
        group = cpu_list(shared) if shared else (cpu,)
        if group not in siblings:
            speed = files.peek(f"{base}/cpufreq/cpuinfo_max_freq") or files.peek(f"{base}/cpu_capacity")
            siblings[group] = float(speed) if speed else 0.0
    slow = files.peek("sys/devices/cpu_atom/cpus")
    if slow is not None:  # Intel's hybrid chips say it themselves
        efficiency = set(cpu_list(slow))
        return tuple(Core(g, efficiency.isdisjoint(g)) for g in siblings)
    best = max(siblings.values(), default=0.0)
    return tuple(Core(g, speed >= PERFORMANCE_SHARE * best) for g, speed in siblings.items())


def _memory(files: Files) -> int | None:
    match = re.search(r"^MemTotal:\s*(\d+) kB", files.peek("proc/meminfo") or "", re.MULTILINE)
    return int(match[1]) * 1024 if match else None


_DMI_HYPERVISORS = (
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("vmware", "vmware"),
    ("innotek", "virtualbox"),
    ("virtualbox", "virtualbox"),
    ("xen", "xen"),
    ("microsoft corporation virtual machine", "hyper-v"),
    ("google compute engine", "kvm"),
    ("apple virtualization", "apple"),
    ("parallels", "parallels"),
    ("bochs", "bochs"),
)


def _virtualization(files: Files, entry: dict[str, str], board: str | None) -> str | None:
    if "microsoft" in (files.peek("proc/sys/kernel/osrelease") or "").casefold():
        return "wsl"
    dmi = " ".join(files.peek(f"sys/class/dmi/id/{name}") or "" for name in ("sys_vendor", "product_name")).casefold()
    for mark, name in _DMI_HYPERVISORS:
        if mark in dmi:
            return name
    if "hypervisor" in entry.get("flags", "").split():
        return (files.peek("sys/hypervisor/type") or "unnamed hypervisor").strip()
    if "dummy-virt" in (board or ""):
        return "kvm"
    hypervisor = files.peek("proc/device-tree/hypervisor/compatible")
    return hypervisor.split("\0")[0] if hypervisor else None


def _power(files: Files) -> Power | None:
    """Battery when a battery discharges and no mains adapter is on; None without any supply."""
    mains = battery = False
    for name in files.names("sys/class/power_supply"):
        base = f"sys/class/power_supply/{name}"
        kind = files.peek(f"{base}/type")
        if kind in ("Mains", "USB") and files.peek(f"{base}/online") == "1":
            mains = True
        elif kind == "Battery" and files.peek(f"{base}/scope") != "Device":
            status = files.peek(f"{base}/status")
            battery = battery or status == "Discharging"
            mains = mains or status in ("Charging", "Full", "Not charging")
    if mains:
        return Power.MAINS
    return Power.BATTERY if battery else None
