"""The blocking client against a daemon on real sockets: sound, cancel, credit, loss."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest
import zmq

from fishvoice import paths
from fishvoice.client import Client
from fishvoice.connection.dealer import DealerSocket
from fishvoice.errors import DaemonUnavailable, InvalidRequest, ProtocolError, RequestFailed, UnsupportedVersion
from fishvoice.protocol import AudioChunk, AudioEnd, AudioStart, Ok, Status, Synthesize, Waiting, encode
from fishvoice.request import SpeechOptions, build
from tests.client.conftest import FAKE_DAEMON
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.timeout(60)]


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for ``condition``; a bounded number of looks, no guess at how long it takes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


def test_sound_arrives_whole_and_in_order() -> None:
    with FakeDaemon(Behaviour(chunks=5, samples=100)) as daemon, Client(start=False) as client:
        speech = client.synthesize("Hello.", voice="starter", seed=3, temperature=0.5, top_p=0.9, speed=1.5)
        assert speech.start.sample_rate == 44100
        assert speech.start.voice == "starter"
        chunks = list(speech)
        assert [chunk.index for chunk in chunks] == [0, 1, 2, 3, 4]
        assert [struct.unpack_from("<h", chunk.pcm)[0] for chunk in chunks] == [1000, 1001, 1002, 1003, 1004]
        assert all(len(chunk.pcm) == 200 for chunk in chunks)
        assert sum(chunk.seconds for chunk in chunks) == pytest.approx(500 / 44100)
        assert speech.finish_reason == "complete"
        assert speech.metrics is not None
        assert speech.metrics.frames == 5
        [asked] = daemon.requests
        assert asked.id == f"{daemon.clients[0].decode('ascii')}-1", "ids are made of the connection's name"
        assert (asked.text, asked.voice, asked.seed, asked.speed) == ("Hello.", "starter", 3, 1.5)
        assert (asked.sampling.temperature, asked.sampling.top_p) == (0.5, 0.9)


def test_leaving_the_loop_cancels() -> None:
    with FakeDaemon(Behaviour(chunks=1000, delay=0.01)) as daemon, Client(start=False) as client:
        speech = client.synthesize("long")
        for chunk in speech:
            if chunk.index == 2:
                break
        until(lambda: bool(daemon.cancels))
        assert daemon.cancels[0].id == daemon.requests[0].id
        assert speech.finish_reason == "cancelled"
        assert list(speech) == []
        assert daemon.chunks_sent < 1000


def test_a_finished_request_is_not_cancelled() -> None:
    with FakeDaemon() as daemon, Client(start=False) as client:
        for _ in range(3):
            list(client.synthesize("short"))
        client.status()
        assert not daemon.cancels


def test_cancel_from_another_thread_ends_a_wait() -> None:
    with FakeDaemon(Behaviour(silent=True)) as daemon, Client(start=False) as client:
        speech = client.synthesize("never")
        until(lambda: bool(daemon.requests))
        threading.Timer(0.05, speech.cancel).start()
        assert list(speech) == []
        with pytest.raises(RequestFailed, match="before it began"):
            _ = speech.start


def test_cancelling_everything_from_elsewhere() -> None:
    with FakeDaemon(Behaviour(chunks=10_000, delay=0.005)) as daemon, Client(start=False) as client:
        speech, waiting = client.synthesize("one"), client.synthesize("two")
        next(speech)
        until(lambda: len(daemon.requests) == 2)
        with Client(start=False) as other:
            assert other.cancel() == 2
            assert other.cancel() == 0
        list(speech)
        assert list(waiting) == []
        assert speech.finish_reason == waiting.finish_reason == "cancelled"


def test_two_requests_at_once_do_not_mix() -> None:
    with FakeDaemon(Behaviour(chunks=60, samples=10)), Client(start=False) as client:
        first, second = client.synthesize("one"), client.synthesize("two")
        later = [chunk.index for chunk in second]
        sooner = [chunk.index for chunk in first]
        assert sooner == later == list(range(60))


def test_a_slow_reader_holds_no_more_than_its_credit() -> None:
    with FakeDaemon(Behaviour(chunks=100, samples=10)) as daemon, Client(start=False) as client:
        speech = client.synthesize("x", credit=8)
        next(speech)
        until(lambda: daemon.starved > 3)
        assert daemon.chunks_sent == 8
        assert len(list(speech)) == 99
        assert sum(credit.chunks for credit in daemon.credits) <= 100
        assert daemon.chunks_sent == 100


def test_underruns_are_told() -> None:
    with FakeDaemon(Behaviour(chunks=3)) as daemon, Client(start=False) as client:
        speech = client.synthesize("x")
        next(speech)
        speech.tell_underruns(2)
        list(speech)
        until(lambda: bool(daemon.credits))
        assert daemon.credits[0].underruns == 2


def test_refusals_say_why() -> None:
    with FakeDaemon(Behaviour(error="busy")), Client(start=False) as client:
        speech = client.synthesize("x")
        with pytest.raises(RequestFailed, match="say something else") as refused:
            list(speech)
        assert refused.value.code == "busy"
        assert refused.value.retry_after == 1.5
        with pytest.raises(RequestFailed):
            _ = speech.start


def test_last_words_are_heard() -> None:
    """What a daemon says just before it ends is read, however soon its connection breaks."""
    router, address = _many_answers()
    with DealerSocket(address, None, 5.0) as wire:
        wire.send(Status())
        for number in range(100):
            assert wire.receive(5.0) == Ok(number)
            router.join(5)  # from now on there is nobody at the other end
            time.sleep(0.001)
        with pytest.raises(DaemonUnavailable, match="broken"):
            wire.receive(5.0)


@pytest.mark.parametrize("last", [0, 1, 40])
def test_a_daemon_that_dies_is_noticed_at_once(last: int) -> None:
    """Killed after so many chunks: all that was sent is heard, then there is a clear error."""
    daemon = _process(chunks=41, delay=0.001, dies_after=last or None, silent=not last)
    with Client(start=False) as client:
        speech, heard = client.synthesize("x"), []
        died = time.monotonic()
        if not last:
            threading.Timer(0.2, daemon.kill).start()
        with pytest.raises(DaemonUnavailable, match="gone away"):
            heard.extend(speech)
        assert time.monotonic() - died < 3
        assert daemon.wait(5) != 0
        assert len(heard) in (last, last - 1)  # the last one may die with its process


def test_a_new_daemon_is_found_after_the_old_one() -> None:
    with Client(start=False) as client:
        with FakeDaemon(Behaviour(chunks=2)):
            assert len(list(client.synthesize("one"))) == 2
        with pytest.raises(DaemonUnavailable):
            list(client.synthesize("two"))
        with FakeDaemon(Behaviour(chunks=3)):
            assert len(list(client.synthesize("three"))) == 3


def test_no_daemon_is_an_error_at_once() -> None:
    began = time.monotonic()
    with Client(start=False) as client:
        for ask in (lambda: client.synthesize("x"), client.status, client.cancel, client.shutdown, client.voices):
            with pytest.raises(DaemonUnavailable):
                ask()
    assert time.monotonic() - began < 2


def test_a_stale_socket_is_no_daemon(runtime: Path) -> None:
    with FakeDaemon():
        os.link(runtime / "synthesis.sock", runtime / "kept")
    os.replace(runtime / "kept", runtime / "synthesis.sock")
    with Client(start=False) as client, pytest.raises(DaemonUnavailable, match="no daemon answers"):
        client.synthesize("x")


def test_silence_has_a_limit() -> None:
    with FakeDaemon(Behaviour(silent=True)) as daemon, Client(start=False, timeout=0.2) as client:
        with pytest.raises(DaemonUnavailable, match="nothing for 0.2 s"):
            list(client.synthesize("x"))
        until(lambda: bool(daemon.cancels))


def test_a_daemon_that_says_that_it_waits_is_not_given_up() -> None:
    with FakeDaemon(Behaviour(waits=8, delay=0.2)), Client(start=False, timeout=0.6) as client:
        told: list[Waiting] = []
        speech = client.synthesize("x")
        speech.on_waiting = told.append
        assert len(list(speech)) == 4  # 1.6 s of silence, with a limit of 0.6 s
    assert {(each.reason, each.seconds, each.at_most) for each in told} == {("heat", 12.0, 180.0)}
    assert len(told) == 8
    assert speech.waiting is None


def test_a_listener_that_is_no_daemon_has_a_limit(runtime: Path) -> None:
    context = zmq.Context()
    stream = context.socket(zmq.PUB)  # shakes hands with nobody who is no SUB
    stream.bind(f"ipc://{runtime / 'synthesis.sock'}")
    with Client(start=False, start_timeout=0.3) as client, pytest.raises(DaemonUnavailable):
        client.synthesize("x")
    stream.close()
    context.term()


def test_closing_ends_what_is_open() -> None:
    with FakeDaemon(Behaviour(chunks=10_000, delay=0.01)) as daemon:
        client = Client(start=False)
        speech = client.synthesize("x")
        next(speech)
        client.close()
        with pytest.raises(DaemonUnavailable, match="closed"):
            list(speech)
        until(lambda: bool(daemon.cancels))


def test_a_client_nobody_holds_speaks_to_the_end() -> None:
    with FakeDaemon(Behaviour(chunks=50)):
        assert len(list(Client(start=False).synthesize("x"))) == 50


def test_a_process_that_does_not_close_ends_anyway() -> None:
    script = "import fishvoice\nclient = fishvoice.Client(start=False)\nprint(next(client.synthesize('x')).index)"
    with FakeDaemon(Behaviour(chunks=10_000, delay=0.01)):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"0\n", b"")


def test_rule_breakers_lose_their_request_only() -> None:
    def replies(request: Synthesize) -> list[list[bytes]]:
        start = encode(AudioStart(request.id, 44100, "s16le", "starter"))
        index = 7 if request.text == "bad" else 0
        return [
            start,
            encode(AudioChunk(request.id, index, 0, 0, 1, payload=b"\0\0")),
            encode(AudioEnd(request.id, "complete")),
        ]

    with FakeDaemon(raw=replies) as daemon, Client(start=False) as client:
        good, bad = client.synthesize("good"), client.synthesize("bad")
        with pytest.raises(ProtocolError, match="chunk 7"):
            list(bad)
        assert len(list(good)) == 1
        until(lambda: bool(daemon.cancels))
        assert daemon.cancels[0].id == bad.id


def test_garbage_from_the_daemon_is_a_protocol_error() -> None:
    for garbage, complaint in (([b"\xc1garbage"], "not msgpack"), (encode(Ok()), "Ok")):
        with FakeDaemon(raw=lambda request, frames=garbage: [frames]), Client(start=False) as client:
            speech = client.synthesize("x")
            with pytest.raises(ProtocolError, match=complaint):
                list(speech)


def test_a_daemon_of_another_version_is_named() -> None:
    answer = [msgpack.packb({"v": 2, "type": "error", "code": "unsupported_version", "message": "speak version 2"})]
    with FakeDaemon(raw=lambda request: [answer]), Client(start=False) as client:
        speech = client.synthesize("x")
        with pytest.raises(UnsupportedVersion, match="protocol version 2; this side speaks version 1"):
            list(speech)


def test_status_voices_and_shutdown() -> None:
    daemon = FakeDaemon()
    with daemon, Client(start=False) as client:
        assert client.status()["pid"] == os.getpid()
        [voice] = client.voices()
        assert voice.name == "starter"
        assert voice.default
        client.shutdown(drain=True)


def test_tcp_with_keys(home: Path) -> None:
    """As on a platform without ipc: ports and keys come from the published file, other keys are refused."""
    server, secret = zmq.curve_keypair()
    public, client_secret = zmq.curve_keypair()
    keys = paths.Curve(server.decode(), public.decode(), client_secret.decode())
    where = paths.Endpoints("tcp://127.0.0.1:28471", "tcp://127.0.0.1:28472", keys)
    paths.publish_endpoints(where)
    assert (paths.runtime_dir() / "endpoints.json").stat().st_mode & 0o777 == 0o600
    assert paths.endpoints() == where
    with FakeDaemon(Behaviour(chunks=2), curve_secret=secret):
        with Client(start=False) as client:
            assert len(list(client.synthesize("x"))) == 2
            assert client.status()["version"] == "fake"
        wrong = paths.Curve(public.decode(), public.decode(), client_secret.decode())
        elsewhere = paths.Endpoints(where.synthesis, where.control, wrong)
        with Client(start=False, start_timeout=1, endpoints=elsewhere) as client, pytest.raises(DaemonUnavailable):
            client.synthesize("x")
    paths.withdraw_endpoints()
    assert paths.endpoints().synthesis.startswith("ipc://")


def test_a_port_not_yet_taken_is_no_daemon() -> None:
    where = paths.Endpoints("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    with Client(start=False, endpoints=where) as client:
        with pytest.raises(DaemonUnavailable, match="no daemon runs"):
            client.synthesize("x")
        with pytest.raises(DaemonUnavailable, match="no daemon runs"):
            client.status()


# -- what is asked for -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "options", "complaint"),
    [
        ("", {}, "no text"),
        (" \n", {"keep_alive": 1.0}, "no text"),
        ("x" * 100_001, {}, "100001 characters"),
        ("x", {"reference": "/nonexistent.wav"}, "cannot read the reference recording /nonexistent.wav"),
        ("x", {"reference": 3}, "a path or the bytes"),
        ("x", {"loudness": 3}, "no such option"),
    ],
)
def test_what_cannot_be_sent(words: str, options: SpeechOptions, complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        build("a", words, **options)


def test_a_reference_travels_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "ref.wav").write_bytes(b"RIFF")
    assert build("a", "x", reference=tmp_path / "ref.wav", reference_text="hi").payload == b"RIFF"
    assert build("a", "x", reference=b"RIFF").payload == b"RIFF"
    assert build("a", "", keep_alive=0.0).text == ""


def _many_answers() -> tuple[threading.Thread, str]:
    """Something that answers one message with a hundred, and is gone."""
    address = f"ipc://{paths.runtime_dir()}/once.sock"
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind(address)

    def answer() -> None:
        client, _ = router.recv_multipart()
        for number in range(100):
            router.send_multipart([client, *encode(Ok(number))])
        router.close(500)
        context.term()

    thread = threading.Thread(target=answer)
    thread.start()
    return thread, address


def _process(**script: object) -> subprocess.Popen[bytes]:
    """A fake daemon in a process of its own, listening."""
    import json

    daemon = subprocess.Popen([sys.executable, FAKE_DAEMON], env={**os.environ, "FAKE_DAEMON": json.dumps(script)})
    until(lambda: (paths.runtime_dir() / "synthesis.sock").exists(), 20)
    return daemon


def test_a_frozen_daemon_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sockets stay open, so heartbeats have to tell."""
    monkeypatch.setattr("fishvoice.connection.dealer.HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr("fishvoice.connection.dealer.HEARTBEAT_PATIENCE_SECONDS", 0.3)
    daemon = _process(silent=True)
    try:
        with Client(start=False) as client:
            speech = client.synthesize("x")
            client.status()
            daemon.send_signal(signal.SIGSTOP)
            with pytest.raises(DaemonUnavailable, match="does not answer"):
                list(speech)
    finally:
        daemon.kill()
        daemon.wait()
