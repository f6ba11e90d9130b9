"""A daemon stand-in on real sockets: speaks ``docs/protocol.md`` from a script, and counts what it is told.

In a test's own process it is :class:`FakeDaemon`; ``python tests/fakes/daemon.py`` is one of its own, with its
:class:`Behaviour` as JSON in ``FAKE_DAEMON``.
"""

from __future__ import annotations

import json
import os
import re
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from fishvoice import paths
from fishvoice.errors import ProtocolError
from fishvoice.locks import FileLock
from fishvoice.protocol import (
    AnyMessage,
    AudioChunk,
    AudioEnd,
    AudioStart,
    Cancel,
    Credit,
    Error,
    Metrics,
    Ok,
    Shutdown,
    Status,
    StatusReply,
    Synthesize,
    VoiceInfo,
    Voices,
    VoicesReply,
    Waiting,
    WordTime,
    decode,
    encode,
)


@dataclass(frozen=True)
class Behaviour:
    """What every request gets: ``chunks`` of ``samples`` samples, ``delay`` seconds before each."""

    chunks: int = 4
    samples: int = 441
    sample_rate: int = 44100
    delay: float = 0.0
    notice: str | None = None
    error: str | None = None  # this code instead of sound
    silent: bool = False  # no reply at all
    waits: int = 0  # so many times, ``delay`` apart, it says that the machine is hot, before the first chunk
    dies_after: int | None = None  # chunks
    starts_in: float = 0.0  # seconds before it listens
    refuses_to_start: str = ""
    words: bool = False  # the n-th chunk tells the n-th word of the text
    clones: bool = False  # there is a second voice, German, that follows a reference
    log: str = ""  # a file that gets a line of JSON per event


@dataclass
class Job:
    client: bytes
    request: Synthesize
    credit: int
    sent: int = 0
    started: bool = False
    waited: int = 0
    due: float = 0.0


