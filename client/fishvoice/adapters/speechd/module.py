"""``sd_fishvoice``: the output module that gives speech-dispatcher the voices of the daemon.

Two threads. One reads commands and answers each at once, STOP and PAUSE above all; the other speaks. The module
never ends before speech-dispatcher wants it to: without a daemon its messages end as stopped, and it tries again.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Iterator

from fishvoice.adapters.shared import characters, ssml
from fishvoice.adapters.shared.ssml import MarkedText
from fishvoice.adapters.speechd import protocol
from fishvoice.adapters.speechd.configuration import Configuration, configuration_file, read_configuration
from fishvoice.adapters.speechd.message import Message, Output
from fishvoice.adapters.speechd.settings import Settings, VoiceSettings, voice_settings
from fishvoice.adapters.speechd.timeline import Block, Pace, timeline
from fishvoice.client import Client
from fishvoice.errors import TOO_LATE, DaemonUnavailable, FishvoiceError, RequestFailed
from fishvoice.protocol import MAX_TEXT_CHARACTERS, Markup, VoiceInfo
from fishvoice.speech import Chunk

log = logging.getLogger("sd_fishvoice")

NO_VOICE = "default"  # the name listed while no daemon can tell its voices
VOICES_SECONDS = 2.0  # LIST VOICES is answered within this
PAUSE_SECONDS = 0.06
MARKUP_WORDS = 3  # that a <speak> may become
RETRY_SECONDS = 5.0  # after a daemon could not be started, before the next attempt


class Daemon:
    """The daemon as the module needs it: its voices as last known, and speech. Starts it, but not in a tight loop."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._starting = Client()
        self._present = Client(start=False)
        self._not_before = 0.0
        self._known = threading.Event()
        self.voices: tuple[VoiceInfo, ...] = ()

    def refresh(self) -> None:
        """Ask for the voices; starts the daemon. For a thread of its own."""
        try:
            self._connect()
            self.voices = tuple(voice for voice in self._present.voices() if voice.unavailable is None)
        except FishvoiceError as error:
            log.warning("%s", error)
        finally:
            self._known.set()

    def wait_for_voices(self, seconds: float) -> None:
        """Until the voices have been asked for, whatever came of it."""
        self._known.wait(seconds)

    def speak(self, message: Message, text: str, how: VoiceSettings, markup: Markup) -> Iterator[Chunk]:
        """The sound of ``text``; no more of it when ``message`` is over. Raises FishvoiceError's children.

        A limit that nobody can keep is no reason for silence here: the message is spoken late then.
        """
        self._connect()
        try:
            yield from self._sound(message, text, how, markup, self._configuration)
        except RequestFailed as error:
            if error.code != TOO_LATE:
                raise
            log.warning("%s", error)
            yield from self._sound(message, text, how, markup, Configuration())

    def _sound(
        self, message: Message, text: str, how: VoiceSettings, markup: Markup, limits: Configuration
    ) -> Iterator[Chunk]:
        speech = self._present.synthesize(
            text,
            voice=how.voice,
            speed=how.speed,
            pitch=how.pitch,
            volume=how.volume,
            priority="message",
            markup=markup,
            first_audio_within=limits.first_audio_within,
            fallback_voice=limits.fallback_voice,
        )
        message.on_end(speech.cancel)
        yield from speech

    def _connect(self) -> None:
        """Make sure that a daemon answers, starting one if the last attempt at that is not too recent."""
        try:
            self._present.connect()
        except DaemonUnavailable:
            if time.monotonic() < self._not_before:
                raise
            try:
                self._starting.connect()
            except DaemonUnavailable:
                self._not_before = time.monotonic() + RETRY_SECONDS
                raise
            self._starting.close()


