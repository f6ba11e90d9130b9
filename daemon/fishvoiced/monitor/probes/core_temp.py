"""Core Temp on Windows, through its shared memory (opened, never created)."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable

from fishvoiced.monitor.guard import ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

MAPPING = "CoreTempMappingObjectEx"
SIZE = 4740
_HINT = "start Core Temp: https://www.alcpu.com/CoreTemp/"

# Byte offsets in the shared structure, all values little-endian.
_TJ_MAX, _CORES, _TEMPERATURES = 1024, 1536, 1544
_FAHRENHEIT, _DELTA = 2684, 2685
_MOST_CORES = 256


class CoreTemp:
    """The hottest core. ``view`` gives the mapping's 4,740 bytes or raises ProbeError."""

    name = "Core Temp"
    interval_seconds = 0.0

    def __init__(self, view: Callable[[], bytes] | None = None) -> None:
        self._view = view or _open_mapping

    def read(self, now: float) -> tuple[Reading, ...]:
        value, critical = parse_shared(self._view())
        return (Reading(self.name, Quantity.TEMPERATURE, value, now, critical),)


def parse_shared(data: bytes) -> tuple[float, float | None]:
    """(hottest core in °C, its TjMax or None). Raises ProbeError when the block is not sound."""
    if len(data) < SIZE:
        raise ProbeError(f"shared memory of {len(data)} bytes instead of {SIZE}")
    (cores,) = struct.unpack_from("<I", data, _CORES)
    if not 1 <= cores <= _MOST_CORES:
        raise ProbeError(f"shared memory tells {cores} cores")
    values = struct.unpack_from(f"<{cores}f", data, _TEMPERATURES)
    (tj_max,) = struct.unpack_from("<I", data, _TJ_MAX)
    critical = float(tj_max) if 50 <= tj_max <= 125 else None
    if data[_DELTA]:  # degrees below TjMax
        if critical is None:
            raise ProbeError("shared memory counts down from an unknown TjMax")
        values = tuple(critical - (v / 1.8 if data[_FAHRENHEIT] else v) for v in values)
    elif data[_FAHRENHEIT]:
        values = tuple((v - 32) / 1.8 for v in values)
    return max(values), critical


if sys.platform == "win32":

    def _open_mapping() -> bytes:
        """OpenFileMapping, because mmap with a tag name would create an empty mapping of that name."""
        import ctypes
        from ctypes import wintypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenFileMappingW.restype = wintypes.HANDLE
        kernel.MapViewOfFile.restype = ctypes.c_void_p
        kernel.MapViewOfFile.argtypes = (
            wintypes.HANDLE,
            wintypes.DWORD,
            wintypes.DWORD,
            wintypes.DWORD,
            ctypes.c_size_t,
        )
        kernel.UnmapViewOfFile.argtypes = (ctypes.c_void_p,)
        kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
        read_access = 0x0004
        handle = kernel.OpenFileMappingW(read_access, False, MAPPING)
        if not handle:
            raise ProbeError("not running", _HINT, absent=True)
        try:
            address = kernel.MapViewOfFile(handle, read_access, 0, 0, SIZE)
            if not address:
                raise ProbeError("its shared memory cannot be mapped", _HINT)
            try:
                return ctypes.string_at(address, SIZE)
            finally:
                kernel.UnmapViewOfFile(address)
        finally:
            kernel.CloseHandle(handle)

else:

    def _open_mapping() -> bytes:
        raise ProbeError("Core Temp exists on Windows only", absent=True)
