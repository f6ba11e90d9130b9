"""Cancelling, pre-empting, stalling and vanishing: the right thing is spoken, and nothing hangs."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
import zmq

from fishvoice.protocol import (
    AnyMessage,
    AudioChunk,
    AudioEnd,
    AudioStart,
    Cancel,
    Error,
    Ok,
    Synthesize,
    Voices,
    VoicesReply,
    decode,
    encode,
)
from tools.harness.daemon_process import Daemon, Wire, chunks, client_process, eventually, running

LONG = "w " * 400


def outcome(message: object) -> str:
    assert isinstance(message, AudioEnd), message
    return message.finish_reason


def first_chunk(client: Wire) -> AudioChunk:
    while not isinstance(message := client.receive(), AudioChunk):
        pass
    return message


# -- cancel ----------------------------------------------------------------------------------------------------


def test_cancelling_ends_the_request_and_nothing_follows(client: Wire) -> None:
    name = client.speak(LONG)
    first_chunk(client)
    client.send(Cancel(id=name))
    assert outcome(client.until_end(name)[-1]) == "cancelled"
    assert client.silent(0.2)
    assert outcome(client.until_end(client.speak("the next one"))[-1]) == "complete"


def open_utterances(client: Wire) -> str:
    reply = client.ask(Voices())
    assert isinstance(reply, VoicesReply)
    return reply.voices[0].description


def test_whatever_ends_a_request_gives_back_what_it_held(daemon: Daemon, client: Wire) -> None:
    with daemon.client() as vanishing:
        vanishing.speak(LONG)
        first_chunk(vanishing)
    cancelled = client.speak(LONG)
    first_chunk(client)
    client.send(Cancel(id=cancelled))
    client.until_end(cancelled)
    dropped = client.speak(LONG, interrupted="drop")
    first_chunk(client)
    with daemon.client() as other:
        other.until_end(other.speak("one two", priority="message"))
    client.until_end(dropped)
    client.until_end(client.speak("one BAD"))
    client.until_end(client.speak("one"))
    eventually(lambda: open_utterances(client) == "0 utterances are open")


def test_a_waiting_request_can_be_cancelled(client: Wire) -> None:
    speaking, waiting = client.speak(LONG), client.speak("never heard")
    client.send(Cancel(id=waiting))
    while not isinstance(message := client.receive(), AudioEnd):
        pass
    assert (message.id, message.finish_reason, message.metrics.frames) == (waiting, "cancelled", 0)
    client.send(Cancel(id=speaking))
    assert outcome(client.until_end(speaking)[-1]) == "cancelled"


@pytest.mark.parametrize("state", ["waiting", "speaking", "paused", "without credit", "spoken but not delivered"])
@pytest.mark.parametrize("by", ["id", "client", "all", "its own socket"])
def test_a_request_can_be_cancelled_in_any_state_and_by_anybody(daemon: Daemon, state: str, by: str) -> None:
    with daemon.client() as client, daemon.client() as other, daemon.client() as observer:
        text = "one two" if state == "spoken but not delivered" else LONG
        if state == "waiting":
            other.speak(LONG, priority="important", interrupted="resume")
            first_chunk(other)
        name = client.speak(text, credit=1 if state in ("without credit", "spoken but not delivered") else 64)
        if state == "waiting":
            eventually(lambda: observer.status()["queue"]["waiting"] == 1)
        else:
            first_chunk(client)
        if state == "paused":
            other.speak(LONG, priority="important")
            first_chunk(other)
        if state == "without credit":
            eventually(lambda: observer.status()["queue"]["current"] is None)
        match by:
            case "id":
                assert observer.ask(Cancel(id=name)) == Ok(cancelled=1)
            case "client":
                assert observer.ask(Cancel(client=client.name)) == Ok(cancelled=1)
            case "all":
                assert observer.ask(Cancel()) == Ok(cancelled=2 if state in ("waiting", "paused") else 1)
            case _:
                client.send(Cancel(id=name))
        assert outcome(client.until_end(name)[-1]) == "cancelled"
        observer.ask(Cancel())
        eventually(lambda: open_utterances(observer) == "0 utterances are open")


def test_a_cancel_costs_at_most_the_frame_under_way(home: Path) -> None:
    frame = 0.5
    with running(home, frame=frame) as daemon, daemon.client() as client:
        cancelled = client.speak(LONG)
        first_chunk(client)
        client.send(Cancel(id=cancelled))
        following = client.speak("one")
        assert len(chunks(client.until_end(cancelled))) <= 1
        end = client.until_end(following)[-1]
        assert isinstance(end, AudioEnd)
        assert end.metrics.queue_seconds < 2 * frame  # a second frame of what was cancelled would take longer


def test_without_an_id_all_requests_of_the_connection_end_and_no_other(daemon: Daemon) -> None:
    with daemon.client() as one, daemon.client() as other:
        mine = {one.speak(LONG) for _ in range(3)}
        kept = other.speak("a b c")
        first_chunk(one)
        one.send(Cancel())
        ended: dict[str, str] = {}
        while len(ended) < 3:
            if isinstance(message := one.receive(), AudioEnd):
                ended[message.id] = message.finish_reason
        assert ended == dict.fromkeys(mine, "cancelled")
        assert outcome(other.until_end(kept)[-1]) == "complete"


@pytest.mark.parametrize("by", ["id", "client", "all"])
def test_the_control_socket_reaches_everybodys_requests(daemon: Daemon, by: str) -> None:
    with daemon.client() as speaker, daemon.client() as bystander, daemon.client() as other:
        name = speaker.speak(LONG)
        first_chunk(speaker)
        second = bystander.speak(LONG)
        eventually(lambda: other.status()["queue"]["waiting"] == 1)
        order = {"id": Cancel(id=name), "client": Cancel(client=speaker.name), "all": Cancel()}[by]
        assert other.ask(order) == Ok(cancelled=2 if by == "all" else 1)
        assert outcome(speaker.until_end(name)[-1]) == "cancelled"
        if by == "all":
            assert outcome(bystander.until_end(second)[-1]) == "cancelled"
        else:
            first_chunk(bystander)


def test_cancelling_what_is_not_there_is_no_error(client: Wire) -> None:
    assert client.ask(Cancel(id="nothing")) == Ok(cancelled=0)
    client.send(Cancel(id="nothing"))
    assert outcome(client.until_end(client.speak("one"))[-1]) == "complete"


def test_a_storm_of_speaking_and_cancelling_leaves_no_trace(home: Path) -> None:
    with running(home, frame=0.02) as daemon, daemon.client() as client:
        names = []
        for _ in range(30):
            names.append(client.speak(LONG))
            time.sleep(0.015)
            client.send(Cancel(id=names[-1]))
            time.sleep(0.015)
        sentence = client.speak("this sentence is spoken whole")
        ended: list[str] = []
        sound = 0
        while sentence not in ended:
            message = client.receive()
            assert getattr(message, "id", None) not in ended, "something came after the end"
            if isinstance(message, AudioEnd):
                ended.append(message.id)
                assert message.finish_reason == ("complete" if message.id == sentence else "cancelled")
                final = message
            sound += isinstance(message, AudioChunk) and message.id == sentence
        assert ended == [*names, sentence]
        assert sound == 5
        assert final.metrics.queue_seconds < 0.3  # the storm leaves at most the frame under way behind


# -- priorities ------------------------------------------------------------------------------------------------


def test_an_important_request_is_heard_within_another_which_then_goes_on(daemon: Daemon) -> None:
    with daemon.client() as reader, daemon.client() as battery:
        text = reader.speak("w " * 60)
        first_chunk(reader)
        alarm = battery.speak("battery low", priority="important")
        messages = battery.until_end(alarm)
        assert len(chunks(messages)) == 2
        rest = reader.until_end(text)
        assert [chunk.index for chunk in chunks(rest)] == list(range(1, 60))
        assert outcome(rest[-1]) == "complete"


def test_a_request_that_lets_itself_be_dropped_is(daemon: Daemon) -> None:
    with daemon.client() as client:
        text = client.speak(LONG, interrupted="drop")
        first_chunk(client)
        message = client.speak("something new", priority="message")
        received: list[object] = []
        while not (received and isinstance(received[-1], AudioEnd) and received[-1].id == message):
            received.append(client.receive())
        ends = [(m.id, m.finish_reason) for m in received if isinstance(m, AudioEnd)]
        assert ends == [(text, "cancelled"), (message, "complete")]


def test_requests_of_one_connection_keep_their_order(client: Wire) -> None:
    names = [client.speak("a b") for _ in range(5)]
    ended: list[str] = []
    while len(ended) < 5:
        if isinstance(message := client.receive(), AudioEnd):
            ended.append(message.id)
    assert ended == names


# -- deadlines, limits ---------------------------------------------------------------------------------------------


def test_a_deadline_that_cannot_be_kept_is_refused_at_once_or_answered_by_the_faster_voice(home: Path) -> None:
    with running(home, frame=0.05) as daemon, daemon.client() as reader, daemon.client() as client:
        client.until_end(client.speak("one two three four"))  # now it knows how fast it is
        client.until_end(client.speak("", voice="fast", keep_alive=-1.0))  # and has the other one at hand
        long = reader.speak(LONG, priority="important")
        first_chunk(reader)
        refused = client.until_end(client.speak("quick", first_audio_within=0.5))[-1]
        assert isinstance(refused, Error)
        assert refused.code == "too_late"
        assert refused.retry_after is not None
        assert refused.retry_after > 1
        reader.send(Cancel(id=long))
        eventually(lambda: client.status()["queue"]["active"] == 0)
        book = reader.speak(LONG)
        urgent = client.until_end(client.speak("quick", first_audio_within=0.5, priority="progress"))
        assert outcome(urgent[-1]) == "complete"
        start = client.until_end(
            client.speak("quick", first_audio_within=0.01, priority="important", fallback_voice="fast")
        )[0]
        assert isinstance(start, AudioStart)
        assert start.voice == "fast"
        assert start.notice is not None
        reader.send(Cancel(id=book))


def test_a_full_queue_says_busy_and_when_to_come_again(home: Path) -> None:
    flags = ("--set", "limits.queue=3", "--set", "limits.requests_per_client=2")
    with running(home, *flags, frame=0.02) as daemon, daemon.client() as one, daemon.client() as other:
        one.until_end(one.speak("measure me"))
        one.speak(LONG)
        one.speak(LONG)
        third = one.speak(LONG)
        busy = next(m for m in iter(one.receive, None) if isinstance(m, Error))
        assert (busy.id, busy.code) == (third, "busy")
        other.speak(LONG)
        fifth = other.speak(LONG)
        busy = next(m for m in iter(other.receive, None) if isinstance(m, Error))
        assert (busy.id, busy.code) == (fifth, "busy")
        assert busy.retry_after is not None


# -- clients that stop or vanish -------------------------------------------------------------------------------


@pytest.mark.parametrize(("credit", "then"), [(1024, "read"), (2, "stall")])
def test_a_killed_clients_work_ends_at_once(daemon: Daemon, client: Wire, credit: int, then: str) -> None:
    with client_process(daemon, credit, then) as process:
        eventually(lambda: client.status()["queue"]["active"] == 1)
        process.kill()
        eventually(lambda: client.status()["counters"]["vanished"] == 3, within=0.5)
    assert client.status()["queue"] == {"waiting": 0, "active": 0, "limit": 256, "current": None}
    assert outcome(client.until_end(client.speak("one two"))[-1]) == "complete"


def test_a_stopped_client_stops_its_own_request_and_memory_does_not_grow(home: Path) -> None:
    with running(home, frame=0.0) as daemon, daemon.client() as client:
        client.until_end(client.speak("w " * 50))
        with client_process(daemon, 1024, "read") as process:
            process.send_signal(signal.SIGSTOP)
            eventually(lambda: client.status()["queue"]["current"] is None)
            memory = daemon.memory
            for _ in range(20):
                assert outcome(client.until_end(client.speak("one two three"))[-1]) == "complete"
            assert daemon.memory - memory < 2 << 20
            process.send_signal(signal.SIGCONT)
            process.kill()
            eventually(lambda: client.status()["counters"]["vanished"] == 3)


def test_who_grants_no_credit_for_too_long_loses_the_request(home: Path) -> None:
    with running(home, "--set", "limits.stall_seconds=0.3") as daemon, daemon.client() as client:
        name = client.speak(LONG, credit=1)
        assert outcome(client.until_end(name)[-1]) == "cancelled"
        assert "nobody listens" in daemon.log()


def test_closing_the_socket_is_a_way_to_stop(daemon: Daemon, client: Wire) -> None:
    with daemon.client() as other:
        other.speak(LONG)
        first_chunk(other)
    eventually(lambda: client.status()["counters"]["vanished"] == 1, within=0.5)


def test_a_client_that_comes_back_under_its_name_starts_afresh(daemon: Daemon, client: Wire) -> None:
    first = daemon.client("same-name")
    first.speak(LONG, id="old")
    first_chunk(first)
    first.close()
    with daemon.client("same-name") as second:
        assert [m.id for m in second.until_end(second.speak("a b", id="new")) if isinstance(m, AudioEnd)] == ["new"]
    assert client.status()["counters"]["vanished"] == 1


# -- faults of the engine ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "code"), [("CRASH", "internal"), ("ENGINE", "engine")])
def test_a_crash_of_inference_costs_what_was_begun_and_nothing_else(daemon: Daemon, word: str, code: str) -> None:
    with daemon.client() as paused, daemon.client() as culprit, daemon.client() as waiting:
        begun = paused.speak(LONG)
        first_chunk(paused)
        later = waiting.speak("a b c")
        error = culprit.until_end(culprit.speak(f"one {word} three", priority="important"))[-1]
        assert isinstance(error, Error)
        assert error.code == code
        lost = paused.until_end(begun)[-1]
        assert isinstance(lost, Error)
        assert lost.code == "engine"
        assert outcome(waiting.until_end(later)[-1]) == "complete"
        assert waiting.status()["counters"]["rebuilds"] == 1
        assert outcome(paused.until_end(paused.speak("again"))[-1]) == "complete"


def test_a_bad_request_found_by_the_engine_costs_nobody_else_anything(daemon: Daemon) -> None:
    with daemon.client() as paused, daemon.client() as culprit:
        begun = paused.speak("w " * 50)
        first_chunk(paused)
        assert isinstance(culprit.until_end(culprit.speak("BAD", priority="important"))[-1], Error)
        assert outcome(paused.until_end(begun)[-1]) == "complete"
        assert culprit.status()["counters"]["rebuilds"] == 0


def test_a_hanging_step_ends_the_process_with_a_clear_log(home: Path) -> None:
    flags = ("--set", "lifecycle.stuck_warn_seconds=0.3", "--set", "lifecycle.stuck_seconds=1")
    with running(home, *flags) as daemon, daemon.client() as client:
        name = client.speak("one HANG three")
        first_chunk(client)
        assert client.status()["state"] == "ready"  # the loop answers all the while
        error = client.until_end(name)[-1]
        assert isinstance(error, Error)
        assert error.code == "engine"
        assert daemon.wait() == 70
        assert f"inference does not come back from request {name}" in daemon.log()
        assert "time.sleep(3600)" in daemon.log()  # where it hangs


def test_an_unread_pipe_is_tried_ever_less_often_and_loses_nothing(home: Path) -> None:
    """More than libzmq's pipe and the kernel's buffers take, to a client that reads only later."""
    with running(home, frame=0.0) as daemon, daemon.client() as client:
        reader = zmq.Context().socket(zmq.DEALER)
        reader.set(zmq.RCVHWM, 1)
        reader.connect(daemon.endpoints.synthesis)
        reader.send_multipart(encode(Synthesize(id="x", text="w " * 1000, credit=1024)))
        eventually(lambda: client.status()["counters"]["frames"] > 100 and client.status()["queue"]["current"] is None)
        assert client.status()["counters"]["frames"] < 1000
        received: list[AnyMessage] = []
        while not received or not isinstance(received[-1], AudioEnd):
            assert reader.poll(5000)
            received.append(decode(reader.recv_multipart()))
        assert [m.index for m in received if isinstance(m, AudioChunk)] == list(range(1000))
        reader.close(0)
