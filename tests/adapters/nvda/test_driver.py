"""NVDA's driver with stand-ins for NVDA's modules that record every call, and the add-on as a file."""

from __future__ import annotations

import configparser
import importlib.util
import subprocess
import sys
import threading
import types
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fishvoice import paths
from fishvoice.adapters.nvda import package as nvda_package
from fishvoice.adapters.nvda.speaker import speed
from fishvoice.adapters.shared.integration import CannotIntegrate
from fishvoice.paths import Curve, Endpoints
from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.client.conftest import ROOT, home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")
DRIVER = ROOT / "client" / "nvda" / "synthDrivers" / "fishvoice" / "__init__.py"


@dataclass
class Nvda:
    """What the driver has done to NVDA, in order."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    hold: threading.Event | None = None  # a player that is still playing

    def note(self, *call: Any) -> None:
        self.calls.append(call)

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def of(self, name: str) -> list[Any]:
        return [call[1] for call in self.calls if call[0] == name]


class IndexCommand:
    def __init__(self, index: int) -> None:
        self.index = index


def modules(nvda: Nvda) -> dict[str, types.ModuleType]:
    """NVDA's modules, as far as the driver uses them."""

    class SynthDriver:
        def terminate(self) -> None:
            nvda.note("terminated")

        @staticmethod
        def VoiceSetting() -> str:  # noqa: N802
            return "voice"

        @staticmethod
        def PitchSetting() -> str:  # noqa: N802
            return "pitch"

        @staticmethod
        def VolumeSetting() -> str:  # noqa: N802
            return "volume"

        @staticmethod
        def RateSetting() -> str:  # noqa: N802
            return "rate"

        def __getattr__(self, name: str) -> Any:  # NVDA's properties come from _get_ methods
            if name == "availableVoices":
                return self._getAvailableVoices()
            return object.__getattribute__(self, f"_get_{name}")()

        def __setattr__(self, name: str, value: Any) -> None:
            setter = getattr(type(self), f"_set_{name}", None)
            setter(self, value) if setter else object.__setattr__(self, name, value)

    class WavePlayer:
        def __init__(self, channels: int, samplesPerSec: int, bitsPerSample: int) -> None:  # noqa: N803
            nvda.note("player", (channels, samplesPerSec, bitsPerSample))

        def feed(self, data: bytes, size: int | None = None, onDone: Any = None) -> None:  # noqa: N803
            nvda.note("feed", data)
            if nvda.hold is not None:
                nvda.hold.wait(20)
            elif onDone:
                onDone()

        def idle(self) -> None:
            nvda.note("idle")

        def stop(self) -> None:
            nvda.note("stop")
            if nvda.hold is not None:
                nvda.hold.set()

        def pause(self, switch: bool) -> None:
            nvda.note("pause", switch)

        def close(self) -> None:
            nvda.note("closed player")

    class Notification:
        def __init__(self, name: str) -> None:
            self.name = name

        def notify(self, synth: Any, index: int | None = None) -> None:
            nvda.note(self.name, index)

    def module(name: str, **contents: Any) -> types.ModuleType:
        made = types.ModuleType(name)
        made.__dict__.update(contents)
        return made

    handler = module(
        "synthDriverHandler",
        SynthDriver=SynthDriver,
        VoiceInfo=lambda name, title, language: types.SimpleNamespace(id=name, displayName=title, language=language),
        synthIndexReached=Notification("index"),
        synthDoneSpeaking=Notification("done"),
    )
    log = types.SimpleNamespace(error=lambda message: nvda.note("error", message))
    found = [
        handler,
        module("nvwave", WavePlayer=WavePlayer),
        module("logHandler", log=log),
        module("speech"),
        module("speech.commands", IndexCommand=IndexCommand),
    ]
    return {each.__name__: each for each in found}


@pytest.fixture
def nvda() -> Nvda:
    return Nvda()


