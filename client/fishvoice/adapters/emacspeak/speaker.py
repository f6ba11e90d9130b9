"""Speaking for Emacspeak until it wants silence: items in, sound out of the loudspeaker."""

from __future__ import annotations

import logging
import math
import queue
import shutil
import subprocess
import threading
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from fishvoice.client import Client
from fishvoice.errors import FishvoiceError
from fishvoice.playback.loudspeaker import Sink

log = logging.getLogger("fishvoice-emacspeak")

TONE_RATE = 44100
TONE_LEVEL = 0.2
FADE_SECONDS = 0.004
MAX_TONE_SECONDS = 5.0
SOUND_PLAYERS = ("paplay", "pw-play", "aplay", "play")


@dataclass(frozen=True)
class Words:
    """Text to be spoken; ``voice`` None: by the default one."""

    text: str
    speed: float
    voice: str | None = None


@dataclass(frozen=True)
class Tone:
    """A sine; 0 Hz is silence."""

    hertz: float
    seconds: float


@dataclass(frozen=True)
class Sound:
    """A sound file."""

    path: str


Item: TypeAlias = Words | Tone | Sound


class SpeechQueue:
    """One stretch of speech, in a thread of its own. :meth:`stop` ends it at once; it cannot be used again."""

    def __init__(self, client: Client, new_sink: Callable[[], Sink]) -> None:
        self._client = client
        self._new_sink = new_sink
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards what follows
        self._left: deque[Item] = deque()
        self._over = False
        self._cancel: Callable[[], None] | None = None
        self._sink: Sink | None = None
        self._rate = 0
        threading.Thread(target=self._run, name="fishvoice-emacspeak-talk", daemon=True).start()

    def add(self, items: list[Item]) -> None:
        """Speak ``items`` after what there is already."""
        with self._lock:
            self._left += items
        for item in items:
            self._items.put(item)

    def stop(self) -> list[Item]:
        """Silence now. Returns what has not been spoken to its end."""
        with self._lock:
            self._over = True
            cancel, sink, left = self._cancel, self._sink, list(self._left)
        if cancel is not None:
            cancel()
        if sink is not None:
            sink.stop()
        self._items.put(None)
        return left

    # -- in the thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            try:
                self._speak(item)
                if self._items.empty():
                    self._close()
            except Exception as error:  # a server that dies would leave Emacs without a voice
                if self._over:  # its sink was taken away, as it should be
                    break
                if isinstance(error, FishvoiceError):
                    log.warning("%s", error)
                else:
                    log.exception("a mistake in the server")
                self._drop()
            with self._lock:
                if self._left:
                    self._left.popleft()
            if self._over:
                break
        self._drop()

    def _speak(self, item: Item) -> None:
        match item:
            case Words():
                speech = self._client.synthesize(item.text, voice=item.voice, speed=item.speed, priority="message")
                with self._lock:
                    over, self._cancel = self._over, speech.cancel
                if over:
                    speech.cancel()
                for chunk in speech:
                    self._play(chunk.pcm, chunk.sample_rate)
            case Tone():
                self._play(tone(item), self._rate or TONE_RATE)
            case Sound():
                play_sound(item.path)

    def _play(self, pcm: bytes, rate: int) -> None:
        if self._sink is not None and self._rate != rate:
            self._close()
        if self._sink is None:
            sink = self._new_sink()
            with self._lock:
                self._sink, self._rate = sink, rate
            sink.open(rate)
            if self._over:
                sink.stop()  # silence was asked for before there was anything to silence
        if not self._over:
            self._sink.write(pcm)

    def _close(self) -> None:
        """Wait until all has been heard."""
        if self._sink is not None and not self._over:
            self._sink.finish()
            self._drop()

    def _drop(self) -> None:
        with self._lock:
            sink, self._sink = self._sink, None
        if sink is not None:
            sink.stop()


def tone(item: Tone, rate: int = TONE_RATE) -> bytes:
    """s16le, with soft ends."""
    samples = round(min(max(item.seconds, 0.0), MAX_TONE_SECONDS) * rate)
    fade = max(1, round(FADE_SECONDS * rate))
    step = 2 * math.pi * item.hertz / rate
    level = TONE_LEVEL * 32767
    wave = array("h", bytes(2 * samples))
    if item.hertz > 0:
        for index in range(samples):
            softness = min(1.0, index / fade, (samples - index) / fade)
            wave[index] = round(level * softness * math.sin(step * index))
    return wave.tobytes()


def play_sound(path: str) -> None:
    """Play a file beside what is being said; a file or player that is missing is logged, not fatal."""
    for name in SOUND_PLAYERS:
        player = shutil.which(name)
        if player:
            process = subprocess.Popen(
                [player, path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            threading.Thread(target=process.wait, name="fishvoice-emacspeak-sound", daemon=True).start()
            return
    log.warning("nothing here plays sound files: install one of %s", ", ".join(SOUND_PLAYERS))
