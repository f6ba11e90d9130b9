"""The doctor's report: what it says on recorded machines, and how it looks."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fishvoiced.doctor.diagnosis import DoctorReport, SensorLine, diagnose
from fishvoiced.doctor.examine import ask_sensors, doctor_command, examine
from fishvoiced.doctor.platforms import Installed, Platform, Support, matrix
from fishvoiced.doctor.view import first_start, render, to_json
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.detect.system_access import Files, SystemAccess
from fishvoiced.hardware.facts import System
from fishvoiced.hardware.tiers import Tier
from fishvoiced.voices.speed import Measured, PrecisionFigure
from tests.hardware.machines import (
    EPYC_GUEST,
    I7_12700H,
    M1_AIR_SYSCTL,
    PMSET_BATTERY,
    ROSETTA_SYSCTL,
    Commands,
    Kernel,
    core_record,
    tree,
)

READY = Installed(frozenset({"systemctl", "g++"}), "1.31.1", "2.13.0")
MEASURED = Measured(
    "s1-mini",
    (PrecisionFigure("int4", 6, 0.5), PrecisionFigure("int4", 3, 0.8), PrecisionFigure("int8", 6, 0.9)),
    "int4",
    6,
    observed_rtf=0.625,
    utterances=5,
)


def linux(root: Path, files: dict[str, str], cpus: int = 20) -> SystemAccess:
    return SystemAccess(System.LINUX, "x86_64", Files(tree(root, files)), affinity=frozenset(range(cpus)))


def plain(report: DoctorReport) -> str:
    out = io.StringIO()
    render(report, out)
    return out.getvalue()


def test_a_notebook_with_a_sensor(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    doors = linux(tmp_path, I7_12700H | {f"{zone}/type": "x86_pkg_temp", f"{zone}/temp": "57000"})
    report = diagnose(collect(doors), ask_sensors(doors), READY, MEASURED)
    text = plain(report)
    for said in (
        *("i7-12700H", "14 physical, 20 logical", "6 performance, 8 efficiency", "AVX2, AVX-VNNI"),
        *("intel_high_end", "x86_pkg_temp 57 °C", "on battery", "RTF 3, 12 with PyTorch before"),
        *("10 s of speech in 30 s, 30 s in 90 s", "int4, 6 threads: RTF 0.50 (chosen)"),
        *("observed", "RTF 0.62 over 5 utterances", "off by -20%"),
    ):
        assert said in text
    assert "no temperature sensor" not in text
    assert report.tools == ()


def test_this_kind_of_guest_has_no_sensor_and_says_so(tmp_path: Path) -> None:
    quota = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}
    report = examine(linux(tmp_path, EPYC_GUEST | quota, 2))
    text = plain(report)
    assert "no temperature sensor" in text
    assert "CPU quota" in text
    assert "1.5 CPUs (container)" in text
    assert "none for this tier" in text
    assert any("container quota of 1.5 CPUs" in warning for warning in report.warnings)
    assert report.threads.threads == 1


def test_power_alone_is_no_heat_sensor(tmp_path: Path) -> None:
    rapl = "sys/class/powercap/intel-rapl:0"
    doors = linux(tmp_path, I7_12700H | {f"{rapl}/name": "package-0", f"{rapl}/energy_uj": "5"})
    report = examine(doors)
    assert any(sensor.name == "RAPL" and sensor.available for sensor in report.sensors)
    assert any("no temperature sensor" in warning for warning in report.warnings)
    assert [tool.name for tool in report.tools] == ["lm-sensors"]


def windows() -> SystemAccess:
    names = {"ProcessorNameString": "13th Gen Intel(R) Core(TM) i9-13900K", "CurrentBuildNumber": "22631"}
    return SystemAccess(
        System.WINDOWS, "AMD64", registry=lambda key, value: names.get(value), kernel=Kernel({40}, core_record(3, 0))
    )


def test_windows_without_tools_is_warned_with_links() -> None:
    report = examine(windows())
    assert report.platform is Platform.WINDOWS
    text = plain(report)
    assert "install LibreHardwareMonitor or Core Temp" in text
    for name, link in (
        ("LibreHardwareMonitor", "https://github.com/LibreHardwareMonitor/LibreHardwareMonitor/releases"),
        ("Core Temp", "https://www.alcpu.com/CoreTemp/"),
        ("HWiNFO64", "https://www.hwinfo.com/download/"),
    ):
        assert name in text
        assert link in text


def test_windows_with_a_source_is_left_in_peace() -> None:
    sensor = SensorLine("LibreHardwareMonitor", True, "CPU Package 45 °C")
    report = diagnose(collect(windows()), [sensor])
    assert report.tools == ()
    assert report.warnings == ()


def test_m1_air_is_warned_and_told_the_expected_figures() -> None:
    run = Commands({"sysctl": M1_AIR_SYSCTL, "pmset": PMSET_BATTERY})
    report = examine(SystemAccess(System.MACOS, "arm64", run=run))
    assert report.platform is Platform.MACOS_AIR
    text = plain(report)
    for said in ("RTF 12, 20 when throttled", "no fan: expect throttling after about 10 minutes", "40–60 %"):
        assert said in text
    assert "2 minutes ahead" in text


def test_rosetta_is_warned() -> None:
    report = examine(SystemAccess(System.MACOS, "x86_64", run=Commands({"sysctl": ROSETTA_SYSCTL})))
    assert any("translated" in warning for warning in report.warnings)


def test_little_memory_is_warned(tmp_path: Path) -> None:
    report = examine(linux(tmp_path, EPYC_GUEST | {"proc/meminfo": "MemTotal: 1000000 kB\n"}, 2))
    assert any("S1-mini will not fit well" in warning for warning in report.warnings)


def test_what_is_not_installed_is_said_with_the_way_to_get_it(tmp_path: Path) -> None:
    report = diagnose(collect(linux(tmp_path, EPYC_GUEST, 2)), (), Installed())
    cells = {cell.name: cell for cell in report.capabilities}
    assert cells["ONNX Runtime engine"].support is Support.MISSING
    assert "pip install 'fishvoice[daemon]'" in cells["ONNX Runtime engine"].detail
    assert "systemctl not found" in cells["service manager"].detail


def test_the_matrix_has_every_platform() -> None:
    rows = dict(matrix())
    assert set(rows) == set(Platform)
    names = {tuple(cell.name for cell in cells) for cells in rows.values()}
    assert len(names) == 1, "the same columns everywhere"
    assert "mps" in next(cell.detail for cell in rows[Platform.MACOS_PRO] if cell.name == "PyTorch engine")


def test_first_start_is_short_and_says_what_is_measured(tmp_path: Path) -> None:
    facts = collect(linux(tmp_path, I7_12700H))
    before = first_start(diagnose(facts, [SensorLine("hwmon", True, "50 °C")]))
    assert "S1-mini, the project's estimate and not measured: RTF 3, 10 s of speech in 30 s" in before
    assert "int4" not in before, "what has not been imported has no precision"
    assert "14 cores (20 threads), 15.3 GiB" in before
    assert len(before.splitlines()) <= 6
    after = first_start(diagnose(facts, [SensorLine("hwmon", True, "50 °C")], measured=MEASURED))
    assert "Measured: RTF 0.62 with s1-mini, 10 s of speech in 6.2 s" in after


def test_prediction_error() -> None:
    assert MEASURED.prediction_error == pytest.approx(-0.2)
    fresh = Measured("s1-mini", MEASURED.figures, "int4", 6)
    assert fresh.prediction_error is None
    assert Measured("s1-mini", (), "int4", 6, 0.5, 3).predicted_rtf is None


def test_a_figure_from_a_busy_machine_is_named_as_such(tmp_path: Path) -> None:
    busy = replace(MEASURED, figures=(replace(MEASURED.figures[0], disturbed=True), *MEASURED.figures[1:]))
    text = plain(diagnose(collect(linux(tmp_path, I7_12700H)), (), READY, busy))
    assert text.count("(beside other work: measure again when nothing else runs)") == 1


def test_what_a_running_daemon_has_in_memory_is_said_as_status_says_it(tmp_path: Path) -> None:
    rows = (("heart", "onnx, int8; RTF 0.21 observed"),)
    text = plain(diagnose(collect(linux(tmp_path, I7_12700H)), (), READY, MEASURED, rows))
    assert "heart  onnx, int8; RTF 0.21 observed" in text


PI_5 = {
    "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n",
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/meminfo": "MemTotal: 8000000 kB\n",
}


@pytest.mark.parametrize("machine", ["m1 air", "i5", "pi"])
def test_a_first_start_names_every_figure_that_was_not_measured(machine: str, tmp_path: Path) -> None:
    i5 = {name: text.replace("i7-12700H", "i5-1235U") for name, text in I7_12700H.items()}
    doors = {
        "m1 air": SystemAccess(System.MACOS, "arm64", run=Commands({"sysctl": M1_AIR_SYSCTL, "pmset": PMSET_BATTERY})),
        "i5": linux(tmp_path / "i5", i5),
        "pi": linux(tmp_path / "pi", PI_5, 4),
    }[machine]
    report = examine(doors)
    assert report.profile.tier is {"m1 air": Tier.M1_AIR, "i5": Tier.I5_BASELINE, "pi": Tier.ARM_SBC}[machine]
    lines = [line for line in first_start(report).splitlines() if "RTF" in line]
    assert len(lines) == 1
    assert lines[0].startswith("S1-mini, the project's estimate and not measured: RTF ")


def test_json_holds_it_all(tmp_path: Path) -> None:
    facts = collect(linux(tmp_path, I7_12700H))
    record = json.loads(to_json(diagnose(facts, [SensorLine("hwmon", True, "50 °C")], READY, MEASURED)))
    assert record["tier"] == Tier.INTEL_HIGH_END.value
    assert record["classification"]["confidence"] > 0.9
    assert record["facts"]["performance_cores"] == 6
    assert record["facts"]["affinity"] == list(range(20))
    assert record["facts"]["isa"]["avx_vnni"] is True
    assert record["facts"]["isa"]["dotprod"] is None
    assert record["measured"]["prediction_error"] == pytest.approx(-0.2)
    assert record["environment"]["OMP_NUM_THREADS"] == "6"
    assert record["profile"]["expected"]["rtf_onnx"] == 3.0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rich_on_a_terminal_says_the_same(tmp_path: Path) -> None:
    report = diagnose(collect(linux(tmp_path, I7_12700H)), [SensorLine("hwmon", True, "50 °C")], READY, MEASURED)
    out = Terminal()
    render(report, out)
    text = out.getvalue()
    assert "╭" in text
    assert "intel_high_end" in text
    assert "╭" not in plain(report)


@pytest.mark.parametrize(
    ("argv", "said"), [([], "Hardware\n"), (["--short"], "More: fishvoice doctor"), (["--matrix"], "macOS on Intel")]
)
def test_the_command_on_this_machine(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor_command(argv) == 0
    assert said in capsys.readouterr().out


def test_the_command_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor_command(["--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["facts"]["logical_cores"] >= 1
    assert record["tier"] in {tier.value for tier in Tier}
