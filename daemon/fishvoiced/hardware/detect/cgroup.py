"""CgroupLimits: the tightest CPU quota and memory limit between this process and the root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from fishvoiced.hardware.detect.system_access import Files

_MOUNT = "sys/fs/cgroup"

# Version 1 writes "no limit" as the largest page-aligned number of 63 bits.
_UNLIMITED_V1 = 1 << 60


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """CPUs per second of wall time (a float) and bytes; None where nothing limits."""

    cpus: float | None = None
    memory_bytes: int | None = None


def read_limits(files: Files) -> CgroupLimits:
    """Walk up the cgroup path: any ancestor may hold the limit that counts."""
    quotas: list[float] = []
    memories: list[int] = []
    for line in (files.peek("proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        names = controllers.split(",")
        if not controllers:
            for mount in (_MOUNT, f"{_MOUNT}/unified"):
                for folder in _upwards(mount, path):
                    quotas += _quota_v2(files.peek(f"{folder}/cpu.max"))
                    memories += _number(files.peek(f"{folder}/memory.max"))
        if "cpu" in names:
            for folder in _upwards(f"{_MOUNT}/{controllers}", path, f"{_MOUNT}/cpu"):
                quotas += _quota_v1(files, folder)
        if "memory" in names:
            for folder in _upwards(f"{_MOUNT}/memory", path):
                memories += _number(files.peek(f"{folder}/memory.limit_in_bytes"))
    return CgroupLimits(min(quotas, default=None), min(memories, default=None))


def _upwards(mount: str, path: str, *other_mounts: str) -> Iterator[str]:
    # Inside a cgroup namespace the path may start with "..": nothing of it is visible then.
    inner = PurePosixPath("/") if ".." in path else PurePosixPath("/", path.lstrip("/"))
    for base in (mount, *other_mounts):
        for folder in (inner, *inner.parents):
            yield f"{base}{folder}".rstrip("/")


def _quota_v2(text: str | None) -> list[float]:
    quota, _, period = (text or "max").partition(" ")
    if not quota.isdigit() or not period.strip().isdigit() or int(period) == 0:
        return []
    return [int(quota) / int(period)]


def _quota_v1(files: Files, folder: str) -> list[float]:
    quota = files.peek(f"{folder}/cpu.cfs_quota_us")
    period = files.peek(f"{folder}/cpu.cfs_period_us")
    return _quota_v2(f"{quota} {period}") if quota and period else []


def _number(text: str | None) -> list[int]:
    if text is None or not text.isdigit() or int(text) >= _UNLIMITED_V1:
        return []
    return [int(text)]
