"""collect() on recorded machines, and live on this one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fishvoiced.hardware.classify import classify
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.detect.linux import cpu_list
from fishvoiced.hardware.detect.system_access import CommandError, Files, SystemAccess, run_command
from fishvoiced.hardware.facts import HardwareFacts, Isa, Power, System
from fishvoiced.hardware.tiers import Tier
from tests.hardware.machines import (
    EPYC_GUEST,
    I7_12700H,
    INTEL_MAC_SYSCTL,
    M1_AIR_SYSCTL,
    PMSET_BATTERY,
    RASPBERRY_PI_5,
    RK3588,
    ROSETTA_SYSCTL,
    Commands,
    Kernel,
    core_record,
    tree,
)


def linux(root: Path, files: dict[str, str], cpus: int = 8, machine: str = "x86_64") -> HardwareFacts:
    doors = SystemAccess(System.LINUX, machine, Files(tree(root, files)), affinity=frozenset(range(cpus)))
    return collect(doors)


def test_hybrid_notebook(tmp_path: Path) -> None:
    facts = linux(tmp_path, I7_12700H, 20)
    assert (facts.vendor, facts.family, facts.generation, facts.suffix) == ("intel", "Core i7", 12, "H")
    assert (facts.physical_cores, facts.logical_cores) == (14, 20)
    assert (facts.performance_cores, facts.efficiency_cores) == (6, 8)
    assert facts.smt is True
    assert facts.memory_bytes == 16000000 * 1024
    assert facts.isa == Isa(True, False, True, False, False, False)
    assert facts.isa.names() == ("AVX2", "AVX-VNNI")
    assert facts.power is Power.BATTERY
    assert not facts.virtualized
    assert classify(facts).tier is Tier.INTEL_HIGH_END


def test_board_that_numbers_slow_cores_first(tmp_path: Path) -> None:
    facts = linux(tmp_path, RK3588, machine="aarch64")
    assert [core.performance for core in facts.cores] == [False] * 4 + [True] * 4
    assert facts.brand == "Cortex-A55 + Cortex-A76"
    assert facts.isa.dotprod is True
    assert facts.isa.i8mm is False
    assert facts.isa.avx2 is None
    assert classify(facts).tier is Tier.ARM_SBC


def test_raspberry_pi(tmp_path: Path) -> None:
    facts = linux(tmp_path, RASPBERRY_PI_5, 4, "aarch64")
    assert facts.board_model == "Raspberry Pi 5 Model B Rev 1.0"
    assert facts.performance_cores == 4
    assert not facts.hybrid
    verdict = classify(facts)
    assert verdict.tier is Tier.ARM_SBC
    assert "Raspberry Pi 5" in verdict.reasons[0]


def test_virtual_guest(tmp_path: Path) -> None:
    facts = linux(tmp_path, EPYC_GUEST, 2)
    assert facts.virtualized
    assert facts.isa.names() == ("AVX2", "AVX-512F", "AVX512-VNNI", "AVX512-BF16")
    assert classify(facts).tier is Tier.GENERIC


def test_guest_named_by_its_firmware(tmp_path: Path) -> None:
    facts = linux(tmp_path, EPYC_GUEST | {"sys/class/dmi/id/sys_vendor": "QEMU\n"}, 2)
    assert facts.virtualization == "kvm"


def test_wsl(tmp_path: Path) -> None:
    files = I7_12700H | {"proc/sys/kernel/osrelease": "5.15.133.1-microsoft-standard-WSL2\n"}
    facts = linux(tmp_path, files, 20)
    assert facts.virtualization == "wsl"
    assert classify(facts).tier is Tier.INTEL_HIGH_END


def test_offline_and_dense_cores_of_amd(tmp_path: Path) -> None:
    """Zen 5c cores clock at two thirds of the others: efficiency cores by the 0.8 rule."""
    from tests.hardware.machines import topology

    khz = [5100000] * 4 + [3300000] * 8
    facts = linux(tmp_path, EPYC_GUEST | topology([str(c) for c in range(12)], khz), 12)
    assert (facts.performance_cores, facts.efficiency_cores) == (4, 8)


def test_an_empty_machine_is_unknown_not_wrong(tmp_path: Path) -> None:
    facts = linux(tmp_path, {})
    assert facts.physical_cores is None
    assert facts.memory_bytes is None
    assert facts.isa == Isa()
    assert facts.power is None
    assert classify(facts).tier is Tier.GENERIC


@pytest.mark.parametrize(
    ("files", "quota", "memory"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5, None),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, None, None),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/memory.max": "1073741824\n",
            },
            2.0,
            1 << 30,
        ),
        (
            {"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
            0.5,
            None,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "2147483648\n",
            },
            3.0,
            2 << 30,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/\n3:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
            None,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "broken\n"}, None, None),
    ],
)
def test_cgroup_limits(tmp_path: Path, files: dict[str, str], quota: float | None, memory: int | None) -> None:
    facts = linux(tmp_path, EPYC_GUEST | files, 2)
    assert facts.quota_cpus == quota
    assert facts.memory_limit_bytes == memory
    assert facts.usable_memory_bytes == (memory or facts.memory_bytes)


def macos(sysctl: str, **more: str) -> HardwareFacts:
    answers = {"sysctl": sysctl, **more}
    return collect(SystemAccess(System.MACOS, "arm64", run=Commands(answers)))


def test_m1_air() -> None:
    facts = macos(M1_AIR_SYSCTL, pmset=PMSET_BATTERY)
    assert facts.fanless is True
    assert facts.apple_model == "MacBookAir10,1"
    # Apple numbers efficiency cores first.
    assert [core.performance for core in facts.cores] == [False] * 4 + [True] * 4
    assert facts.isa.dotprod is True
    assert facts.isa.i8mm is False
    assert facts.power is Power.BATTERY
    assert facts.memory_bytes == 8 << 30
    assert classify(facts).tier is Tier.M1_AIR


def test_rosetta() -> None:
    facts = macos(ROSETTA_SYSCTL)
    assert facts.translated
    assert facts.vendor == "apple"
    assert facts.power is None
    assert classify(facts).tier is Tier.M1_AIR


def test_intel_mac() -> None:
    facts = macos(INTEL_MAC_SYSCTL, pmset="Now drawing from 'AC Power'\n")
    assert (facts.physical_cores, facts.logical_cores) == (6, 12)
    assert facts.isa.avx2 is True
    assert facts.power is Power.MAINS
    assert classify(facts).tier is Tier.INTEL_HIGH_END


def test_a_mac_whose_sysctl_fails() -> None:
    facts = collect(SystemAccess(System.MACOS, "arm64", run=Commands({})))
    assert facts.brand == ""
    assert facts.cores == ()


def windows(brand: str, features: set[int], records: bytes, machine: str = "AMD64", **bios: str) -> HardwareFacts:
    values: dict[str, str] = {
        "ProcessorNameString": brand,
        "VendorIdentifier": "GenuineIntel" if "Intel" in brand else "AuthenticAMD",
        "CurrentBuildNumber": "22631",
        **bios,
    }
    doors = SystemAccess(
        System.WINDOWS,
        machine,
        registry=lambda key, value: values.get(value),
        kernel=Kernel(features, records, mains=False),
    )
    return collect(doors)


def test_windows_hybrid() -> None:
    records = core_record(0b11, 1) + core_record(0b1100, 1) + core_record(1 << 4, 0)
    facts = windows("13th Gen Intel(R) Core(TM) i9-13900K", {40}, records)
    assert (facts.performance_cores, facts.efficiency_cores, facts.logical_cores) == (2, 1, 5)
    assert facts.isa.avx2 is True
    assert facts.isa.avx512f is False
    assert facts.isa.avx_vnni is None, "this system cannot tell, so it must not be invented"
    assert facts.power is Power.BATTERY
    assert facts.memory_bytes == 16 << 30
    assert not facts.virtualized


def test_windows_processor_groups_and_truncated_records() -> None:
    records = core_record(0b11, 0) + core_record(0b11, 0, group=1)
    facts = windows("AMD Ryzen Threadripper 3990X 64-Core Processor", {40}, records + b"\1\0")
    assert [core.cpus for core in facts.cores] == [(0, 1), (64, 65)]
    assert not facts.hybrid


def test_windows_guest_and_old_release() -> None:
    facts = windows(
        "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz",
        set(),
        core_record(1, 0),
        SystemManufacturer="Microsoft Corporation",
        SystemProductName="Virtual Machine",
        CurrentBuildNumber="17763",
    )
    assert facts.virtualization == "hyper-v"
    assert facts.isa.avx2 is None, "that release does not know the question"


def test_cpu_lists() -> None:
    assert cpu_list("0-3,8,10-11\n") == (0, 1, 2, 3, 8, 10, 11)
    assert cpu_list("") == ()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
def test_this_machine() -> None:
    facts = collect()
    assert facts.system is System.LINUX
    assert facts.logical_cores
    assert facts.memory_bytes is not None
    assert facts.memory_bytes > 1 << 28
    flags = Path("/proc/cpuinfo").read_text()
    if facts.isa.avx2 is not None:
        assert facts.isa.avx2 == (" avx2 " in flags)


def test_run_command_says_what_went_wrong() -> None:
    assert run_command([sys.executable, "-c", "print('hello')"], 20).strip() == "hello"
    with pytest.raises(CommandError, match="cannot be run"):
        run_command(["/no/such/program"], 1)
    with pytest.raises(CommandError, match="failed: sorry"):
        run_command([sys.executable, "-c", "import sys; sys.exit('sorry')"], 20)
    with pytest.raises(CommandError, match=r"longer than 0\.2 s"):
        run_command([sys.executable, "-c", "import time; time.sleep(30)"], 0.2)
