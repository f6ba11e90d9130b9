"""Linux probes on recorded sysfs trees, and live on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fishvoiced.hardware.detect.system_access import Files, SystemAccess, system_access
from fishvoiced.hardware.facts import System
from fishvoiced.monitor.guard import GuardedProbe, ProbeError
from fishvoiced.monitor.probes import discover
from fishvoiced.monitor.probes.hwmon import Hwmon
from fishvoiced.monitor.probes.rapl import Rapl
from fishvoiced.monitor.probes.raspberry_pi import RaspberryPi
from fishvoiced.monitor.probes.thermal_zones import ThermalZones
from fishvoiced.monitor.probes.throttle_counters import ThrottleCounters
from fishvoiced.monitor.reading import Quantity, Reading
from tests.hardware.machines import tree
from tests.monitor.fakes import commands

ZONES = {
    "sys/class/thermal/thermal_zone0/type": "acpitz\n",
    "sys/class/thermal/thermal_zone0/temp": "-44000\n",
    "sys/class/thermal/thermal_zone1/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone1/temp": "61000\n",
    "sys/class/thermal/thermal_zone1/trip_point_0_type": "passive\n",
    "sys/class/thermal/thermal_zone1/trip_point_0_temp": "0\n",
    "sys/class/thermal/thermal_zone1/trip_point_1_type": "critical\n",
    "sys/class/thermal/thermal_zone1/trip_point_1_temp": "100000\n",
    "sys/class/thermal/thermal_zone2/type": "iwlwifi_1\n",
    "sys/class/thermal/thermal_zone2/temp": "40000\n",
    "sys/class/thermal/cooling_device0/type": "Processor\n",
}

NOTEBOOK_HWMON = {
    "sys/class/hwmon/hwmon0/name": "nvme\n",
    "sys/class/hwmon/hwmon0/temp1_input": "39850\n",
    "sys/class/hwmon/hwmon1/name": "coretemp\n",
    "sys/class/hwmon/hwmon1/temp1_input": "72000\n",
    "sys/class/hwmon/hwmon1/temp1_label": "Package id 0\n",
    "sys/class/hwmon/hwmon1/temp1_crit": "100000\n",
    "sys/class/hwmon/hwmon1/temp2_input": "70000\n",
    "sys/class/hwmon/hwmon1/temp2_label": "Core 0\n",
    "sys/class/hwmon/hwmon2/name": "acpitz\n",
    "sys/class/hwmon/hwmon2/temp1_input": "27800\n",
}


def values(readings: tuple[Reading, ...]) -> list[float]:
    return [reading.value for reading in readings]


def test_only_the_cpus_zones_count(tmp_path: Path) -> None:
    (found,) = ThermalZones(Files(tree(tmp_path, ZONES))).read(5.0)
    assert (found.value, found.critical, found.label, found.at) == (61.0, 100.0, "x86_pkg_temp", 5.0)


@pytest.mark.parametrize(
    ("zone", "ours"),
    [
        ("cpu-thermal", True),
        ("cpu_thermal", True),
        ("soc-thermal", True),
        ("bigcore0-thermal", True),
        ("bigcore1_thermal", True),
        ("littlecore-thermal", True),
        ("cpu-1-thermal", True),
        ("cpu0-thermal", True),
        ("TCPU", True),
        ("package-thermal", True),
        ("acpitz", False),
        ("nvme", False),
        ("iwlwifi_1", False),
        ("gpu-thermal", False),
        ("pch_cannonlake", False),
        ("INT3400 Thermal", False),
        ("battery", False),
        ("npu-thermal", False),
    ],
)
def test_zone_names(tmp_path: Path, zone: str, ours: bool) -> None:
    base = "sys/class/thermal/thermal_zone0"
    probe = ThermalZones(Files(tree(tmp_path, {f"{base}/type": zone, f"{base}/temp": "50000"})))
    if ours:
        assert values(probe.read(0.0)) == [50.0]
    else:
        with pytest.raises(ProbeError, match="no CPU temperature sensor"):
            probe.read(0.0)


def test_the_package_stands_for_its_cores(tmp_path: Path) -> None:
    (found,) = Hwmon(Files(tree(tmp_path, NOTEBOOK_HWMON))).read(1.0)
    assert (found.value, found.critical, found.label) == (72.0, 100.0, "Package id 0")


def test_tdie_before_tctl_and_no_invented_limit(tmp_path: Path) -> None:
    base = "sys/class/hwmon/hwmon3"
    files = {
        f"{base}/name": "k10temp\n",
        f"{base}/temp1_input": "95000\n",
        f"{base}/temp1_label": "Tctl\n",
        f"{base}/temp2_input": "68000\n",
        f"{base}/temp2_label": "Tdie\n",
    }
    (found,) = Hwmon(Files(tree(tmp_path, files))).read(1.0)
    assert (found.value, found.critical) == (68.0, None)


def test_a_sensor_that_vanishes_is_looked_for_again(tmp_path: Path) -> None:
    probe = Hwmon(Files(tree(tmp_path, NOTEBOOK_HWMON)))
    probe.read(0.0)
    (tmp_path / "sys/class/hwmon/hwmon1/temp1_input").unlink()
    with pytest.raises(FileNotFoundError):
        probe.read(2.0)
    assert values(probe.read(4.0)) == [70.0], "the core that is left"


def counters(root: Path, ms: int, package: int = 0, cpu: int = 0) -> None:
    base = f"sys/devices/system/cpu/cpu{cpu}"
    tree(
        root,
        {
            f"{base}/topology/physical_package_id": f"{package}\n",
            f"{base}/thermal_throttle/package_throttle_count": "7\n",
            f"{base}/thermal_throttle/package_throttle_total_time_ms": f"{ms}\n",
        },
    )


def test_duty_is_throttled_time_by_time(tmp_path: Path) -> None:
    counters(tmp_path, 1000)
    counters(tmp_path, 1000, cpu=1)
    counters(tmp_path, 5000, package=1, cpu=2)
    probe = ThrottleCounters(Files(tmp_path))
    assert probe.read(10.0) == (), "the first read has nothing to compare with"
    counters(tmp_path, 1200)
    assert probe.read(12.0) == (Reading("throttle counters", Quantity.THROTTLE_DUTY, 0.1, 12.0),)
    counters(tmp_path, 6000, package=1, cpu=2)
    assert values(probe.read(14.0)) == [0.5], "the worse of two packages"
    counters(tmp_path, 0)
    assert values(probe.read(16.0)) == [0.0], "a counter that was reset is not negative heat"


def test_old_kernels_count_events_only(tmp_path: Path) -> None:
    base = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
    probe = ThrottleCounters(Files(tree(tmp_path, {base: "7\n"})))
    probe.read(0.0)
    tree(tmp_path, {base: "9\n"})
    (found,) = probe.read(2.0)
    assert (found.quantity, found.value) == (Quantity.THROTTLE_EVENTS, 2.0)


def test_power_from_energy_and_its_wrap(tmp_path: Path) -> None:
    base = "sys/class/powercap/intel-rapl:0"
    files = {f"{base}/name": "package-0\n", f"{base}/energy_uj": "90000000\n"}
    files[f"{base}/max_energy_range_uj"] = "100000000\n"
    files["sys/class/powercap/intel-rapl:0:0/name"] = "core\n"
    probe = Rapl(Files(tree(tmp_path, files)))
    assert probe.read(0.0) == ()
    tree(tmp_path, {f"{base}/energy_uj": "10000000\n"})
    assert values(probe.read(2.0)) == [10.0]


@pytest.mark.parametrize(
    ("answer", "flags"),
    [("throttled=0x0\n", 0), ("throttled=0x50005\n", 0x50005), ("throttled=0xe0008\n", 0xE0008)],
)
def test_raspberry_pi(answer: str, flags: int) -> None:
    doors = SystemAccess(System.LINUX, run=commands({"vcgencmd": answer}))
    assert values(RaspberryPi(doors).read(1.0)) == [flags]


def test_raspberry_pi_without_the_tool(tmp_path: Path) -> None:
    path = "sys/devices/platform/soc/soc:firmware/get_throttled"
    doors = SystemAccess(System.LINUX, files=Files(tree(tmp_path, {path: "50005\n"})), run=commands({}))
    assert values(RaspberryPi(doors).read(1.0)) == [0x50005]
    bare = SystemAccess(System.LINUX, files=Files(tmp_path / "empty"), run=commands({}))
    with pytest.raises(ProbeError, match="vcgencmd cannot be run") as caught:
        RaspberryPi(bare).read(1.0)
    assert caught.value.absent
    assert "install" in caught.value.hint


def test_raspberry_pi_only_on_a_raspberry_pi(tmp_path: Path) -> None:
    doors = SystemAccess(System.LINUX, files=Files(tmp_path))
    assert not any(isinstance(probe, RaspberryPi) for probe in discover(doors))
    tree(tmp_path, {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"})
    assert any(isinstance(probe, RaspberryPi) for probe in discover(doors))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads this machine's /sys")
def test_live() -> None:
    """Every probe answers with plausible readings or a reason, on any Linux machine."""
    probes = discover(system_access())
    assert {probe.name for probe in probes} >= {"hwmon", "thermal zones", "throttle counters", "RAPL"}
    for probe in probes:
        outcome = GuardedProbe(probe).poll(1.0)
        if isinstance(outcome, tuple):
            assert all(reading.source == probe.name for reading in outcome)
        else:
            assert outcome.reason
    has_zones = any("pkg" in p.read_text() for p in Path("/sys/class/thermal").glob("thermal_zone*/type"))
    if has_zones:
        assert values(ThermalZones(Files()).read(1.0))
