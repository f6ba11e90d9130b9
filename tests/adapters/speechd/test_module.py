"""The output module as speech-dispatcher meets it: a process with pipes, before a daemon on real sockets."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fishvoice.adapters.speechd import protocol
from fishvoice.adapters.speechd.module import is_again, words
from fishvoice.adapters.speechd.settings import Settings
from fishvoice.adapters.speechd.timeline import AHEAD_SECONDS, BLOCK_SECONDS
from fishvoice.protocol import AudioChunk, AudioEnd, AudioStart, Error, Synthesize, encode
from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.adapters.speechd.dispatcher import Dispatcher
from tests.client.conftest import behave, home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")
AT_ONCE = 0.15  # seconds on a busy machine; the module itself takes about one millisecond


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no daemon, and none can be started."""
    monkeypatch.setenv("FISHVOICE_DAEMON", "false")


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    with FakeDaemon(Behaviour(chunks=4, samples=4410)) as running:
        yield running


def test_a_sentence(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        since = dispatcher.speak('<speak>Hel<mark name="in"/>lo<mark name="end"/></speak>')
        dispatcher.wait(702, since)
        assert dispatcher.codes(since) == [701, 705, 700, 705, 700, 702]
        sound = [event for event in dispatcher.events[since:] if event.code == 705]
        assert b"".join(event.pcm for event in sound) == b"".join(
            struct.pack("<h", 1000 + index) * 4410 for index in range(4)
        )
        assert sound[0].lines[:3] == (b"bits=16", b"num_channels=1", b"sample_rate=44100")
        marks = [event.lines for event in dispatcher.events[since:] if event.code == 700]
        assert marks == [(b"in",), (b"end",)]
    assert [request.text for request in daemon.requests] == ["Hello"]
    assert daemon.requests[0].priority == "message"


def test_settings_reach_the_voice(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        dispatcher.ask("SET\nrate=-100\npitch=100\nvolume=0\nlanguage=NULL\nsynthesis_voice=NULL\n.\n", 203)
        dispatcher.ask("SET\nvolume=much\n.\n", 303)
        since = dispatcher.speak()
        dispatcher.wait(702, since)
    asked = daemon.requests[0]
    assert (asked.speed, asked.pitch, asked.volume) == (0.5, 1.4142, 0.5)


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    file = tmp_path / "fishvoice.conf"
    file.write_text('# the voice is far away\nFirstAudioWithin 0.4\nFallbackVoice "heart"\n')
    return file


def test_its_configuration_reaches_the_daemon(daemon: FakeDaemon, configuration: Path) -> None:
    with Dispatcher(configuration) as dispatcher:
        dispatcher.wait(702, dispatcher.speak())
    assert (daemon.requests[0].first_audio_within, daemon.requests[0].fallback_voice) == (0.4, "heart")


def test_a_message_that_nobody_can_speak_in_time_is_spoken_late(configuration: Path) -> None:
    def replies(request: Synthesize) -> list[list[bytes]]:
        if request.first_audio_within is not None:
            return [encode(Error("too_late", "it would take 9 s", request.id))]
        sound = AudioChunk(request.id, 0, 0, 0, 1, payload=bytes(9600))
        start = AudioStart(request.id, 24000, "s16le", "heart")
        return [encode(start), encode(sound), encode(AudioEnd(request.id, "complete"))]

    with FakeDaemon(raw=replies), Dispatcher(configuration) as dispatcher:
        since = dispatcher.speak()
        dispatcher.wait(702, since)
        assert 705 in dispatcher.codes(since)


def test_voices_are_listed(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        assert dispatcher.ask("LIST VOICES\n", 200).lines == (b"starter\ten\tnone",)


def test_stop_is_answered_at_once_while_the_voice_is_silent() -> None:
    with GatedDaemon(Behaviour(samples=4410)) as daemon, Dispatcher() as dispatcher:
        since = dispatcher.speak()
        dispatcher.wait(705, since)
        asked = dispatcher.send("STOP\n")
        assert dispatcher.wait(703, since).at - asked < AT_ONCE
        eventually(lambda: daemon.cancels)
        daemon.gate.set()
        since = dispatcher.speak("<speak>The next one.</speak>")
        dispatcher.wait(702, since)
        sound = b"".join(event.pcm for event in dispatcher.events[since:] if event.code == 705)
        assert len(sound) == 4 * 4410 * 2
        assert struct.unpack("<h", sound[:2]) == (2000,)


def test_stop_before_the_first_sound() -> None:
    with FakeDaemon(Behaviour(silent=True)) as daemon, Dispatcher() as dispatcher:
        since = dispatcher.speak()
        eventually(lambda: daemon.requests)
        asked = dispatcher.send("STOP\n")
        assert dispatcher.wait(703, since).at - asked < AT_ONCE
        assert dispatcher.codes(since) == [701, 703]


def test_stop_in_the_same_breath(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        for _ in range(20):
            since = len(dispatcher.events)
            dispatcher.ask("SPEAK\n<speak>Hello.</speak>\n.\nSTOP\n", 703)
            assert dispatcher.codes(since)[-1] == 703
        since = dispatcher.speak()
        dispatcher.wait(702, since)


def test_pause_at_once_with_the_servers_last_mark() -> None:
    with GatedDaemon(Behaviour(samples=4410)), Dispatcher() as dispatcher:
        since = dispatcher.speak('<speak><mark name="__spd_0"/><mark name="mine"/>Hello there.</speak>')
        dispatcher.wait(705, since)
        asked = dispatcher.send("PAUSE\n")
        assert dispatcher.wait(704, since).at - asked < AT_ONCE
        assert [event.lines[0] for event in dispatcher.events[since:] if event.code == 700] == [
            b"__spd_0",
            b"mine",
            b"__spd_0",
        ]
        assert dispatcher.codes(since)[-3:] == [705, 700, 704]
        assert not any(dispatcher.events[-3].pcm), "silence holds the mark in the server's queue"


def test_pause_before_any_of_the_servers_marks_is_at_the_beginning() -> None:
    with GatedDaemon(Behaviour(samples=4410)), Dispatcher() as dispatcher:
        since = dispatcher.speak('<speak><mark name="mine"/>Hello there.</speak>')
        dispatcher.wait(705, since)
        asked = dispatcher.send("PAUSE\n")
        assert dispatcher.wait(704, since).at - asked < AT_ONCE
        assert [event.lines[0] for event in dispatcher.events[since:] if event.code == 700] == [b"mine", b"__spd_-1"]


def test_a_message_that_goes_on_from_its_beginning_is_said_without_the_servers_markup(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        since = dispatcher.speak('<speak>One.<mark name="__spd_0"/> Two.</speak>')
        dispatcher.wait(701, since)
        dispatcher.send(b"PAUSE\n")
        dispatcher.wait(704, since)
        since = dispatcher.speak('<speak> speak One.<mark name="__spd_0"/> Two.</speak>')  # as 0.11.4 does
        dispatcher.wait(702, since)
        since = dispatcher.speak('<speak> speak One.<mark name="__spd_0"/> Two.</speak>')  # as anybody may
        dispatcher.wait(702, since)
    assert [each.text for each in daemon.requests] == ["One. Two.", "One. Two.", " speak One. Two."]


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("<speak>speak One two.</speak>", True),
        ("<speak>&lt;speak&gt;One two.</speak>", True),
        ("<speak>less speak greater One two.</speak>", True),
        ("<speak>One two.</speak>", False),
        ("<speak>Please speak up now: One two.</speak>", False),
        ("<speak>speak two.</speak>", False),
    ],
)
def test_what_is_the_same_message_again(text: str, again: bool) -> None:
    paused = protocol.Speak(protocol.Kind.TEXT, "<speak>One two.</speak>")
    assert is_again(protocol.Speak(protocol.Kind.TEXT, text), paused) == again


def test_an_idle_module_says_nothing(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        since = dispatcher.speak()
        dispatcher.wait(702, since)
        said = len(dispatcher.events)
        dispatcher.send("STOP\nPAUSE\n")
        dispatcher.ask("LOGLEVEL\nlog_level=5\n.\n", 203)
        assert dispatcher.codes(said) == []


def test_sound_leaves_shortly_before_it_is_heard() -> None:
    with FakeDaemon(Behaviour(chunks=10, samples=4410)), Dispatcher() as dispatcher:
        since = dispatcher.speak()
        dispatcher.wait(702, since)
        sound = [event for event in dispatcher.events[since:] if event.code == 705]
        heard = 0.0
        for event in sound:
            assert event.at - sound[0].at >= heard - AHEAD_SECONDS - BLOCK_SECONDS
            heard += len(event.pcm) / 2 / 44100


def test_without_a_daemon_messages_end(nothing_starts: None) -> None:
    with Dispatcher() as dispatcher:
        for _ in range(3):
            since = dispatcher.speak()
            dispatcher.wait(703, since)
            assert dispatcher.codes(since) == [701, 703]
        assert dispatcher.ask("LIST VOICES\n", 200).lines == (b"default\tnone\tnone",)
        assert dispatcher.ask("QUIT\n", 210).code == 210
        assert dispatcher.process.wait(10) == 0


def test_a_daemon_is_started_and_a_killed_one_is_replaced(behave: Callable[..., Path]) -> None:  # noqa: F811
    log = behave(chunks=20, samples=4410, dies_after=30)
    with Dispatcher() as dispatcher:
        since = dispatcher.speak()
        dispatcher.wait(702, since)
        since = dispatcher.speak()
        dispatcher.wait(703, since)
        since = dispatcher.speak()
        dispatcher.wait(702, since)
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert sum(each["what"] == "process" for each in told) == 2


def test_a_daemon_that_dies_in_the_middle(nothing_starts: None) -> None:
    with Dispatcher() as dispatcher:
        with GatedDaemon(Behaviour()) as daemon:
            since = dispatcher.speak()
            dispatcher.wait(705, since)
            daemon.die()
            dispatcher.wait(703, since)
        with FakeDaemon(Behaviour()):
            since = dispatcher.speak()
            dispatcher.wait(702, since)


def test_a_refused_request_ends_as_stopped() -> None:
    with FakeDaemon(Behaviour(error="busy")), Dispatcher() as dispatcher:
        since = dispatcher.speak()
        dispatcher.wait(703, since)


def test_garbage_is_survived(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        dispatcher.ask(b"\xff\xfe\0\n", 300)
        dispatcher.ask("SPEAK\n.\n", 301)
        dispatcher.ask("AUDIO\naudio_output_method=alsa\n.\n", 303)
        dispatcher.send(b"CHAR\n\xff\xff\n.\nSET\n=\n\n.\nSPEAK now\nDEBUG\n")
        since = dispatcher.speak("<speak><mark name='\xe9&#10;'/><<&;</speak></speak>")
        dispatcher.wait(702, since)


def test_it_ends_with_speech_dispatcher(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        dispatcher.speak()
        assert dispatcher.process.stdin is not None
        dispatcher.process.stdin.close()
        assert dispatcher.process.wait(10) == 0


def test_two_messages_at_once_end_one_after_the_other(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        first = dispatcher.speak()
        second = dispatcher.speak("<speak>Two.</speak>")
        dispatcher.wait(703, first)
        dispatcher.wait(702, second)


def test_nothing_to_say_is_soon_said(daemon: FakeDaemon) -> None:
    with Dispatcher() as dispatcher:
        begun = time.monotonic()
        since = dispatcher.speak(f'<speak><mark name="a"/>{"-" * 50}</speak>')
        dispatcher.wait(702, since)
        assert dispatcher.codes(since) == [701, 700, 702]
        assert time.monotonic() - begun < 5
    assert daemon.requests == []


@pytest.mark.parametrize(
    ("kind", "text", "settings", "said"),
    [
        (protocol.Kind.CHARACTER, "a", Settings(), "A"),
        (protocol.Kind.CHARACTER, "A", Settings(cap_let_recogn="spell"), "capital A"),
        (protocol.Kind.CHARACTER, "space", Settings(), "space"),
        (protocol.Kind.CHARACTER, "<speak>&amp;</speak>", Settings(), "ampersand"),
        (protocol.Kind.KEY, "control_c", Settings(), "control C"),
        (protocol.Kind.ICON, "new-mail", Settings(), "new mail"),
        (protocol.Kind.TEXT, "<speak>ab</speak>", Settings(spelling_mode="on"), "A, B"),
        (protocol.Kind.TEXT, "<speak>!?</speak>", Settings(), "exclamation mark, question mark"),
        (protocol.Kind.TEXT, "<speak>Hi!</speak>", Settings(), "Hi!"),
    ],
)
def test_words(kind: protocol.Kind, text: str, settings: Settings, said: str) -> None:
    assert words(protocol.Speak(kind, text), settings).text == said
