"""Probes: one file per source of heat, throttling or power; ``discover`` lists this system's."""

from __future__ import annotations

from fishvoiced.hardware.detect.system_access import SystemAccess
from fishvoiced.hardware.facts import System
from fishvoiced.monitor.guard import Probe

# These tell power, which by itself is no sign of heat.
POWER_SOURCES = frozenset({"RAPL", "powermetrics"})


def discover(doors: SystemAccess) -> tuple[Probe, ...]:
    """The probes worth asking on this system, best signal first. None touches hardware yet."""
    if doors.system is System.LINUX:
        from fishvoiced.monitor.probes.hwmon import Hwmon
        from fishvoiced.monitor.probes.rapl import Rapl
        from fishvoiced.monitor.probes.raspberry_pi import RaspberryPi, is_raspberry_pi
        from fishvoiced.monitor.probes.thermal_zones import ThermalZones
        from fishvoiced.monitor.probes.throttle_counters import ThrottleCounters

        files = doors.files
        pi: tuple[Probe, ...] = (RaspberryPi(doors),) if is_raspberry_pi(files) else ()
        return (ThrottleCounters(files), *pi, Hwmon(files), ThermalZones(files), Rapl(files))
    if doors.system is System.MACOS:
        from fishvoiced.monitor.probes.pmset import Pmset
        from fishvoiced.monitor.probes.powermetrics import Powermetrics
        from fishvoiced.monitor.probes.pressure import Pressure

        return (Pressure(doors.run), Pmset(doors.run), Powermetrics(doors.run))
    if doors.system is System.WINDOWS:
        from fishvoiced.monitor.probes.core_temp import CoreTemp
        from fishvoiced.monitor.probes.libre_hardware_monitor import LibreHardwareMonitor
        from fishvoiced.monitor.probes.performance_counter import PerformanceCounter

        return (LibreHardwareMonitor(), CoreTemp(), PerformanceCounter())
    return ()
