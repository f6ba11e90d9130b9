"""Windows probes on recorded answers; LibreHardwareMonitor also over a real socket."""

from __future__ import annotations

import json
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fishvoiced.hardware.detect.system_access import SystemAccess
from fishvoiced.hardware.facts import System
from fishvoiced.monitor.guard import GuardedProbe, ProbeError
from fishvoiced.monitor.probes import discover, libre_hardware_monitor
from fishvoiced.monitor.probes.core_temp import SIZE, CoreTemp, parse_shared
from fishvoiced.monitor.probes.libre_hardware_monitor import LibreHardwareMonitor, parse_tree
from fishvoiced.monitor.probes.performance_counter import COARSE, PASSIVE, PRECISE, PerformanceCounter
from fishvoiced.monitor.reading import Quantity, Reading, Unavailable
from tests.monitor.fakes import FIXTURES


def lhm(name: str) -> dict[Quantity, float]:
    tree = json.loads((FIXTURES / name).read_text("utf-8"))
    return {reading.quantity: reading.value for reading in parse_tree(tree, 0.0)}


def test_localized_text_without_raw_values() -> None:
    assert lhm("lhm_0_9_4_german.json") == {Quantity.TEMPERATURE: 45.0, Quantity.POWER: 35.5}


def test_raw_values() -> None:
    assert lhm("lhm_0_9_5.json") == {Quantity.TEMPERATURE: 71.375, Quantity.POWER: 24.93}


def sensor(value: str, text: str = "CPU Package", **more: str) -> dict[str, object]:
    leaf = {"Text": text, "Value": value, "Children": [], **more}
    return {"Text": "cpu", "ImageURL": "images_icon/cpu.png", "Children": [leaf]}


def test_fahrenheit_and_numbers_as_raw_values() -> None:
    assert [r.value for r in parse_tree(sensor("113,0 °F"), 0.0)] == [45.0]
    assert [r.value for r in parse_tree(sensor("113,0 °F", RawValue="45"), 0.0)] == [45.0]


def test_distance_to_tjmax_is_no_temperature() -> None:
    assert list(parse_tree(sensor("53,0 °C", "Core #1 Distance to TjMax"), 0.0)) == []


@pytest.mark.parametrize("tree", [None, [], "text", {}, {"Children": 5}, {"Children": [None, 3]}, sensor("-")])
def test_strange_trees_give_nothing(tree: object) -> None:
    assert list(parse_tree(tree, 0.0)) == []


def test_no_json_and_no_cpu() -> None:
    with pytest.raises(ProbeError, match="something else than JSON"):
        LibreHardwareMonitor(lambda: b"<html>").read(0.0)
    with pytest.raises(ProbeError, match="no CPU temperature"):
        LibreHardwareMonitor(lambda: b"{}").read(0.0)


def test_a_bottomless_answer_is_a_failure_not_a_crash() -> None:
    outcome = GuardedProbe(LibreHardwareMonitor(lambda: b"[" * 200_000)).poll(0.0)
    assert isinstance(outcome, Unavailable)


def test_over_a_real_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    body = (FIXTURES / "lhm_0_9_5.json").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/data.json" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(libre_hardware_monitor, "_PORT", server.server_port)
    try:
        readings = LibreHardwareMonitor().read(1.0)
        assert [reading.value for reading in readings] == [71.375, 24.93]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    refused = GuardedProbe(LibreHardwareMonitor()).poll(2.0)
    assert isinstance(refused, Unavailable)
    assert "Remote Web Server" in refused.hint


def shared(temperatures: list[float], *, tj_max: int = 100, fahrenheit: bool = False, delta: bool = False) -> bytes:
    block = bytearray(SIZE)
    struct.pack_into("<I", block, 1024, tj_max)
    struct.pack_into("<I", block, 1536, len(temperatures))
    struct.pack_into(f"<{len(temperatures)}f", block, 1544, *temperatures)
    block[2584:2590] = b"i7-970"
    block[2684], block[2685] = fahrenheit, delta
    return bytes(block)


@pytest.mark.parametrize(
    ("block", "hottest"),
    [
        (shared([50, 61, 55]), 61),
        (shared([122, 140], fahrenheit=True), 60),
        (shared([50, 39], delta=True), 61),
        (shared([90, 72], delta=True, fahrenheit=True), 60),
    ],
)
def test_core_temp(block: bytes, hottest: float) -> None:
    value, critical = parse_shared(block)
    assert value == pytest.approx(hottest)
    assert critical == 100.0
    (found,) = CoreTemp(lambda: block).read(0.0)
    assert found.value == pytest.approx(hottest)


@pytest.mark.parametrize("block", [b"", bytes(100), bytes(SIZE), shared([50], tj_max=0, delta=True)])
def test_core_temp_unsound_blocks(block: bytes) -> None:
    with pytest.raises(ProbeError, match="shared memory"):
        parse_shared(block)


def counters(**answers: tuple[float, ...]) -> PerformanceCounter:
    table = {
        PRECISE: answers.get("precise", ()),
        COARSE: answers.get("coarse", ()),
        PASSIVE: answers.get("passive", ()),
    }
    return PerformanceCounter(lambda path: table[path])


def found(probe: PerformanceCounter) -> dict[Quantity, float]:
    readings: tuple[Reading, ...] = probe.read(0.0)
    return {reading.quantity: round(reading.value, 2) for reading in readings}


def test_kelvins() -> None:
    assert found(counters(precise=(3202.0, 0.0), coarse=(320.0,), passive=(100.0, 80.0))) == {
        Quantity.TEMPERATURE: 47.05,
        Quantity.SPEED_LIMIT: 80.0,
    }
    assert found(counters(coarse=(320.0,))) == {Quantity.TEMPERATURE: 46.85}
    with pytest.raises(ProbeError, match="no such counter"):
        counters().read(0.0)


@pytest.mark.skipif(sys.platform == "win32", reason="what other systems say")
def test_elsewhere_they_are_absent() -> None:
    for probe in discover(SystemAccess(System.WINDOWS))[1:]:
        outcome = GuardedProbe(probe).poll(0.0)
        assert isinstance(outcome, Unavailable)
        assert "Windows only" in outcome.reason
