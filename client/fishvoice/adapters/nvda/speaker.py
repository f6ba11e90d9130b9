"""Speaking for NVDA: texts with indexes in, sound to its player and every index told, whatever goes wrong.

Everything here is plain Python: what knows NVDA's own modules is the driver in ``client/nvda``.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from fishvoice.client import Client
from fishvoice.errors import FishvoiceError
from fishvoice.protocol import VoiceInfo
from fishvoice.speech import Speech


class Player(Protocol):
    """What is used of ``nvwave.WavePlayer``: mono, 16 bits."""

    def feed(self, data: bytes, *, onDone: Callable[[], None] | None = None) -> None:  # noqa: N803 - NVDA's name
        """Play ``data`` after what was fed before; may wait. ``onDone`` is called when it has been played."""

    def idle(self) -> None:
        """Wait until everything has been played."""

    def stop(self) -> None:
        """Silence at once; a waiting ``feed`` or ``idle`` returns."""

    def pause(self, switch: bool) -> None:
        """Hold, or go on."""

    def close(self) -> None:
        """For good."""


@dataclass(frozen=True)
class Index:
    """NVDA wants to know when the voice comes to character ``offset`` of the text."""

    number: int
    offset: int


@dataclass(frozen=True)
class Utterance:
    """One ``speak``: what to say, and how."""

    text: str
    indexes: tuple[Index, ...]
    voice: str | None = None
    speed: float = 1.0
    pitch: float = 1.0
    volume: float = 1.0


@dataclass
class _Message:
    """An utterance under way, and the indexes that are still to be told."""

    utterance: Utterance
    left: list[Index] = field(init=False)

    def __post_init__(self) -> None:
        self.left = list(self.utterance.indexes)

    def reached(self, offset: int) -> list[Index]:
        """Take out what comes before ``offset``."""
        found = [index for index in self.left if index.offset <= offset]
        self.left = [index for index in self.left if index.offset > offset]
        return found


class SpeechQueue:
    """A thread that speaks one utterance after the other; ``cancel`` and ``pause`` take effect at once.

    ``player`` makes a player for a sample rate. ``reached`` is called with each index, in order, as it is heard, and
    ``done`` at the end of each utterance; after a cancel neither is. An utterance that fails tells ``complain`` why,
    and all its indexes at once: NVDA waits for them before it reads on.
    """

    def __init__(
        self,
        client: Client,
        player: Callable[[int], Player],
        reached: Callable[[int], None],
        done: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        self._client = client
        self._make_player = player
        self._reached = reached
        self._done = done
        self._complain = complain
        self._player: Player | None = None
        self._rate = 0
        self._waiting: queue.SimpleQueue[tuple[int, Utterance] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the two below
        self._generation = 0  # one more with every cancel: what belongs to an older one is not wanted any more
        self._speech: Speech | None = None
        self._thread = threading.Thread(target=self._run, name="fishvoice-nvda", daemon=True)
        self._thread.start()

    def speak(self, utterance: Utterance) -> None:
        """Say it after what is waiting; returns at once."""
        with self._lock:
            self._waiting.put((self._generation, utterance))

    def cancel(self) -> None:
        """Silence, and nothing of what is waiting."""
        with self._lock:
            self._generation += 1
            speech, self._speech = self._speech, None
        if speech is not None:
            speech.cancel()
        if self._player is not None:
            self._player.stop()

    def pause(self, switch: bool) -> None:
        if self._player is not None:
            self._player.pause(switch)

    def close(self) -> None:
        """The end of the driver."""
        self.cancel()
        self._waiting.put(None)
        self._thread.join(2.0)
        self._client.close()
        if self._player is not None:
            self._player.close()

    # -- in the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            generation, utterance = item
            if self._wanted(generation):
                self._speak(_Message(utterance), generation)

    def _speak(self, message: _Message, generation: int) -> None:
        try:
            if message.utterance.text.strip():
                self._sound(message, generation)
        except (FishvoiceError, OSError) as error:
            if self._wanted(generation):
                self._complain(str(error))
        if self._player is not None and self._wanted(generation):
            self._player.idle()
        self._report(message.reached(len(message.utterance.text)), generation)
        if self._wanted(generation):
            self._done()

    def _sound(self, message: _Message, generation: int) -> None:
        said = message.utterance
        speech = self._client.synthesize(
            said.text, voice=said.voice, speed=said.speed, pitch=said.pitch, volume=said.volume, priority="message"
        )
        with self._lock:
            if self._generation != generation:
                speech.cancel()
                return
            self._speech = speech
        self._report(message.reached(0), generation)
        for chunk in speech:
            due = message.reached(min(chunk.text_end, len(said.text) - 1))
            player = self._player_for(chunk.sample_rate)
            player.feed(chunk.pcm, onDone=partial(self._report, due, generation))
            if not self._wanted(generation):
                player.stop()  # the cancel may have come between the question and the feeding
                return

    def _player_for(self, rate: int) -> Player:
        if self._player is None or self._rate != rate:
            if self._player is not None:
                self._player.idle()
                self._player.close()
            self._player, self._rate = self._make_player(rate), rate
        return self._player

    def _report(self, indexes: Sequence[Index], generation: int) -> None:
        for index in indexes:
            if self._wanted(generation):
                self._reached(index.number)

    def _wanted(self, generation: int) -> bool:
        with self._lock:
            return self._generation == generation


def voices(client: Client) -> tuple[VoiceInfo, ...]:
    """The voices, the default one first; none if the daemon does not run."""
    try:
        there = [voice for voice in client.voices() if voice.unavailable is None]
        return tuple(sorted(there, key=lambda voice: not voice.default))
    except FishvoiceError:
        return ()  # the driver then offers the default voice by that name


def speed(rate: int) -> float:
    """NVDA's rate 0 … 100, 50 in the middle, as a speed of 0.5 … 2."""
    return float(2 ** ((max(0, min(100, rate)) - 50) / 50))


def pitch(setting: int) -> float:
    """NVDA's pitch 0 … 100, 50 in the middle, as half an octave down to half an octave up."""
    return float(2 ** ((max(0, min(100, setting)) - 50) / 100))
