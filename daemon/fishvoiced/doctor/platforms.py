"""The platform matrix: what works on Windows, macOS and Linux, what to install, what to mind."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from fishvoiced.hardware.facts import HardwareFacts, Power, System
from fishvoiced.hardware.tiers import Tier

# int4 S1-mini stays below 1.3 GB; the rest is for codec, voices and the system.
_ENOUGH_MEMORY = 3 << 30


class Platform(StrEnum):
    """The rows of the matrix."""

    WINDOWS = "Windows"
    MACOS_AIR = "macOS, without a fan (M1 Air and its like)"
    MACOS_PRO = "macOS, with a fan (M1 Pro and its like)"
    MACOS_INTEL = "macOS on Intel"
    LINUX = "Linux"
    OTHER = "another system"


class Support(StrEnum):
    """How far something works."""

    WORKS = "works"
    PARTLY = "partly"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Capability:
    """One cell of the matrix."""

    name: str
    support: Support
    detail: str


@dataclass(frozen=True, slots=True)
class Tool:
    """Something worth installing, what for, and where it comes from."""

    name: str
    purpose: str
    url: str


@dataclass(frozen=True, slots=True)
class Installed:
    """What is at hand: program names found on the path, and package versions (None: not there)."""

    programs: frozenset[str] = frozenset()
    onnxruntime: str | None = None
    torch: str | None = None


LIBRE_HARDWARE_MONITOR = Tool(
    "LibreHardwareMonitor",
    "temperature and power; switch on Options → Remote Web Server → Run",
    "https://github.com/LibreHardwareMonitor/LibreHardwareMonitor/releases",
)
CORE_TEMP = Tool("Core Temp", "temperature, read from its shared memory", "https://www.alcpu.com/CoreTemp/")
HWINFO = Tool(
    "HWiNFO64", "to look at every sensor yourself (fishvoice does not read it)", "https://www.hwinfo.com/download/"
)
LM_SENSORS = Tool(
    "lm-sensors", "finds and loads the drivers behind /sys/class/hwmon", "https://github.com/lm-sensors/lm-sensors"
)
RASPI_UTILS = Tool("raspi-utils", "vcgencmd, the firmware's throttle flags", "https://github.com/raspberrypi/utils")

_THERMAL = {
    Platform.WINDOWS: "LibreHardwareMonitor, Core Temp, thermal zone counter",
    Platform.MACOS_AIR: "thermal pressure level; power through powermetrics with passwordless sudo",
    Platform.MACOS_PRO: "thermal pressure level; power through powermetrics with passwordless sudo",
    Platform.MACOS_INTEL: "pmset speed limit, thermal pressure level",
    Platform.LINUX: "hwmon, thermal zones, Intel throttle counters, Raspberry Pi firmware, RAPL",
    Platform.OTHER: "own throughput only",
}
_SERVICE = {
    Platform.WINDOWS: ("schtasks", "scheduled task"),
    Platform.MACOS_AIR: ("launchctl", "launchd agent"),
    Platform.MACOS_PRO: ("launchctl", "launchd agent"),
    Platform.MACOS_INTEL: ("launchctl", "launchd agent"),
    Platform.LINUX: ("systemctl", "systemd user service and socket"),
}


def platform_of(facts: HardwareFacts, tier: Tier) -> Platform:
    """The matrix row that a machine belongs to."""
    if facts.system is System.MACOS:
        if facts.vendor == "intel":
            return Platform.MACOS_INTEL
        return Platform.MACOS_AIR if tier is Tier.M1_AIR else Platform.MACOS_PRO
    return {System.WINDOWS: Platform.WINDOWS, System.LINUX: Platform.LINUX}.get(facts.system, Platform.OTHER)


def capabilities(
    platform: Platform, installed: Installed, sources: Collection[str] | None = None
) -> tuple[Capability, ...]:
    """What works on a platform. ``sources`` are the heat sources that answered (None: not asked)."""
    return (
        _onnxruntime(installed),
        _torch(platform, installed),
        Capability("precisions", Support.WORKS, "language model fp32, fp16, int8, int4; codec fp32, fp16, int8"),
        _thermal(platform, sources),
        _service(platform, installed),
        Capability(
            "transport",
            Support.WORKS,
            "TCP on 127.0.0.1" if platform is Platform.WINDOWS else "Unix socket (ipc), TCP on 127.0.0.1",
        ),
    )


def matrix() -> tuple[tuple[Platform, tuple[Capability, ...]], ...]:
    """All rows, with everything installed that can be: what one may hope for."""
    everything = Installed(frozenset({"systemctl", "launchctl", "schtasks"}), "1.23 or later", "2.13.0")
    return tuple((platform, capabilities(platform, everything)) for platform in Platform)


def _onnxruntime(installed: Installed) -> Capability:
    if installed.onnxruntime is None:
        detail = "not installed: pip install 'fishvoice[daemon]'; PyTorch serves until then"
        return Capability("ONNX Runtime engine", Support.MISSING, detail)
    return Capability("ONNX Runtime engine", Support.WORKS, f"version {installed.onnxruntime}, on the CPU")


def _torch(platform: Platform, installed: Installed) -> Capability:
    if installed.torch is None:
        detail = "not installed, and not needed where ONNX Runtime is: pip install 'fishvoice[export]'"
        return Capability("PyTorch engine", Support.MISSING, detail)
    other = "mps" if platform in (Platform.MACOS_AIR, Platform.MACOS_PRO) else "cuda"
    detail = f'version {installed.torch}, on the CPU; engine.device = "{other}" is handed on to it'
    return Capability("PyTorch engine", Support.WORKS, detail)


def _thermal(platform: Platform, sources: Collection[str] | None) -> Capability:
    if sources is None:
        support = Support.MISSING if platform is Platform.OTHER else Support.PARTLY
        return Capability("heat", support, _THERMAL[platform])
    if sources:
        return Capability("heat", Support.WORKS, ", ".join(sources))
    return Capability("heat", Support.PARTLY, "no temperature sensor: own throughput is watched instead")


def _service(platform: Platform, installed: Installed) -> Capability:
    program, name = _SERVICE.get(platform, ("", "none known"))
    there = program in installed.programs
    detail = name if there else f"{name}: {program} not found" if program else name
    return Capability("service manager", Support.WORKS if there else Support.MISSING, detail)


def tools(facts: HardwareFacts, platform: Platform, sources: Collection[str]) -> tuple[Tool, ...]:
    """What would help here: nothing on macOS, which tells of its heat by itself."""
    if platform is Platform.WINDOWS:
        return () if sources else (LIBRE_HARDWARE_MONITOR, CORE_TEMP, HWINFO)
    if platform is Platform.LINUX and not facts.virtualized and not sources:
        board = "Raspberry Pi" in (facts.board_model or "")
        return (LM_SENSORS, RASPI_UTILS) if board else (LM_SENSORS,)
    return ()


def warnings(facts: HardwareFacts, tier: Tier, platform: Platform, sources: Collection[str]) -> tuple[str, ...]:
    """What the user should know before trusting this machine's speed, each with what to do."""
    found = []
    if platform is Platform.WINDOWS and not sources:
        found.append(
            "no temperature source: install LibreHardwareMonitor or Core Temp and keep it running; "
            "until then only fishvoice's own speed tells of heat"
        )
    elif not sources:
        found.append("no temperature sensor: synthesis goes on, guarded by its own throughput only")
    if tier is Tier.M1_AIR:
        found.append(
            "no fan: expect throttling after about 10 minutes of load, with a loss of 40–60 %; "
            "you are warned 2 minutes ahead, and the figures are replaced by measured ones"
        )
    if facts.translated:
        found.append("Python runs translated (Rosetta or x64 emulation): install one for arm64, several times faster")
    if facts.power is Power.BATTERY:
        found.append("on battery: clocks are lower and threads do not spin; calibration is kept apart from mains")
    if facts.quota_cpus is not None:
        found.append(f"container quota of {facts.quota_cpus:g} CPUs: raise it for more threads")
    if facts.isa.avx2 is False:
        found.append("no AVX2: 8-bit kernels only, several times slower")
    if facts.isa.dotprod is False:
        found.append("no dotprod instructions: 8-bit kernels only; the starter voice suits this machine better")
    if facts.virtualized and facts.virtualization != "wsl":
        found.append("virtual machine: neighbors may take its CPUs, figures wander")
    memory = facts.usable_memory_bytes
    if memory is not None and memory < _ENOUGH_MEMORY:
        found.append(f"{memory / 2**30:.1f} GiB of memory: S1-mini will not fit well, use the starter voice")
    return tuple(found)
