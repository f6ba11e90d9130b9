"""HardwareFacts: what is known about this machine, frozen; an unknown is None, never a guess."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fishvoiced.hardware.cpu_name import CpuName


class System(StrEnum):
    """The operating systems that have a door of their own; everything else is OTHER."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"
    OTHER = "other"


class Power(StrEnum):
    """What the machine runs on."""

    MAINS = "mains"
    BATTERY = "battery"


@dataclass(frozen=True, slots=True)
class Isa:
    """The instruction sets that decide which matrix kernels run; None means not known here."""

    avx2: bool | None = None
    avx512f: bool | None = None
    avx_vnni: bool | None = None
    avx512_vnni: bool | None = None
    avx512_bf16: bool | None = None
    amx_int8: bool | None = None
    dotprod: bool | None = None
    i8mm: bool | None = None
    bf16: bool | None = None

    def names(self) -> tuple[str, ...]:
        """The sets that are present, by their usual names."""
        return tuple(label for field_name, label in _ISA_LABELS if getattr(self, field_name))

    def unknown(self) -> tuple[str, ...]:
        """The sets about which this platform told nothing."""
        return tuple(label for name, label in _ISA_LABELS if getattr(self, name) is None)


_ISA_LABELS = (
    ("avx2", "AVX2"),
    ("avx512f", "AVX-512F"),
    ("avx_vnni", "AVX-VNNI"),
    ("avx512_vnni", "AVX512-VNNI"),
    ("avx512_bf16", "AVX512-BF16"),
    ("amx_int8", "AMX-INT8"),
    ("dotprod", "ARM dotprod"),
    ("i8mm", "ARM i8mm"),
    ("bf16", "ARM bf16"),
)


@dataclass(frozen=True, slots=True)
class Core:
    """One physical core: its logical CPU numbers (two with SMT) and whether it is a fast one."""

    cpus: tuple[int, ...]
    performance: bool = True


@dataclass(frozen=True, slots=True)
class ArmPart:
    """Implementer and part number of an ARM core, as /proc/cpuinfo and MIDR_EL1 give them."""

    implementer: int
    part: int


@dataclass(frozen=True, slots=True)
class HardwareFacts:
    """Everything the tier, the thread rule, the environment and the doctor decide from.

    ``affinity`` holds the logical CPUs this process may use (None: the platform cannot say),
    ``quota_cpus`` the tightest cgroup CPU quota in CPUs, memory is in bytes. ``virtualization``
    names the hypervisor ("wsl", "kvm", …) or is None on bare metal.
    """

    system: System = System.OTHER
    machine: str = ""
    brand: str = ""
    name: CpuName = field(default_factory=CpuName)
    cores: tuple[Core, ...] = ()
    affinity: frozenset[int] | None = None
    quota_cpus: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    isa: Isa = field(default_factory=Isa)
    arm_parts: tuple[ArmPart, ...] = ()
    virtualization: str | None = None
    translated: bool = False
    fanless: bool | None = None
    apple_model: str | None = None
    board_model: str | None = None
    power: Power | None = None

    @property
    def vendor(self) -> str:
        return self.name.vendor

    @property
    def family(self) -> str:
        return self.name.family

    @property
    def generation(self) -> int | None:
        return self.name.generation

    @property
    def suffix(self) -> str:
        return self.name.suffix

    @property
    def virtualized(self) -> bool:
        return self.virtualization is not None

    @property
    def physical_cores(self) -> int | None:
        return len(self.cores) or None

    @property
    def logical_cores(self) -> int | None:
        return sum(len(core.cpus) for core in self.cores) or None

    @property
    def performance_cores(self) -> int | None:
        return sum(core.performance for core in self.cores) or None

    @property
    def efficiency_cores(self) -> int:
        return sum(not core.performance for core in self.cores)

    @property
    def hybrid(self) -> bool:
        return self.efficiency_cores > 0

    @property
    def smt(self) -> bool | None:
        return any(len(core.cpus) > 1 for core in self.cores) if self.cores else None

    @property
    def usable_memory_bytes(self) -> int | None:
        """Memory this process may take: the machine's, or the container's when that is less."""
        known = [m for m in (self.memory_bytes, self.memory_limit_bytes) if m is not None]
        return min(known) if known else None
