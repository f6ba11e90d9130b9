"""Recorded machines: fake file trees, command answers and registries for the hardware tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from fishvoiced.hardware.detect.system_access import CommandError


def tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below a root and return the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


class Commands:
    """A command runner that answers from a table (by program name) and keeps what it was asked."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, argv: Sequence[str], timeout_seconds: float) -> str:
        self.asked.append(tuple(argv))
        name = argv[0].rsplit("/", 1)[-1]
        if name not in self._answers:
            raise CommandError(f"{name} cannot be run: No such file or directory")
        return self._answers[name]


class Kernel:
    """Windows kernel calls with fixed answers."""

    def __init__(self, features: set[int], records: bytes, mains: bool | None = True) -> None:
        self._features, self._records, self._mains = features, records, mains

    def processor_feature(self, number: int) -> bool:
        return number in self._features

    def core_records(self) -> bytes:
        return self._records

    def memory_bytes(self) -> int | None:
        return 16 << 30

    def on_mains(self) -> bool | None:
        return self._mains

    def affinity(self) -> frozenset[int] | None:
        return None


def core_record(mask: int, efficiency_class: int, group: int = 0) -> bytes:
    """One processor-core record as GetLogicalProcessorInformationEx writes it."""
    flags = 1 if mask.bit_count() > 1 else 0
    head = struct.pack("<IIBB20xH", 0, 48, flags, efficiency_class, 1)
    return head + struct.pack("<QH6x", mask, group)


def topology(
    siblings: Sequence[str], max_khz: Sequence[int] | None = None, online: str | None = None
) -> dict[str, str]:
    """The sysfs files of a CPU layout; ``siblings[n]`` is CPU n's thread_siblings_list."""
    base = "sys/devices/system/cpu"
    files = {f"{base}/online": f"{online or f'0-{len(siblings) - 1}'}\n"}
    for cpu, group in enumerate(siblings):
        files[f"{base}/cpu{cpu}/topology/thread_siblings_list"] = f"{group}\n"
        if max_khz:
            files[f"{base}/cpu{cpu}/cpufreq/cpuinfo_max_freq"] = f"{max_khz[cpu]}\n"
    return files


I7_12700H = {
    "proc/cpuinfo": (
        "processor\t: 0\nvendor_id\t: GenuineIntel\n"
        "model name\t: 12th Gen Intel(R) Core(TM) i7-12700H\n"
        "flags\t\t: fpu sse4_2 avx avx2 fma avx_vnni\n\nprocessor\t: 1\n"
    ),
    "proc/meminfo": "MemTotal:       16000000 kB\nMemFree:  1 kB\n",
    # Six performance cores with two threads each, eight efficiency cores.
    **topology([f"{c - c % 2}-{c - c % 2 + 1}" if c < 12 else str(c) for c in range(20)]),
    "sys/devices/cpu_core/cpus": "0-11\n",
    "sys/devices/cpu_atom/cpus": "12-19\n",
    "sys/class/power_supply/AC/type": "Mains\n",
    "sys/class/power_supply/AC/online": "0\n",
    "sys/class/power_supply/BAT0/type": "Battery\n",
    "sys/class/power_supply/BAT0/status": "Discharging\n",
    "sys/class/dmi/id/sys_vendor": "LENOVO\n",
}

RK3588 = {
    "proc/cpuinfo": "".join(
        f"processor\t: {cpu}\nBogoMIPS\t: 48.00\n"
        "Features\t: fp asimd aes crc32 atomics asimdhp asimddp\n"
        f"CPU implementer\t: 0x41\nCPU part\t: {'0xd05' if cpu < 4 else '0xd0b'}\n\n"
        for cpu in range(8)
    ),
    "proc/meminfo": "MemTotal:        8000000 kB\n",
    **topology([str(c) for c in range(8)], [1800000] * 4 + [2256000] * 2 + [2304000] * 2),
    "proc/device-tree/model": "Orange Pi 5\0",
}

RASPBERRY_PI_5 = {
    "proc/cpuinfo": "".join(
        f"processor\t: {cpu}\n"
        "Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimddp\n"
        "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0b\n\n"
        for cpu in range(4)
    )
    + "Revision\t: c04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
    "proc/meminfo": "MemTotal:        4000000 kB\n",
    **topology([str(c) for c in range(4)], [2400000] * 4),
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
}

EPYC_GUEST = {
    "proc/cpuinfo": (
        "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\n"
        "flags\t\t: avx2 hypervisor avx512f avx512_vnni avx512_bf16\n\n"
    ),
    "proc/meminfo": "MemTotal:       24000000 kB\n",
    **topology(["0", "1"]),
}

M1_AIR_SYSCTL = """\
hw.ncpu: 8
hw.model: MacBookAir10,1
hw.memsize: 8589934592
hw.physicalcpu: 8
hw.logicalcpu: 8
hw.nperflevels: 2
hw.perflevel0.physicalcpu: 4
hw.perflevel0.name: Performance
hw.perflevel1.physicalcpu: 4
hw.perflevel1.name: Efficiency
hw.optional.arm64: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 0
hw.optional.arm.FEAT_BF16: 0
machdep.cpu.brand_string: Apple M1
sysctl.proc_translated: 0
kern.hv_vmm_present: 0
"""

ROSETTA_SYSCTL = (
    M1_AIR_SYSCTL.replace("Apple M1", "VirtualApple @ 2.50GHz").replace(
        "sysctl.proc_translated: 0", "sysctl.proc_translated: 1"
    )
    + "machdep.cpu.vendor: GenuineIntel\n"
)

INTEL_MAC_SYSCTL = """\
hw.model: MacBookPro16,1
hw.memsize: 17179869184
hw.physicalcpu: 6
hw.logicalcpu: 12
hw.optional.avx2_0: 1
hw.optional.avx512f: 0
machdep.cpu.vendor: GenuineIntel
machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
machdep.cpu.leaf7_features: RDWRFSGS TSC_THREAD_OFFSET BMI1 AVX2 SMEP BMI2
"""

PMSET_BATTERY = """\
Now drawing from 'Battery Power'
 -InternalBattery-0 (id=4653155)\t81%; discharging; 5:21 remaining present: true
"""
