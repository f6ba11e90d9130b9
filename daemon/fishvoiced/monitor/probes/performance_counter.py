"""Windows performance counter "Thermal Zone Information": often absent, needs nothing installed."""

from __future__ import annotations

import sys
from collections.abc import Callable

from fishvoiced.monitor.guard import ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_SET = r"\Thermal Zone Information(*)"
PRECISE = rf"{_SET}\High Precision Temperature"  # tenths of a kelvin
COARSE = rf"{_SET}\Temperature"  # kelvin
PASSIVE = rf"{_SET}\% Passive Limit"  # 100 = free

_ZERO_CELSIUS = 273.15

# A counter's values of all zones; empty when the counter does not exist. Raises ProbeError.
Query = Callable[[str], tuple[float, ...]]


class PerformanceCounter:
    """The warmest thermal zone, and how much speed the zones leave to the CPU."""

    name = "thermal zone counter"
    interval_seconds = 4.0

    def __init__(self, query: Query | None = None) -> None:
        self._query = query or _query

    def read(self, now: float) -> tuple[Reading, ...]:
        kelvins = [v / 10 for v in self._query(PRECISE)] or list(self._query(COARSE))
        limits = self._query(PASSIVE)
        readings = []
        # Zones that are not wired report 0 K.
        warm = [k - _ZERO_CELSIUS for k in kelvins if k > _ZERO_CELSIUS]
        if warm:
            readings.append(Reading(self.name, Quantity.TEMPERATURE, max(warm), now))
        if limits:
            readings.append(Reading(self.name, Quantity.SPEED_LIMIT, min(limits), now))
        if not readings:
            raise ProbeError("this machine's firmware has no such counter", absent=True)
        return tuple(readings)


if sys.platform == "win32":

    def _query(path: str) -> tuple[float, ...]:
        import ctypes
        from ctypes import wintypes

        class Value(ctypes.Structure):
            _fields_ = (("status", wintypes.DWORD), ("value", ctypes.c_double))

        class Item(ctypes.Structure):
            _fields_ = (("name", wintypes.LPWSTR), ("value", Value))

        pdh = ctypes.WinDLL("pdh")
        query, counter = wintypes.HANDLE(), wintypes.HANDLE()
        if pdh.PdhOpenQueryW(None, None, ctypes.byref(query)):
            raise ProbeError("the performance counter library does not open a query")
        try:
            # English names work in every language of Windows.
            if pdh.PdhAddEnglishCounterW(query, path, None, ctypes.byref(counter)):
                return ()
            if pdh.PdhCollectQueryData(query):
                return ()
            size, count = wintypes.DWORD(0), wintypes.DWORD(0)
            as_double = 0x0200
            sizes = (ctypes.byref(size), ctypes.byref(count))
            pdh.PdhGetFormattedCounterArrayW(counter, as_double, *sizes, None)
            if size.value == 0:
                return ()
            buffer = ctypes.create_string_buffer(size.value)
            if pdh.PdhGetFormattedCounterArrayW(counter, as_double, *sizes, buffer):
                return ()
            items = ctypes.cast(buffer, ctypes.POINTER(Item))
            return tuple(items[i].value.value for i in range(count.value) if items[i].value.status == 0)
        finally:
            pdh.PdhCloseQuery(query)

else:

    def _query(path: str) -> tuple[float, ...]:
        raise ProbeError("performance counters exist on Windows only", absent=True)
