"""Honest clients: they ask, listen, sometimes cancel, and write down in the ledger what they hear."""

from __future__ import annotations

import hashlib
import random
import secrets
import threading
import time
from collections.abc import Mapping

from benchmarks.chaos.ledger import Account, Ledger
from fishvoice.client import Client
from fishvoice.errors import DaemonUnavailable, RequestFailed
from fishvoice.protocol import AudioChunk, AudioEnd, AudioStart, Cancel, Credit, Error, Priority, Synthesize
from tools.harness.daemon_process import Daemon, Wire

PRIORITIES: tuple[Priority, ...] = ("important", "message", "text", "text", "notification", "progress")
PATIENCE_SECONDS = 120.0
SEED = 7
TEXTS = (
    "Battery low.",
    "The quick brown fox jumps over the lazy dog.",
    "Three new messages have arrived. The first is from your sister.",
    "It was a bright cold day in April. The clocks were striking thirteen. Nobody in the street looked up.",
)


def references(daemon: Daemon) -> Mapping[str, str]:
    """The digest of each text's sound when it is spoken alone."""
    found = {}
    with daemon.client() as alone:
        for text in TEXTS:
            messages = alone.until_end(alone.speak(text, seed=SEED, credit=1024))
            sound = b"".join(m.payload or b"" for m in messages if isinstance(m, AudioChunk))
            found[text] = hashlib.sha256(sound).hexdigest()
    return found


class RawClient(threading.Thread):
    """Speaks the wire protocol itself, so that nothing is hidden, until it has asked ``requests`` times."""

    def __init__(self, daemon: Daemon, ledger: Ledger, sounds: Mapping[str, str], requests: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._daemon, self._ledger, self._sounds, self._requests = daemon, ledger, sounds, requests
        self._chance = random.Random(seed)

    def run(self) -> None:
        with self._daemon.client() as wire:
            for _ in range(self._requests):
                if self._ledger.closed:
                    return
                self._request(wire)
                time.sleep(self._chance.random() * 0.02)

    def _request(self, wire: Wire) -> None:
        chance, text = self._chance, self._chance.choice(TEXTS)
        within = chance.choice([None, None, None, 5.0])
        account = Account(self._sounds[text], within, time.monotonic())
        asked = Synthesize(
            id=secrets.token_hex(8),
            text=text,
            seed=SEED,
            priority=chance.choice(PRIORITIES),
            interrupted=chance.choice(["resume", "resume", "drop"]),
            credit=chance.choice([2, 8, 64]),
            first_audio_within=within,
        )
        wire.send(asked)
        cancels = chance.random() < 0.1
        while account.ended is None:
            if wire.silent(PATIENCE_SECONDS):
                self._ledger.lose(account)
                return
            message = wire.receive()
            if getattr(message, "id", None) != asked.id:
                continue
            self._ledger.receive(account, message, time.monotonic())
            if isinstance(message, AudioStart) and cancels:
                wire.send(Cancel(id=asked.id))
            elif isinstance(message, AudioChunk):
                wire.send(Credit(id=asked.id, chunks=1))


class LibraryClient(threading.Thread):
    """A program that uses the library while the daemon is killed again and again: every speech has an end."""

    def __init__(self, ledger: Ledger, sounds: Mapping[str, str], requests: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._ledger, self._sounds, self._requests = ledger, sounds, requests
        self._chance = random.Random(seed)

    def run(self) -> None:
        with Client() as client:
            for _ in range(self._requests):
                if self._ledger.closed:
                    return
                self._request(client)

    def _request(self, client: Client) -> None:
        text = self._chance.choice(TEXTS)
        account = Account(self._sounds[text], began=time.monotonic())
        try:
            speech = client.synthesize(text, seed=SEED)
            for number, chunk in enumerate(speech):
                said = AudioChunk(speech.id, number, chunk.segment, 0, 0, payload=chunk.pcm)
                self._ledger.receive(account, said, time.monotonic())
            end = AudioEnd(speech.id, speech.finish_reason or "error")
            self._ledger.receive(account, end, time.monotonic())
        except DaemonUnavailable:
            self._ledger.end(account, "daemon_unavailable")
        except RequestFailed as error:
            self._ledger.receive(account, Error(error.code, str(error)), time.monotonic())
