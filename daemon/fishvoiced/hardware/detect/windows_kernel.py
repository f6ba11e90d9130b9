"""LiveKernel: the real Windows registry and kernel32, through winreg and ctypes."""

from __future__ import annotations

import sys

# mypy follows this test: on other systems the module is empty, and nothing imports it there.
if sys.platform == "win32":
    import ctypes
    import winreg
    from ctypes import wintypes

    class _MemoryStatus(ctypes.Structure):
        _fields_ = (
            ("dwLength", wintypes.DWORD),
            ("dwMemoryLoad", wintypes.DWORD),
            ("ullTotalPhys", ctypes.c_ulonglong),
            ("ullAvailPhys", ctypes.c_ulonglong),
            ("ullTotalPageFile", ctypes.c_ulonglong),
            ("ullAvailPageFile", ctypes.c_ulonglong),
            ("ullTotalVirtual", ctypes.c_ulonglong),
            ("ullAvailVirtual", ctypes.c_ulonglong),
            ("ullAvailExtendedVirtual", ctypes.c_ulonglong),
        )

    class _PowerStatus(ctypes.Structure):
        _fields_ = (
            ("ACLineStatus", ctypes.c_ubyte),
            ("BatteryFlag", ctypes.c_ubyte),
            ("BatteryLifePercent", ctypes.c_ubyte),
            ("SystemStatusFlag", ctypes.c_ubyte),
            ("BatteryLifeTime", wintypes.DWORD),
            ("BatteryFullLifeTime", wintypes.DWORD),
        )

    def read_registry(key: str, value: str) -> str | int | None:
        """A value below HKEY_LOCAL_MACHINE; None when key or value does not exist."""
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                found, _ = winreg.QueryValueEx(opened, value)
        except OSError:
            return None
        return found if isinstance(found, (str, int)) else None

    class LiveKernel:
        """The calls of WindowsKernel on this machine."""

        def __init__(self) -> None:
            self._dll = ctypes.WinDLL("kernel32", use_last_error=True)
            self._dll.GetCurrentProcess.restype = wintypes.HANDLE

        def processor_feature(self, number: int) -> bool:
            return bool(self._dll.IsProcessorFeaturePresent(number))

        def core_records(self) -> bytes:
            size = wintypes.DWORD(0)
            self._dll.GetLogicalProcessorInformationEx(0, None, ctypes.byref(size))
            buffer = ctypes.create_string_buffer(size.value)
            if not self._dll.GetLogicalProcessorInformationEx(0, buffer, ctypes.byref(size)):
                return b""
            return buffer.raw[: size.value]

        def memory_bytes(self) -> int | None:
            status = _MemoryStatus()
            status.dwLength = ctypes.sizeof(status)
            if not self._dll.GlobalMemoryStatusEx(ctypes.byref(status)):
                return None
            return int(status.ullTotalPhys)

        def on_mains(self) -> bool | None:
            status = _PowerStatus()
            if not self._dll.GetSystemPowerStatus(ctypes.byref(status)):
                return None
            return {0: False, 1: True}.get(status.ACLineStatus)

        def affinity(self) -> frozenset[int] | None:
            mine, system = ctypes.c_size_t(), ctypes.c_size_t()
            handle = wintypes.HANDLE(self._dll.GetCurrentProcess())
            done = self._dll.GetProcessAffinityMask(handle, ctypes.byref(mine), ctypes.byref(system))
            # A mask of 0 means several processor groups: then nothing narrows the process down.
            if not done or mine.value == 0:
                return None
            return frozenset(bit for bit in range(64) if mine.value >> bit & 1)
