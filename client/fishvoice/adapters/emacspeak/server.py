"""``fishvoice-emacspeak``: a speech server that gives Emacspeak the voices of the daemon.

One thread reads commands and carries out the urgent ones at once; each stretch of speech has another.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from fishvoice.adapters.emacspeak import protocol
from fishvoice.adapters.emacspeak.languages import LanguageCommand, Languages
from fishvoice.adapters.emacspeak.speaker import Item, Sound, SpeechQueue, Tone, Words, play_sound
from fishvoice.adapters.emacspeak.text import Settings, letter, spoken
from fishvoice.client import Client
from fishvoice.playback.loudspeaker import Sink, loudspeaker

log = logging.getLogger("fishvoice-emacspeak")

MOST_SPEED = 4.0  # what the daemon's time-stretch does


class Server:
    """Commands in through :meth:`handle`, from one thread."""

    def __init__(self, client: Client, new_sink: Callable[[], Sink] = loudspeaker) -> None:
        self._client = client
        self._new_sink = new_sink
        self._settings = Settings()
        self._languages = Languages(client.voices)
        self._queue: list[protocol.Command] = []
        self._talk: SpeechQueue | None = None
        self._paused: list[Item] = []

    def handle(self, command: protocol.Command) -> None:
        """Carry out ``command``; never waits for the daemon, but shortly for its voices' languages."""
        match command:
            case protocol.Stop():
                self._silence()
            case protocol.Say():
                self._now(spoken(command.text, self._settings), self._settings.speed)
            case protocol.Letter():
                self._now(letter(command.text), self._settings.speed * self._settings.character_scale)
            case protocol.Dispatch():
                self._dispatch()
            case protocol.Pause():
                self._paused = self._end_talk()
            case protocol.Resume():
                self._add(self._paused)
                self._paused = []
            case protocol.Change():
                self._settings = self._settings.changed(command)
            case protocol.Language() | protocol.LanguageStep() | protocol.PreferLanguage() | protocol.ListLanguages():
                self._tell_language(command)
            case protocol.Reset():
                self._silence()
                self._settings = Settings()
                self._languages.reset()
            case protocol.Version():
                from importlib.metadata import version

                self._now(f"fishvoice {version('fishvoice')}", self._settings.speed)
            case protocol.PlaySound():
                play_sound(command.path)
            case protocol.Unknown():
                log.debug("ignored: %s", command.line)
            case _:
                self._queue.append(command)

    def _now(self, text: str, speed: float) -> None:
        self._silence()
        if text:
            self._add([Words(text, min(speed, MOST_SPEED), self._languages.voice)])

    def _tell_language(self, command: LanguageCommand) -> None:
        said = self._languages.handle(command)
        if said:
            self._now(said, self._settings.speed)

    def _dispatch(self) -> None:
        queued, self._queue = self._queue, []
        self._add(items(queued, self._settings, self._languages.voice))

    def _silence(self) -> None:
        self._queue = []
        self._paused = []
        self._end_talk()

    def _add(self, new: list[Item]) -> None:
        if new:
            self._talk = self._talk or SpeechQueue(self._client, self._new_sink)
            self._talk.add(new)

    def _end_talk(self) -> list[Item]:
        talk, self._talk = self._talk, None
        return talk.stop() if talk is not None else []


def items(queued: list[protocol.Command], settings: Settings, voice: str | None = None) -> list[Item]:
    """What is to be heard for a queue: neighboring texts in one piece, so that sentences stay whole."""
    done: list[Item] = []
    text: list[str] = []

    def flush() -> None:
        words = spoken(" ".join(text), settings)
        if words:
            done.append(Words(words, settings.speed, voice))
        text.clear()

    for command in queued:
        if isinstance(command, protocol.Queue):
            text.append(command.text)
            continue
        flush()
        match command:
            case protocol.QueueRate():
                settings = settings.changed(protocol.Change(rate=command.rate))
            case protocol.QueueTone():
                done.append(Tone(command.hertz, command.milliseconds / 1000))
            case protocol.QueueSilence():
                done.append(Tone(0, command.milliseconds / 1000))
            case protocol.QueueSound():
                done.append(Sound(command.path))
    flush()
    return done


def main() -> int:
    """Serve Emacspeak on standard input until it closes it."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s", level=logging.INFO)
    parser = protocol.Parser()
    with Client() as client:
        server = Server(client)
        while data := os.read(sys.stdin.fileno(), 1 << 16):
            for command in parser.feed(data):
                server.handle(command)
        server.handle(protocol.Stop())
    return 0
