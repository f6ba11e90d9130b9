"""Garbage on both sockets harms nobody: no crash, no leak, and others are served meanwhile."""

from __future__ import annotations

from pathlib import Path

import psutil
import zmq

from fishvoice.protocol import Error, Synthesize, decode, encode
from tools.harness.daemon_process import Daemon, eventually, running
from tools.harness.fuzz import attack


def test_garbage_harms_nobody(home: Path) -> None:
    with running(home, "--log-level", "error", frame=0.0, ready=False) as daemon:
        attack(daemon, 1500, seed=1)
        process = psutil.Process(daemon.process.pid)
        memory, descriptors, threads = daemon.memory, process.num_fds(), process.num_threads()
        attack(daemon, 1500, seed=2)
        eventually(lambda: process.num_fds() <= descriptors)
        assert process.num_threads() == threads
        assert daemon.memory - memory < 4 << 20
        assert daemon.log() == ""


def test_a_bad_message_is_answered(daemon: Daemon) -> None:
    with daemon.client() as client:
        for dealer in (client.synthesis, client.control):
            for frames, code in (([b"\x00"], "bad_message"), ([b"\x81\xa1v\x09"], "unsupported_version")):
                dealer.send_multipart(frames)
                assert dealer.poll(5000)
                reply = decode(dealer.recv_multipart())
                assert isinstance(reply, Error)
                assert reply.code == code


def test_whoever_leaves_before_he_is_heard_is_not_remembered(daemon: Daemon) -> None:
    with daemon.client() as honest:
        for _ in range(100):
            leaving = zmq.Context()
            dealer = leaving.socket(zmq.DEALER)
            dealer.set(zmq.LINGER, 200)
            dealer.connect(daemon.endpoints.synthesis)
            dealer.send_multipart(encode(Synthesize(id="x", text="one two three")))
            dealer.close()
            leaving.term()
        eventually(lambda: honest.status()["clients"] == 0, within=3)
        eventually(lambda: honest.status()["queue"]["waiting"] == 0)


def test_a_message_beyond_all_limits_costs_its_sender_the_connection(daemon: Daemon) -> None:
    with daemon.client() as greedy:
        greedy.synthesis.send(b"\0" * (65 << 20))
        assert greedy.silent(1.0)
    assert daemon.memory < 200 << 20
    with daemon.client() as client:
        client.until_end(client.speak("one two"))


def test_strangers_beyond_the_limit_are_told_to_come_later(home: Path) -> None:
    with running(home, "--set", "limits.clients=2") as daemon:
        clients = [daemon.client() for _ in range(3)]
        ends = [client.until_end(client.speak("one"))[-1] for client in clients]
        assert [type(end).__name__ for end in ends] == ["AudioEnd", "AudioEnd", "Error"]
        clients[0].close()
        eventually(lambda: clients[1].status()["clients"] == 2)
        assert type(clients[2].until_end(clients[2].speak("one"))[-1]).__name__ == "AudioEnd"
        for client in clients[1:]:
            client.close()
