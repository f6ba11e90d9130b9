"""A running daemon on a machine that gets hot: the whole episode while a long text is spoken, and not a sample lost."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from fishvoice.protocol import AnyMessage, AudioEnd
from tests.hardware.machines import tree
from tools.harness.daemon_process import Daemon, Wire, chunks, eventually, running

SCALE = 0.02  # a minute of the protection's time in 1.2 s
WORDS = 1000
TEXT = " ".join(f"w{number}" for number in range(WORDS))

_CPU = "sys/devices/system/cpu/cpu0"
_COUNTER = f"{_CPU}/thermal_throttle/package_throttle_total_time_ms"
_TEMPERATURE = "sys/class/hwmon/hwmon0/temp1_input"


class Notebook:
    """The sensors of an Intel notebook in a tree of files: a temperature, and a counter of throttled milliseconds."""

    def __init__(self, root: Path) -> None:
        self.root = tree(
            root,
            {
                f"{_CPU}/thermal_throttle/package_throttle_count": "0\n",
                f"{_CPU}/topology/physical_package_id": "0\n",
                _COUNTER: "0\n",
                "sys/class/hwmon/hwmon0/name": "coretemp\n",
                "sys/class/hwmon/hwmon0/temp1_label": "Package id 0\n",
                "sys/class/hwmon/hwmon0/temp1_crit": "100000\n",
                _TEMPERATURE: "50000\n",
            },
        )
        self.throttled = threading.Event()
        self._off = threading.Event()
        self._thread = threading.Thread(target=self._count)
        self._thread.start()

    def heat(self, celsius: float) -> None:
        self._write(_TEMPERATURE, f"{celsius * 1000:.0f}\n")

    def tear_out_sensors(self) -> None:
        self.throttled.clear()
        self.stop()
        shutil.rmtree(self.root / "sys")

    def stop(self) -> None:
        self._off.set()
        self._thread.join()

    def _count(self) -> None:
        """The counter runs while the machine is throttled."""
        milliseconds = 0
        while not self._off.wait(0.01):
            if self.throttled.is_set():
                milliseconds += 10
                self._write(_COUNTER, f"{milliseconds}\n")

    def _write(self, name: str, text: str) -> None:
        # In one step, as the kernel's files change: never half a number.
        fresh = self.root / "fresh"
        fresh.write_text(text)
        fresh.replace(self.root / name)


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    made = Notebook(tmp_path / "machine")
    yield made
    made.stop()


@pytest.fixture
def hot(home: Path, notebook: Notebook) -> Iterator[Daemon]:
    settings = (f"monitor.root={notebook.root}", f"monitor.time_scale={SCALE}", "engine.threads=2")
    flags = [part for setting in settings for part in ("--set", setting)]
    with running(home, *flags, frame=0.008) as daemon:
        yield daemon


def phases(daemon: Daemon) -> list[str]:
    """The phases it has been in, from the log."""
    moves = re.findall(r"heat: (\w+) → (\w+)", daemon.log())
    for (_, arrived), (left, _) in pairwise(moves):
        assert arrived == left
    return [moves[0][0], *(arrived for _, arrived in moves)] if moves else []


def until(daemon: Daemon, phase: str) -> None:
    eventually(lambda: phases(daemon)[-1:] == [phase])


def watched(client: Wire) -> None:
    """The monitor begins a moment after the daemon."""
    eventually(lambda: (client.status()["thermal"] or {}).get("temperature") == 50.0)


def listen(client: Wire, request: str) -> tuple[threading.Thread, list[AnyMessage]]:
    heard: list[AnyMessage] = []
    thread = threading.Thread(target=lambda: heard.extend(client.until_end(request, within=240.0)))
    thread.start()
    return thread, heard


def spoken(messages: list[AnyMessage]) -> bytes:
    end = messages[-1]
    assert isinstance(end, AudioEnd)
    assert end.finish_reason == "complete"
    return b"".join(bytes(chunk.payload or b"") for chunk in chunks(messages))


@pytest.fixture(scope="module")
def cool(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The text spoken by a daemon that knows no heat."""
    folder = tmp_path_factory.mktemp("c", numbered=True)
    with running(folder, frame=0.0) as daemon, daemon.client() as client:
        return spoken(client.until_end(client.speak(TEXT, credit=WORDS)))


def test_an_episode_of_heat_from_normal_to_normal_costs_time_but_no_sound(
    hot: Daemon, notebook: Notebook, cool: bytes
) -> None:
    with hot.client() as client, hot.client() as observer:
        watched(observer)
        thread, heard = listen(client, client.speak(TEXT, credit=WORDS))
        notebook.heat(95)
        until(hot, "warm")
        notebook.throttled.set()
        until(hot, "throttled")
        until(hot, "cooldown")
        assert observer.status()["thermal"]["wait_seconds"] > 0
        frames = observer.status()["counters"]["frames"]
        assert 0 < frames < WORDS
        time.sleep(0.3)
        assert observer.status()["counters"]["frames"] <= frames + 1  # it waits
        notebook.throttled.clear()
        notebook.heat(60)
        until(hot, "recovering")
        until(hot, "normal")
        assert observer.status()["counters"]["frames"] < WORDS  # all of it happened while the text was spoken
        thread.join(240)
    assert phases(hot) == ["normal", "warm", "throttled", "cooldown", "recovering", "normal"]
    assert spoken(heard) == cool
    told = [chunk.throttled for chunk in chunks(heard)]
    assert told[-1] is None
    assert {"warm", "throttled", "recovering"} <= set(told)


def test_sensors_that_vanish_in_the_middle_hold_nothing_up(hot: Daemon, notebook: Notebook, cool: bytes) -> None:
    with hot.client() as client, hot.client() as observer:
        watched(observer)
        thread, heard = listen(client, client.speak(TEXT, credit=WORDS))
        notebook.heat(95)
        notebook.throttled.set()
        until(hot, "cooldown")
        notebook.tear_out_sensors()
        until(hot, "blind")
        assert observer.status()["thermal"]["reasons"] == ["all sensors are gone"]
        thread.join(240)
        assert observer.status()["state"] == "ready"
    assert phases(hot)[-2:] == ["cooldown", "blind"]
    assert spoken(heard) == cool
