"""No client silences another: turns, and what those hear who wait. A real daemon, real sockets."""

from __future__ import annotations

from pathlib import Path

from fishvoice.protocol import AudioChunk, AudioEnd, Credit, Error, Waiting
from tools.harness.daemon_process import Wire, chunks, eventually, running

SEGMENT = "one two three four five six seven. "


def test_a_long_text_of_another_client_is_two_segments_away_at_most(home: Path) -> None:
    with running(home) as daemon, daemon.client() as book, daemon.client() as clock:
        long = book.speak(SEGMENT * 2000, credit=1024)
        book.receive()
        before = book.receive()
        assert isinstance(before, AudioChunk)
        short = clock.speak("Nine. ", priority="text")
        assert isinstance(clock.until_end(short)[-1], AudioEnd)
        segments = [before.segment]
        while not book.silent(0):
            chunk = book.receive()
            assert isinstance(chunk, AudioChunk)
            segments.append(chunk.segment)
            book.send(Credit(long, 1))
        assert segments[-1] - segments[0] <= 2


def test_ten_clients_get_the_same_amount_of_sound(home: Path) -> None:
    """Jain's index over ten clients that all want more than there is."""
    with running(home, frame=0.001) as daemon:
        clients = [daemon.client() for _ in range(10)]
        for client in clients:
            client.speak(SEGMENT * 500, credit=1024)
        got = [0] * len(clients)
        while sum(got) < 1400:
            for number, client in enumerate(clients):
                while not client.silent(0):
                    got[number] += isinstance(client.receive(), AudioChunk)
        for client in clients:
            client.close()
    assert sum(got) ** 2 / (len(got) * sum(each * each for each in got)) >= 0.95


def waits(client: Wire) -> Waiting:
    """The next sign of life; nothing else may come before it."""
    assert eventually(lambda: client.silent(0.01) and client.waited)
    told = client.waited.popleft()
    assert isinstance(told, Waiting)
    return told


def test_who_waits_for_others_hears_it_at_once_and_again_with_an_estimate(home: Path) -> None:
    with running(home, frame=0.02) as daemon, daemon.client() as alarm, daemon.client() as client:
        alarm.until_end(alarm.speak("one two three"))
        alarm.speak("word " * 2000, priority="important", credit=1024)
        alarm.receive()
        asked = client.speak("Nine.")
        first, second = waits(client), waits(client)
    assert first.id == second.id == asked
    assert first.reason == second.reason == "queue"
    assert first.seconds is not None
    assert second.seconds is not None
    assert first.seconds > second.seconds > 10


def test_who_waits_for_a_model_hears_it(home: Path) -> None:
    with running(home, env={"TONE_LOAD": "1.5"}) as daemon, daemon.client() as client:
        asked = client.speak("one", voice="fast")
        told = waits(client)
        assert (told.reason, told.seconds) == ("loading", None)
        assert chunks(client.until_end(asked))
        client.until_end(client.speak("", voice="fast", keep_alive=0.0))
        eventually(lambda: len(client.status()["models"]) == 1)
        client.speak("", voice="fast", keep_alive=60.0)
        assert (waits(client).seconds or 0) > 1


def test_who_does_not_wait_hears_nothing_of_waiting(home: Path) -> None:
    with running(home, frame=0.001) as daemon, daemon.client() as client:
        for _ in range(20):
            client.until_end(client.speak("one two three."))
        assert not client.waited


def test_who_takes_nothing_is_not_told_that_he_waits(home: Path) -> None:
    with running(home, frame=0.001) as daemon, daemon.client() as client:
        client.speak("word " * 200, credit=1)
        client.receive()
        client.receive()
        assert client.silent(3.5)
        assert not client.waited


def test_what_nobody_reads_is_refused_on_arrival_though_the_inference_thread_is_held(home: Path) -> None:
    long = "你好，世界。" * 10_000
    with running(home, env={"TONE_LANGUAGE": "en-US"}) as daemon, daemon.client() as other, daemon.client() as client:
        other.speak("one HANG")
        other.receive()
        for text, markup in (("你好，世界。", "plain"), ("<speak><p>Привет</p></speak>", "ssml"), (long, "auto")):
            (error,) = client.until_end(client.speak(text, markup=markup), within=5)
            assert isinstance(error, Error)
            assert error.code == "nothing_to_speak"
            assert "'tone' cannot read it; name one that does in the settings" in error.message
        assert client.silent(0)
        client.speak("Say 你好 twice.")
        assert waits(client).reason == "queue"
