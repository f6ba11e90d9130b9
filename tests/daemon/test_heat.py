"""A running daemon on a hot machine: what is urgent or cheap comes at once, and of the rest not a sample is lost."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from fishvoice.protocol import AnyMessage, AudioEnd, Error, Priority, Waiting
from fishvoiced.monitor.worth import FIRST_SECONDS
from tests.hardware.machines import tree
from tools.harness.daemon_process import Daemon, Wire, chunks, eventually, running
from tools.harness.tone_speaker import FRAME_SAMPLES, SAMPLE_RATE

SCALE = 0.02  # a minute of the protection's time in 1.2 s
WORDS = 1000
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
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
        # A file for each writer: the counter and the temperature change at once.
        fresh = self.root / f"{Path(name).name}.fresh"
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
    # As heavy as a large model: a voice that costs little never rests.
    with running(home, *flags, frame=0.008, env={"TONE_RTF": "3.0"}) as daemon:
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
    """What comes for the request, while it comes."""
    heard: list[AnyMessage] = []

    def take() -> None:
        while not heard or not isinstance(heard[-1], AudioEnd | Error):
            heard.append(client.receive(240.0))
            assert heard[-1].id == request  # type: ignore[union-attr]

    thread = threading.Thread(target=take)
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
        eventually(lambda: frames(observer) * FRAME_SECONDS > FIRST_SECONDS)
        notebook.heat(95)
        until(hot, "warm")
        notebook.throttled.set()
        until(hot, "throttled")
        until(hot, "cooldown")
        assert observer.status()["thermal"]["wait_seconds"] > 0
        rests(client)
        so_far = frames(observer)
        assert 0 < so_far < WORDS
        time.sleep(0.3)
        assert frames(observer) <= so_far + 1  # it waits
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


def frames(client: Wire) -> int:
    return int(client.status()["counters"]["frames"])


def rests(client: Wire) -> None:
    """Wait until the request says that it does."""
    eventually(lambda: told_of_heat(client))


def told_of_heat(client: Wire) -> list[Waiting]:
    """What the client was told of the heat."""
    return [told for told in list(client.waited) if isinstance(told, Waiting) and told.reason == "heat"]


def resting(hot: Daemon, notebook: Notebook, client: Wire, observer: Wire) -> tuple[threading.Thread, list[AnyMessage]]:
    """A long text that has begun and now stands still, because the machine has to cool down."""
    watched(observer)
    thread, heard = listen(client, client.speak(TEXT, credit=WORDS))
    notebook.heat(95)
    notebook.throttled.set()
    until(hot, "cooldown")
    rests(client)
    return thread, heard


@pytest.mark.parametrize(
    ("priority", "word"), [("important", "Battery low."), ("message", "a"), ("text", "Hello there.")]
)
def test_a_word_is_spoken_while_the_machine_cools_from_a_long_text(
    hot: Daemon, notebook: Notebook, cool: bytes, priority: Priority, word: str
) -> None:
    with hot.client() as client, hot.client() as observer, hot.client() as urgent:
        thread, heard = resting(hot, notebook, client, observer)
        before = len(chunks(list(heard)))
        for _ in range(10):
            spoken_word = urgent.until_end(urgent.speak(word, priority=priority))
            assert len(spoken(spoken_word)) > 0
            assert [chunk.throttled for chunk in chunks(spoken_word)] == [None] * len(word.split())
        assert observer.status()["thermal"]["phase"] == "cooldown"  # all ten came before it was over
        assert len(chunks(list(heard))) == before  # and the long text did not take the occasion
        ended(thread, heard, cool, notebook)


def ended(thread: threading.Thread, heard: list[AnyMessage], cool: bytes, notebook: Notebook) -> None:
    """Cooled down, the long text is spoken to its end, and whole."""
    notebook.throttled.clear()
    notebook.heat(50)
    thread.join(240)
    assert spoken(heard) == cool


def test_who_rests_is_told_at_once_with_an_end_in_sight(hot: Daemon, notebook: Notebook, cool: bytes) -> None:
    with hot.client() as client, hot.client() as observer:
        thread, heard = resting(hot, notebook, client, observer)
        for message in told_of_heat(client):
            assert message.seconds is not None
            assert message.at_most is not None
            assert 0 < message.seconds <= message.at_most <= 180
        ended(thread, heard, cool, notebook)


def test_with_heat_that_another_program_makes_words_and_an_export_come_as_ever(
    home: Path, notebook: Notebook, cool: bytes
) -> None:
    flags = [f"monitor.root={notebook.root}", f"monitor.time_scale={SCALE}"]
    neighbour = notebook.root / "proc" / "stat"
    neighbour.parent.mkdir()
    neighbour.write_text("cpu 0 0 0 0 0 0 0 0 0 0\n")
    voice = {"TONE_RTF": "3.0"}
    settings = (part for each in flags for part in ("--set", each))
    with running(home, *settings, frame=0.0, env=voice) as daemon, daemon.client() as client:
        watched(client)
        neighbour.write_text("cpu 100000 0 0 0 0 0 0 0 0 0\n")
        notebook.heat(95)
        notebook.throttled.set()
        until(daemon, "cooldown")  # with nothing to do: it is not ours
        assert client.status()["thermal"]["own_share"] < 0.5
        for _ in range(10):
            assert spoken(client.until_end(client.speak("a", priority="message")))
        messages = client.until_end(client.speak(TEXT, credit=WORDS))
        assert spoken(messages) == cool
        assert {chunk.throttled for chunk in chunks(messages)} == {None}
        assert not told_of_heat(client)
        assert phases(daemon)[-1] == "cooldown"  # and all the while the machine was hot
        notebook.throttled.clear()


def test_a_cheap_voice_never_rests(home: Path, notebook: Notebook, cool: bytes) -> None:
    flags = [f"monitor.root={notebook.root}", f"monitor.time_scale={SCALE}"]
    voice = {"TONE_RTF": "0.1"}
    settings = (part for each in flags for part in ("--set", each))
    with running(home, *settings, frame=0.0, env=voice) as daemon, daemon.client() as client:
        watched(client)
        notebook.heat(95)
        notebook.throttled.set()
        until(daemon, "cooldown")
        messages = client.until_end(client.speak(TEXT, credit=WORDS))
        assert spoken(messages) == cool
        assert not told_of_heat(client)
        notebook.throttled.clear()


def test_a_long_text_goes_on_with_less_work_instead_of_resting_and_says_so_at_once(
    home: Path, notebook: Notebook
) -> None:
    settings = (f"monitor.root={notebook.root}", f"monitor.time_scale={SCALE}")
    flags = [part for setting in settings for part in ("--set", setting)]
    voice = {"TONE_RTF": "3.0", "TONE_LIGHTER": "0.1"}
    sentences = " ".join(f"{word}." if number % 20 == 19 else word for number, word in enumerate(TEXT.split()))
    with running(home, *flags, frame=0.008, env=voice) as daemon, daemon.client() as client:
        watched(client)
        notebook.heat(95)
        notebook.throttled.set()
        until(daemon, "cooldown")
        messages = client.until_end(client.speak(sentences, credit=WORDS), within=240.0)
        assert len(spoken(messages)) == WORDS * FRAME_SAMPLES * 2
        told = [(chunk.segment, chunk.notice) for chunk in chunks(messages) if chunk.notice]
        assert told == [(1, "less speaks on")], "with the first sound of the next segment, and once"
        assert not told_of_heat(client)
        notebook.throttled.clear()


def test_on_a_mac_without_a_fan_under_full_pressure_words_come_at_once_and_a_long_text_whole(
    home: Path, cool: bytes
) -> None:
    setting = ("--set", f"monitor.time_scale={SCALE}")
    voice = {"TONE_RTF": "3.0"}
    mac = running(home, *setting, frame=0.008, env=voice, module="tools.harness.hot_mac")
    with mac as daemon, daemon.client() as client, daemon.client() as urgent:
        until(daemon, "cooldown")
        for _ in range(10):
            assert spoken(urgent.until_end(urgent.speak("Battery low.", priority="important")))
            assert spoken(urgent.until_end(urgent.speak("Hello there.")))
        long = spoken(client.until_end(client.speak(TEXT[: len(TEXT) // 4], credit=WORDS), within=240.0))
        assert len(long) > FIRST_SECONDS * 2 * SAMPLE_RATE  # longer than what is never held up
        assert long == cool[: len(long)]


def test_each_message_about_the_heat_is_logged_once(hot: Daemon, notebook: Notebook) -> None:
    with hot.client() as client:
        watched(client)
        notebook.heat(95)
        until(hot, "warm")
    assert hot.log().count("normal → warm") == 1


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
