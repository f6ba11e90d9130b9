"""Sound to the loudspeaker: PortAudio where it can be imported, else a player program fed through a pipe.

Sinks take mono PCM, s16le. ``stop`` may be called at any moment and drops what is still buffered.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from typing import IO, Any, Protocol

from fishvoice.errors import PlaybackError

SAMPLE_BYTES = 2
DRAIN_SECONDS = 5.0  # beyond the length of what is still to be heard

# The first that is installed plays. PulseAudio's client goes first: it reads raw sound from a pipe in every version
# and talks to PipeWire too, where pw-play has learnt that only lately.
PLAYERS: dict[str, tuple[str, ...]] = {
    "paplay": ("--raw", "--rate={rate}", "--channels=1", "--format=s16le"),
    "pw-play": ("--raw", "--rate={rate}", "--channels=1", "--format=s16", "-"),
    "aplay": ("-q", "-t", "raw", "-f", "S16_LE", "-r", "{rate}", "-c", "1", "-"),
    "play": ("-q", "-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", "{rate}", "-"),
}


class Sink(Protocol):
    """What sound is written to. Raises PlaybackError; BrokenPipeError when a reader of standard output has left."""

    @property
    def underruns(self) -> int:
        """How often the sound ran out before the next was there."""

    def open(self, sample_rate: int) -> None:
        """Get ready; called once, before the first ``write``."""

    def write(self, pcm: bytes) -> None:
        """Take sound; waits while the buffer is full."""

    def finish(self) -> None:
        """All is written: wait until it has been heard, and close."""

    def stop(self) -> None:
        """Silence now: drop what is buffered, and close. No harm after ``finish``."""


def loudspeaker() -> Sink:
    """The best way to the loudspeaker here: sounddevice if it can be imported, else the first player installed."""
    try:
        import sounddevice
    except (ImportError, OSError):  # OSError: there is no PortAudio library
        pass
    else:
        return SoundDevice(sounddevice)
    for name, arguments in PLAYERS.items():
        path = shutil.which(name)
        if path:
            return Player(path, arguments)
    raise PlaybackError(
        f"no way to play sound here: pip install 'fishvoice[playback]', or install one of {', '.join(PLAYERS)}, "
        "or write a file with --out FILE.wav"
    )


class UnderrunDetector:
    """Reckons when a player has run dry: sound is heard in real time from the first sample on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: float | None = None
        self.underruns = 0

    def add(self, seconds: float) -> None:
        """``seconds`` of sound are on their way from now on."""
        now = self._clock()
        if self._until is not None and self._until < now:
            self.underruns += 1
        self._until = max(now, self._until or now) + seconds

    @property
    def left(self) -> float:
        """Seconds still to be heard."""
        return max(0.0, (self._until or 0.0) - self._clock())


class Player:
    """A player program with sound on its standard input. Killing it drops what it has buffered."""

    def __init__(self, path: str, arguments: tuple[str, ...]) -> None:
        self._path = path
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = UnderrunDetector()
        self._rate = 0

    @property
    def underruns(self) -> int:
        return self._heard.underruns

    def open(self, sample_rate: int) -> None:
        self._rate = sample_rate
        command = [self._path, *(argument.format(rate=sample_rate) for argument in self._arguments)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            raise PlaybackError(f"cannot start {self._path}: {error.strerror}") from error

    def write(self, pcm: bytes) -> None:
        process, pipe = self._running()
        left = memoryview(pcm)
        try:
            while left:
                left = left[pipe.write(left) :]
        except OSError as error:
            raise self._failed(process) from error
        self._heard.add(len(pcm) / SAMPLE_BYTES / self._rate)

    def finish(self) -> None:
        process, pipe = self._running()
        with contextlib.suppress(BrokenPipeError):  # its exit code says more
            pipe.close()
        try:
            code = process.wait(self._heard.left + DRAIN_SECONDS)
        except subprocess.TimeoutExpired as error:
            self.stop()
            raise PlaybackError(f"{self._path} does not end") from error
        if code != 0:
            raise self._failed(process)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _running(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        assert self._process is not None, "open() comes first"
        assert self._process.stdin is not None
        return self._process, self._process.stdin

    def _failed(self, process: subprocess.Popen[bytes]) -> PlaybackError:
        process.kill()
        said = process.stderr.read().decode(errors="replace").strip().rpartition("\n")[2] if process.stderr else ""
        return PlaybackError(f"{self._path} failed: {said or f'exit code {process.wait()}'}")


class SoundDevice:
    """PortAudio, fed by its own thread from a short buffer, so that ``stop`` is heard at once."""

    BUFFER_SECONDS = 0.5

    def __init__(self, sounddevice: Any) -> None:
        self._sounddevice = sounddevice
        self._stream: Any = None
        self._buffer = bytearray()
        self._changed = threading.Condition()
        self._begun = False
        self._ending = False
        self._capacity = 0
        self.underruns = 0

    def open(self, sample_rate: int) -> None:
        self._capacity = int(self.BUFFER_SECONDS * sample_rate) * SAMPLE_BYTES
        try:
            self._stream = self._sounddevice.RawOutputStream(
                samplerate=sample_rate, channels=1, dtype="int16", latency="low", callback=self._fill
            )
            self._stream.start()
        except self._sounddevice.PortAudioError as error:
            raise PlaybackError(f"the sound device does not open: {error}") from error

    def write(self, pcm: bytes) -> None:
        left = memoryview(pcm)
        while left:
            with self._changed:
                while (room := self._capacity - len(self._buffer)) <= 0:
                    self._wait()
                self._buffer += left[:room]
                self._begun = True
            left = left[room:]

    def finish(self) -> None:
        with self._changed:
            self._ending = True
            while self._buffer:
                self._wait()
        self._stream.stop()  # waits until the device has played what it was given
        self._stream.close()

    def stop(self) -> None:
        if self._stream is not None:
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)

    def _wait(self) -> None:
        if not self._changed.wait(DRAIN_SECONDS):
            raise PlaybackError("the sound device takes no more sound")

    def _fill(self, out: Any, frames: int, time: Any, status: Any) -> None:
        """PortAudio's callback: ``frames`` samples into ``out``, silence where there are none."""
        wanted = frames * SAMPLE_BYTES
        with self._changed:
            have = bytes(self._buffer[:wanted])
            del self._buffer[:wanted]
            if len(have) < wanted and self._begun and not self._ending:
                self.underruns += 1
                self._begun = False  # one gap counts once, however long it is
            self._changed.notify_all()
        out[:] = have.ljust(wanted, b"\0")
