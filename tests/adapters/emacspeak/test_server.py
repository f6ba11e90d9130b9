"""The speech server before a daemon on real sockets; the loudspeaker is a list."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fishvoice.adapters.emacspeak import protocol
from fishvoice.adapters.emacspeak.install import EMACS, lisp_file, server_file
from fishvoice.adapters.emacspeak.server import Server, items
from fishvoice.adapters.emacspeak.speaker import Sound, Tone, Words, tone
from fishvoice.adapters.emacspeak.text import Settings
from fishvoice.adapters.shared.integration import CannotIntegrate
from fishvoice.client import Client
from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.client.conftest import home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")


@dataclass
class Tape:
    """A loudspeaker that keeps what it is given."""

    rate: int = 0
    pcm: bytearray = field(default_factory=bytearray)
    finished: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)
    underruns: int = 0

    def open(self, sample_rate: int) -> None:
        self.rate = sample_rate

    def write(self, pcm: bytes) -> None:
        assert not self.stopped.is_set()
        self.pcm += pcm

    def finish(self) -> None:
        self.finished = True

    def stop(self) -> None:
        self.stopped.set()


@dataclass
class Room:
    """A server, and the tapes it has filled."""

    tapes: list[Tape] = field(default_factory=list)

    def __enter__(self) -> Room:
        self.client = Client(start=False)
        self.server = Server(self.client, self._tape)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.handle(protocol.Stop())
        self.client.close()

    def _tape(self) -> Tape:
        self.tapes.append(Tape())
        return self.tapes[-1]

    def hears(self, text: str) -> None:
        for command in protocol.Parser().feed(text.encode()):
            self.server.handle(command)

    def done(self, count: int = 1) -> None:
        eventually(lambda: sum(tape.finished for tape in self.tapes) >= count)


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    with FakeDaemon() as running:
        yield running


def test_a_queue_is_spoken_in_one_piece(daemon: FakeDaemon) -> None:
    with Room() as room:
        room.hears("tts_set_speech_rate 122\nq {Hello, }\nc { }\nq {my dear. }\n")
        assert daemon.requests == []
        room.hears("d\n")
        room.done()
        [tape] = room.tapes
        assert tape.rate == 44100
        assert bytes(tape.pcm) == b"".join(struct.pack("<h", 1000 + index) * 441 for index in range(4))
    assert [(request.text, request.speed, request.priority) for request in daemon.requests] == [
        ("Hello, my dear.", 2.0, "message")
    ]


def test_what_is_dispatched_meanwhile_follows() -> None:
    with GatedDaemon() as daemon, Room() as room:
        room.hears("q {One. }\nd\n")
        eventually(lambda: room.tapes and room.tapes[0].pcm)
        room.hears("q {Two. }\nd\n")
        daemon.gate.set()
        eventually(lambda: len(daemon.finished) == 2)
        room.done()
        assert len(room.tapes) == 1
        assert len(room.tapes[0].pcm) == 8 * 441 * 2


def test_silence_at_once_and_then_something_else() -> None:
    with GatedDaemon() as daemon, Room() as room:
        room.hears("q {One. }\nd\nq {Never. }\n")
        eventually(lambda: room.tapes and room.tapes[0].pcm)
        room.hears("s\nd\n")
        assert room.tapes[0].stopped.is_set()
        eventually(lambda: daemon.cancels)
        daemon.gate.set()
        room.hears("l {x}\n")
        room.done()
        assert not room.tapes[0].finished
    assert [request.text for request in daemon.requests] == ["One.", "X"]


def test_letters_and_say_interrupt() -> None:
    with GatedDaemon() as daemon, Room() as room:
        room.hears("q {A long story. }\nd\n")
        eventually(lambda: room.tapes and room.tapes[0].pcm)
        room.hears("tts_say {Now}\n")
        assert room.tapes[0].stopped.is_set()
        eventually(lambda: len(daemon.requests) == 2)
        assert daemon.requests[1].text == "Now"


def test_another_language_is_spoken_by_its_voice(daemon: FakeDaemon) -> None:
    with Room() as room:
        [voice] = [each for each in room.client.voices() if each.language]
        room.hears(f"set_lang {voice.language} t\n")
        room.done()
        room.hears("q {Then.}\nd\n")
        room.done(2)
        room.hears("tts_reset\nl {a}\n")
        room.done(3)
    assert [(each.text, each.voice) for each in daemon.requests] == [
        (voice.language, voice.name),
        ("Then.", voice.name),
        ("A", None),
    ]


def test_pause_keeps_what_is_left() -> None:
    with GatedDaemon() as daemon, Room() as room:
        room.hears("q {One. }\nt 440 10\nq {Two. }\nd\n")
        eventually(lambda: room.tapes and room.tapes[0].pcm)
        room.hears("tts_pause\n")
        assert room.tapes[0].stopped.is_set()
        daemon.gate.set()
        room.hears("tts_resume\n")
        room.done()
    assert [request.text for request in daemon.requests] == ["One.", "One.", "Two."]


def test_without_a_daemon_nothing_hangs() -> None:
    with Room() as room:
        for _ in range(3):
            room.hears("q {Hello }\nd\ns\n")
        room.hears("q {Hello }\nd\n")
        with FakeDaemon() as daemon:
            room.hears("q {again }\nd\n")
            room.done()
            assert [request.text for request in daemon.requests][-1] == "again"


def test_a_daemon_that_dies_in_the_middle() -> None:
    with Room() as room:
        with GatedDaemon() as daemon:
            room.hears("q {One }\nd\n")
            eventually(lambda: room.tapes and room.tapes[0].pcm)
            daemon.die()
            eventually(room.tapes[0].stopped.is_set)
        with FakeDaemon():
            room.hears("q {Two }\nd\n")
            room.done()


def test_tones_and_voices_share_a_loudspeaker(daemon: FakeDaemon) -> None:
    with Room() as room:
        room.hears("t 1000 20\nsh 10\nq {Hello }\nd\n")
        room.done()
        assert [len(tape.pcm) // 2 for tape in room.tapes] == [882 + 441 + 4 * 441]


def test_another_rate_opens_another_loudspeaker() -> None:
    with FakeDaemon(Behaviour(sample_rate=24000)), Room() as room:
        room.hears("t 1000 20\nq {Hello }\nd\n")
        room.done(2)
        assert [tape.rate for tape in room.tapes] == [44100, 24000]


def test_a_tone_is_a_sine_with_soft_ends() -> None:
    samples = struct.unpack("<4410h", tone(Tone(441, 0.1)))
    assert max(samples) <= 0.2 * 32767 + 1
    assert abs(samples[0]) < 10
    assert samples[1025] == round(0.2 * 32767 * math.sin(2 * math.pi * 1025 / 100))
    assert set(tone(Tone(0, 0.01))) == {0}
    assert tone(Tone(440, -1)) == b""


def test_items_in_the_queue_keep_their_order() -> None:
    queued: list[protocol.Command] = [
        protocol.Queue("One,"),
        protocol.Queue("two."),
        protocol.QueueSound("/tmp/a.wav"),
        protocol.QueueRate(122),
        protocol.Queue("Three."),
        protocol.Queue("--------"),
        protocol.QueueSilence(50),
    ]
    assert items(queued, Settings(punctuations="none")) == [
        Words("One, two.", 1.0),
        Sound("/tmp/a.wav"),
        Words("Three. --------", 2.0),
        Tone(0, 0.05),
    ]


def test_the_process_speaks_through_a_player_and_ends_with_emacs(home: Path, daemon: FakeDaemon) -> None:  # noqa: F811
    player = home / "bin" / "paplay"
    player.parent.mkdir()
    player.write_text(f"#!/bin/sh\nexec cat > {home}/heard\n")
    player.chmod(0o755)
    environment = {**os.environ, "PATH": f"{player.parent}:{os.environ['PATH']}"}
    code = (
        "import sys; sys.modules['sounddevice'] = None; "
        "from fishvoice.adapters.emacspeak.server import main; sys.exit(main())"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, env=environment)
    assert server.stdin is not None
    server.stdin.write(b"\xff\xfe}{\nq {Hello. }\nd\n")
    server.stdin.flush()
    eventually(lambda: (home / "heard").exists() and (home / "heard").stat().st_size == 4 * 441 * 2)
    server.stdin.close()
    assert server.wait(10) == 0


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def test_installing_and_removing(share: Path) -> None:
    before = EMACS.state()
    said = EMACS.install()
    assert EMACS.state() == "installed"
    assert str(server_file()) in lisp_file().read_text()
    assert any(str(lisp_file()) in line for line in said)
    subprocess.run(
        [server_file()], input=b"", env={**os.environ, "PYTHONPATH": "client:daemon"}, check=True, timeout=30
    )
    EMACS.remove()
    assert not (share / "fishvoice").exists()
    assert EMACS.remove() == ["it was not installed"]
    assert EMACS.state() == before


def test_files_of_others_stay(share: Path) -> None:
    EMACS.install()
    (lisp_file().parent / "mine.el").write_text("")
    with pytest.raises(CannotIntegrate, match="stays"):
        EMACS.remove()
    assert (lisp_file().parent / "mine.el").exists()