@dataclass
class FakeDaemon:
    """Serves until closed. ``raw`` may replace the replies to a request by frames of the test's own."""

    behaviour: Behaviour = Behaviour()
    where: paths.Endpoints | None = None
    raw: Callable[[Synthesize], list[list[bytes]]] | None = None
    curve_secret: bytes | None = None
    requests: list[Synthesize] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    clients: list[bytes] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    chunks_sent: int = 0
    starved: int = 0
    died: bool = False

    def __enter__(self) -> FakeDaemon:
        self._stop = threading.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self.serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def serve(self, ready: threading.Event | None = None) -> None:
        self._stop = getattr(self, "_stop", None) or threading.Event()
        context = zmq.Context()
        where = self.where or paths.endpoints()
        self._synthesis, control = context.socket(zmq.ROUTER), context.socket(zmq.ROUTER)
        for each, address in ((control, where.control), (self._synthesis, where.synthesis)):
            each.linger = 0
            each.router_mandatory = True
            if self.curve_secret:
                each.curve_server = True
                each.curve_secretkey = self.curve_secret
            each.bind(address)
        if ready:
            ready.set()
        self._jobs: list[Job] = []
        poller = zmq.Poller()
        poller.register(self._synthesis, zmq.POLLIN)
        poller.register(control, zmq.POLLIN)
        while not self._stop.is_set() and not self.died:
            idle = 1 if self._work() else 10
            for socket, _ in poller.poll(idle):
                client, *frames = socket.recv_multipart()
                self._hear(socket, client, frames)
        self._synthesis.close()
        control.close()
        context.term()

    # -- what it hears -----------------------------------------------------------------------------------

    def _hear(self, socket: zmq.Socket[bytes], client: bytes, frames: list[bytes]) -> None:
        try:
            message = decode(frames)
        except ProtocolError as error:
            self._reply(socket, client, Error(error.code, str(error)))
            return
        self._note(type(message).__name__)
        match message:
            case Synthesize():
                self.requests.append(message)
                self.clients.append(client)
                if self.raw:
                    for reply in self.raw(message):
                        self._synthesis.send_multipart([client, *reply])
                else:
                    self._jobs.append(Job(client, message, message.credit))
            case Credit():
                self.credits.append(message)
                for job in self._jobs:
                    if job.request.id == message.id:
                        job.credit += message.chunks
            case Cancel():
                self.cancels.append(message)
                stopped = self._cancel(message, None if socket is not self._synthesis else client)
                if socket is not self._synthesis:
                    self._reply(socket, client, Ok(stopped))
            case Status():
                report = {"version": "fake", "pid": os.getpid(), "queue": {"waiting": 0}}
                self._reply(socket, client, StatusReply(report))
            case Voices():
                mimic = (VoiceInfo("mimic", language="de", clones=True),) if self.behaviour.clones else ()
                starter = VoiceInfo("starter", language="en", default=True)
                absent = (
                    (VoiceInfo("fable", language="de", clones=True, unavailable="not downloaded yet"),) if mimic else ()
                )
                self._reply(socket, client, VoicesReply((starter, *absent, *mimic)))
            case Shutdown():
                self._reply(socket, client, Ok())
                self._stop.set()

    def _cancel(self, cancel: Cancel, only: bytes | None) -> int:
        hit = [job for job in self._jobs if cancel.id in (None, job.request.id) and only in (None, job.client)]
        for job in hit:
            self._finish(job, AudioEnd(job.request.id, "cancelled"))
        return len(hit)

    # -- what it says ------------------------------------------------------------------------------------

    def _work(self) -> bool:
        """One step for the first job that may go on; False if there is nothing to do at once."""
        if not self._jobs or self.behaviour.silent:
            return False
        job, now = self._jobs[0], time.monotonic()
        name, script = job.request.id, self.behaviour
        if script.error:
            self._finish(job, Error(script.error, "it cannot be done: say something else", name, retry_after=1.5))
        elif not job.started:
            job.started, job.due = True, now + script.delay
            self._send(job, AudioStart(name, script.sample_rate, job.request.format, "starter", notice=script.notice))
        elif job.sent == script.chunks:
            seconds = job.sent * script.samples / script.sample_rate
            self._finish(job, AudioEnd(name, "complete", Metrics(frames=job.sent, audio_seconds=seconds, rtf=0.5)))
        elif job.credit == 0:
            self.starved += 1
            return False
        elif now < job.due:
            return True
        elif job.waited < script.waits:
            job.waited, job.due = job.waited + 1, now + script.delay
            self._send(job, Waiting(name, "heat", seconds=12.0, at_most=180.0))
        else:
            job.credit -= 1
            pcm = self.pcm(job.request, job.sent)
            words = self.words(job) if script.words else ()
            self._send(job, AudioChunk(name, job.sent, 0, job.sent, job.sent + 1, words=words, payload=pcm))
            job.sent += 1
            job.due = now + self.behaviour.delay
            self.chunks_sent += 1
            self.died = self.died or self.chunks_sent == self.behaviour.dies_after
        return True

    def words(self, job: Job) -> tuple[WordTime, ...]:
        """The word as long as its chunk, if there is one."""
        spans = [match.span() for match in re.finditer(r"\S+", job.request.text)][job.sent : job.sent + 1]
        seconds = job.sent * self.behaviour.samples / self.behaviour.sample_rate
        return tuple(WordTime(*span, seconds) for span in spans)

    def pcm(self, request: Synthesize, index: int) -> bytes:
        """A constant: the request's number and the chunk's index can be read off every sample."""
        value = 1000 * len(self.requests) + index
        one = struct.pack("<h", value % 32768) if request.format == "s16le" else struct.pack("<f", value / 32768)
        return one * self.behaviour.samples

    def _finish(self, job: Job, last: AnyMessage) -> None:
        self._jobs.remove(job)
        self.finished.append(job.request.id)
        self._send(job, last)

    def _send(self, job: Job, message: AnyMessage) -> None:
        try:
            self._synthesis.send_multipart([job.client, *encode(message)], zmq.DONTWAIT)
        except zmq.ZMQError:  # the client has vanished
            self._note("vanished")
            if job in self._jobs:
                self._jobs.remove(job)

    @staticmethod
    def _reply(socket: zmq.Socket[bytes], client: bytes, message: AnyMessage) -> None:
        try:
            socket.send_multipart([client, *encode(message)], zmq.DONTWAIT)
        except zmq.ZMQError:
            return

    def _note(self, what: str) -> None:
        if self.behaviour.log:
            with Path(self.behaviour.log).open("a") as log:
                print(json.dumps({"what": what, "pid": os.getpid(), "chunks": self.chunks_sent}), file=log)


def main() -> None:
    behaviour = Behaviour(**json.loads(os.environ.get("FAKE_DAEMON", "{}")))
    daemon = FakeDaemon(behaviour)
    daemon._note("process")
    if behaviour.refuses_to_start:
        sys.exit(behaviour.refuses_to_start)
    lock = FileLock(paths.lock_file())
    if not lock.try_acquire():
        sys.exit("another daemon runs")
    time.sleep(behaviour.starts_in)
    daemon.serve()
    if daemon.died:
        os._exit(9)


if __name__ == "__main__":
    main()