@pytest.fixture
def driver(nvda: Nvda, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("FISHVOICE_DAEMON", "false")  # none but the test's own
    for name, module in modules(nvda).items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("synthDrivers.fishvoice", DRIVER)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    assert loaded.SynthDriver.check()
    made = loaded.SynthDriver()
    yield made
    made.terminate()
    assert nvda.calls[-1] == ("terminated",)


def test_a_sequence_is_one_request_and_its_indexes_are_told_in_order(driver: Any, nvda: Nvda) -> None:
    with FakeDaemon(Behaviour(chunks=6, samples=10, sample_rate=24000)) as daemon:
        driver.speak([IndexCommand(1), "ab", IndexCommand(2), "cd", object(), IndexCommand(3), "ef", IndexCommand(4)])
        eventually(lambda: nvda.of("done"))
        assert [request.text for request in daemon.requests] == ["abcdef"]
        assert b"".join(nvda.of("feed")) == b"".join(daemon.pcm(daemon.requests[0], index) for index in range(6))
    assert nvda.of("player") == [(1, 24000, 16)]
    # The fake says a character per chunk: 2 comes before "c", 3 before "e", and the last when all has been heard.
    told = [call[1] if call[0] == "index" else call[0] for call in nvda.calls]
    expected = ["player", 1, "feed", "feed", 2, "feed", "feed", 3, "feed", "feed", "idle", 4, "done"]
    assert [each for each in told if each != "player"] == [each for each in expected if each != "player"]


def test_voice_and_rate_reach_the_daemon(driver: Any, nvda: Nvda) -> None:
    with FakeDaemon() as daemon:
        assert {name: voice.language for name, voice in driver.availableVoices.items()} == {
            "default": None,
            "starter": "en",
        }
        driver.speak(["One."])
        driver.voice, driver.rate = "starter", 100
        assert (driver.voice, driver.rate, driver.language) == ("starter", 100, "en")
        driver.speak(["Two."])
        eventually(lambda: len(nvda.of("done")) == 2)
        assert [(each.voice, each.speed) for each in daemon.requests] == [(None, 1.0), ("starter", 2.0)]
    assert [speed(rate) for rate in (0, 50, 100)] == [0.5, 1.0, 2.0]


def test_pitch_and_volume_reach_the_daemon(driver: Any, nvda: Nvda) -> None:
    with FakeDaemon() as daemon:
        driver.pitch, driver.volume = 100, 40
        assert (driver.pitch, driver.volume) == (100, 40)
        driver.speak(["One."])
        eventually(lambda: nvda.of("done"))
        asked = daemon.requests[0]
    assert (round(asked.pitch, 3), asked.volume) == (1.414, 0.4)


def test_cancel_is_silence_at_once_and_no_index_follows(driver: Any, nvda: Nvda) -> None:
    nvda.hold = threading.Event()  # the player is in the middle of a chunk and would stay there
    with GatedDaemon(Behaviour(chunks=6, samples=10), free=2) as daemon:
        driver.speak(["ab", IndexCommand(1)])
        driver.speak(["never", IndexCommand(2)])
        eventually(lambda: nvda.of("feed"))
        driver.cancel()
        assert "stop" in nvda.names()
        eventually(lambda: daemon.cancels)
        nvda.hold = None
        daemon.gate.set()
        driver.speak(["new", IndexCommand(3)])
        eventually(lambda: nvda.of("done"))
        assert [request.text for request in daemon.requests] == ["ab", "new"]
    assert nvda.of("index") == [3]
    assert len(nvda.of("done")) == 1


def test_cancel_is_silence_too_while_the_daemon_still_thinks(driver: Any, nvda: Nvda) -> None:
    with GatedDaemon(Behaviour(chunks=6, samples=10), free=0) as daemon:
        driver.speak(["ab"])
        eventually(lambda: daemon.requests)
        driver.cancel()
        eventually(lambda: daemon.cancels)
    assert nvda.calls == []


def test_pause_is_the_players(driver: Any, nvda: Nvda) -> None:
    driver.pause(True)
    with FakeDaemon():
        driver.speak(["a"])
        eventually(lambda: nvda.of("done"))
        driver.pause(True)
        driver.pause(False)
    assert nvda.of("pause") == [True, False]


def test_without_a_daemon_nvda_reads_on_and_the_log_says_why(driver: Any, nvda: Nvda) -> None:
    assert list(driver.availableVoices) == ["default"]
    driver.speak(["a", IndexCommand(1), "b", IndexCommand(2)])
    eventually(lambda: nvda.of("done"))
    assert nvda.of("index") == [1, 2]
    assert "the daemon ended on start" in nvda.of("error")[0]


def test_a_daemon_that_dies_is_logged_and_the_next_one_speaks(driver: Any, nvda: Nvda) -> None:
    with GatedDaemon(Behaviour(chunks=6, samples=10), free=2) as daemon:
        driver.speak(["abcdef", IndexCommand(1)])
        eventually(lambda: nvda.of("feed"))
        daemon.die()
        eventually(lambda: nvda.of("done"))
    assert nvda.of("index") == [1]
    assert "the daemon has gone away" in nvda.of("error")[0]
    with FakeDaemon():
        driver.speak(["again"])
        eventually(lambda: len(nvda.of("done")) == 2)
    assert len(nvda.of("error")) == 1


def test_nothing_to_say_is_no_request(driver: Any, nvda: Nvda) -> None:
    driver.speak([IndexCommand(1), " ", IndexCommand(2)])
    eventually(lambda: nvda.of("done"))
    assert (nvda.of("index"), nvda.of("error")) == ([1, 2], [])


def test_over_tcp_with_keys_as_on_windows(driver: Any, nvda: Nvda) -> None:
    """What a daemon publishes where libzmq has no ipc: the driver finds it, and is let in."""
    import zmq

    server, client = zmq.curve_keypair(), zmq.curve_keypair()
    curve = Curve(server[0].decode(), client[0].decode(), client[1].decode())
    ports = []
    for _ in range(2):
        with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
            ports.append(socket.bind_to_random_port("tcp://127.0.0.1"))
    where = Endpoints(f"tcp://127.0.0.1:{ports[0]}", f"tcp://127.0.0.1:{ports[1]}", curve)
    with FakeDaemon(where=where, curve_secret=server[1]):
        paths.publish_endpoints(where)
        driver.speak(["Hello.", IndexCommand(7)])
        eventually(lambda: nvda.of("done"))
        assert "starter" in driver.availableVoices
    assert (nvda.of("index"), nvda.of("error")) == ([7], [])
    assert nvda.of("feed")


# -- the add-on ----------------------------------------------------------------------------------------------------


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Wheels like those for Windows, with little in them."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for library in nvda_package.LIBRARIES:
        tag = "py3-none-any" if library == "platformdirs" else "cp313-cp313-win_amd64"
        with zipfile.ZipFile(folder / f"{library}-1.0-{tag}.whl", "w") as file:
            file.writestr(f"{library}/__init__.py", f"NAME = {library!r}\n")
            file.writestr(f"{library}/tests/test_it.py", "")
    return folder


def test_the_addon_is_whole(wheels: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "f.nvda-addon"
    done = subprocess.run(
        [sys.executable, "-m", "fishvoice.adapters.nvda.package", str(out), "--wheels", str(wheels)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(out) as file:
        assert file.testzip() is None
        names = set(file.namelist())
        manifest = configparser.ConfigParser(interpolation=None)
        manifest.read_string("[addon]\n" + file.read("manifest.ini").decode().replace('"""', ""))
        assert "Untested on Windows" in file.read("doc/en/readme.html").decode()
        driver_source = file.read("synthDrivers/fishvoice/__init__.py")
        file.extractall(tmp_path / "addon")
    assert manifest["addon"]["name"] == "fishvoice"
    assert "{" not in manifest["addon"]["version"]
    assert driver_source == DRIVER.read_bytes()
    library = "synthDrivers/fishvoice/lib"
    assert {f"{library}/{each}/__init__.py" for each in nvda_package.LIBRARIES} <= names
    assert f"{library}/fishvoice/client.py" in names
    assert not [name for name in names if "/tests/" in name]


def test_the_client_in_the_addon_is_complete(wheels: Path, tmp_path: Path) -> None:
    """It is imported from there and nowhere else, with this environment's own libraries behind it."""
    out = tmp_path / "f.nvda-addon"
    nvda_package.build(out, wheels)
    with zipfile.ZipFile(out) as file:
        ours = [name for name in file.namelist() if "/lib/fishvoice/" in name]
        file.extractall(tmp_path / "addon", ours)
    place = tmp_path / "addon" / nvda_package.PLACE
    code = "import fishvoice.adapters.nvda.speaker as talk, fishvoice.client; print(talk.__file__)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(place)}, capture_output=True, text=True)
    assert done.stdout.startswith(str(place)), done.stderr


def test_the_addon_needs_all_its_libraries_for_windows(wheels: Path, tmp_path: Path) -> None:
    (wheels / "pyzmq-1.0-cp313-cp313-win_amd64.whl").rename(wheels / "pyzmq-1.0-cp313-cp313-manylinux_x86_64.whl")
    with pytest.raises(CannotIntegrate, match="not for win_amd64"):
        nvda_package.build(tmp_path / "a", wheels)
    next(wheels.glob("msgspec*")).unlink()
    with pytest.raises(CannotIntegrate, match="no wheel of msgspec"):
        nvda_package.build(tmp_path / "a", wheels)
    assert not (tmp_path / "a").exists()