class Module:
    """Commands in through :meth:`handle`, from one thread; speech from another."""

    def __init__(self, output: Output, daemon: Daemon) -> None:
        self._output = output
        self._daemon = daemon
        self._settings = Settings()
        self._turn: Message | None = None
        self._speaking: protocol.Speak | None = None  # of the message
        self._paused: protocol.Speak | None = None  # the message whose message ended by PAUSE
        self._messages: queue.SimpleQueue[tuple[Message, protocol.Speak, Settings]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="sd-fishvoice-speaker", daemon=True).start()

    def handle(self, command: protocol.Command) -> bool:
        """Carry out ``command``; False when it was the last. Never waits for the daemon, but shortly for its voices."""
        reply = b""
        match command:
            case protocol.Answer():
                reply = command.reply
            case protocol.Speak():
                self._speak(command)
            case protocol.Stop():
                self._end(protocol.STOPPED)
            case protocol.Pause():
                self._pause()
            case protocol.Set():
                settings = self._settings.updated(command.settings)
                reply = protocol.SETTINGS_TAKEN if settings else protocol.SETTINGS_REFUSED
                self._settings = settings or self._settings
            case protocol.Audio():
                server = dict(command.settings).get("audio_output_method") == "server"
                reply = protocol.AUDIO_READY if server else protocol.AUDIO_REFUSED
            case protocol.LogLevel():
                reply = protocol.LOG_LEVEL_SET
            case protocol.Debug():
                log.setLevel(logging.DEBUG if command.on else logging.INFO)
                reply = protocol.DEBUGGING
            case protocol.Init():
                self._refresh()
                reply = protocol.INITIALIZED
            case protocol.ListVoices():
                reply = self._voices()
            case protocol.Quit():
                self._end(protocol.STOPPED)
                reply = protocol.GOODBYE
        self._output.write(reply)
        return not isinstance(command, protocol.Quit)

    def _speak(self, command: protocol.Speak) -> None:
        if not command.text:
            self._output.write(protocol.CANNOT_SPEAK)
            return
        self._end(protocol.STOPPED)  # speech-dispatcher never asks for two at a time; garbage might
        if self._paused is not None and is_again(command, self._paused):
            command = self._paused
        self._paused = None
        message = self._turn = Message(self._output)
        self._speaking = command
        self._output.write(protocol.SPEAKING)
        self._messages.put((message, command, self._settings))

    def _pause(self) -> None:
        """Silence at once. To go on later, the server wants to hear one of its own marks again, and stops at it.

        The silence before the mark keeps it in the server's queue until the server knows that it is to stop there.
        """
        if self._turn is not None:
            silence = bytes(2 * round(PAUSE_SECONDS * self._turn.sample_rate))
            again = protocol.audio(silence, self._turn.sample_rate) + protocol.mark(self._turn.server_mark)
            if self._turn.finish(again + protocol.PAUSED):
                self._paused = self._speaking

    def _end(self, last: bytes) -> None:
        if self._turn is not None:
            self._turn.finish(last)

    def _voices(self) -> bytes:
        self._daemon.wait_for_voices(VOICES_SECONDS)
        self._refresh()  # for the next time
        voices = [(voice.name, voice.language) for voice in self._daemon.voices]
        return protocol.voices(voices or [(NO_VOICE, None)])

    def _refresh(self) -> None:
        threading.Thread(target=self._daemon.refresh, name="sd-fishvoice-voices", daemon=True).start()

    # -- in the speaking thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        pace = Pace(time.monotonic)
        while True:
            message, command, settings = self._messages.get()
            if message.over:
                continue
            try:
                self._play(message, command, settings, pace)
                message.finish(protocol.END)
            except BrokenPipeError:
                return  # the reader notices that speech-dispatcher has gone, and ends the module
            except FishvoiceError as error:
                log.warning("%s", error)
                message.finish(protocol.STOPPED)
            except Exception:  # whatever it is, a module that dies or hangs would take the screen reader with it
                log.exception("a mistake in the module")
                message.finish(protocol.STOPPED)

    def _play(self, message: Message, command: protocol.Speak, settings: Settings, pace: Pace) -> None:
        how = voice_settings(settings, self._daemon.voices)
        for part in ssml.parts(words(command, settings), MAX_TEXT_CHARACTERS):
            chunks = self._daemon.speak(message, part.text, how, part.markup) if part.text.strip() else iter(())
            for event in timeline(chunks, part.marks):
                if not isinstance(event, Block):
                    if not message.tell_mark(event.name):
                        return
                    continue
                if message.wait(pace.wait(event.seconds)) or not message.tell_sound(event.pcm, event.sample_rate):
                    return
                pace.left(event.seconds)


def words(command: protocol.Speak, settings: Settings) -> MarkedText:
    """What is to be said for ``command``."""
    match command.kind:
        case protocol.Kind.CHARACTER:
            symbol = " " if command.text == "space" else ssml.read(command.text).text
            return MarkedText(characters.spelled(symbol[:8], capitals=settings.capitals))
        case protocol.Kind.KEY:
            return MarkedText(characters.key(ssml.read(command.text).text))
        case protocol.Kind.ICON:
            return MarkedText(characters.sayable(ssml.read(command.text).text.replace("-", " ").replace("_", " ")))
    shaped = ssml.with_markup(command.text)
    if shaped is not None and settings.spelling_mode != "on" and len(shaped.text) <= MAX_TEXT_CHARACTERS:
        return shaped
    marked = ssml.read(command.text)
    if settings.spelling_mode == "on":
        return _instead(marked, characters.spelled(marked.text.strip(), capitals=settings.capitals))
    said = characters.sayable(marked.text)
    return marked if said == marked.text else _instead(marked, said)


def is_again(command: protocol.Speak, paused: protocol.Speak) -> bool:
    """Whether ``command`` is the paused message from its beginning.

    speech-dispatcher 0.11 then takes the ``<speak>`` that it has put around the message itself for a part of the text:
    "speak", with punctuation "less speak greater", before the message.
    """
    before, now = (re.findall(r"\w+", ssml.read(each.text).text) for each in (paused, command))
    more = len(now) - len(before)
    return command.kind == paused.kind and 0 < more <= MARKUP_WORDS and "speak" in now[:more] and now[more:] == before


def _instead(marked: MarkedText, text: str) -> MarkedText:
    """Other words for all of it: its marks come at once."""
    return MarkedText(text, tuple(ssml.Mark(mark.name, 0) for mark in marked.marks))


def main() -> int:
    """Serve speech-dispatcher on standard input and output until it says QUIT or goes away."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s", level=logging.INFO)
    parser = protocol.Parser()
    configuration = read_configuration(configuration_file(sys.argv[1:]))
    module = Module(Output(sys.stdout.fileno()), Daemon(configuration))
    try:
        while data := os.read(sys.stdin.fileno(), 1 << 16):
            for command in parser.feed(data):
                if not module.handle(command):
                    return 0
    except BrokenPipeError:
        return 0  # speech-dispatcher has gone
    return 0
