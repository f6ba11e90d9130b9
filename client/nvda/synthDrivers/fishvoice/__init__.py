"""The synthesizer as NVDA sees it: its settings, and speech sequences as texts with indexes."""

# ruff: noqa: N802, N803, N815 - NVDA's names

from __future__ import annotations

import os
import sys
from collections import OrderedDict

import nvwave
from logHandler import log
from speech.commands import IndexCommand
from synthDriverHandler import SynthDriver as BaseDriver
from synthDriverHandler import VoiceInfo, synthDoneSpeaking, synthIndexReached

_LIBRARIES = os.path.join(os.path.dirname(__file__), "lib")
if os.path.isdir(_LIBRARIES) and _LIBRARIES not in sys.path:
    sys.path.insert(0, _LIBRARIES)  # the client and what it needs, in the versions this add-on was built with

from fishvoice.adapters.nvda import speaker as speaker  # noqa: E402
from fishvoice.client import Client  # noqa: E402

DEFAULT_VOICE = "default"
ASK_SECONDS = 2.0  # NVDA's main thread waits for the list of voices


class SynthDriver(BaseDriver):
    """Speaks through the daemon, which is started when first needed if its command is on PATH."""

    name = "fishvoice"
    description = "fishvoice (Fish Speech)"
    supportedSettings = (
        BaseDriver.VoiceSetting(),
        BaseDriver.RateSetting(),
        BaseDriver.PitchSetting(),
        BaseDriver.VolumeSetting(),
    )
    supportedCommands = frozenset({IndexCommand})
    supportedNotifications = frozenset({synthIndexReached, synthDoneSpeaking})

    @classmethod
    def check(cls):
        return True

    def __init__(self):
        super().__init__()
        self._voice = DEFAULT_VOICE
        self._rate = 50
        self._pitch = 50
        self._volume = 100
        self._speaker = speaker.SpeechQueue(
            Client(),
            lambda rate: nvwave.WavePlayer(channels=1, samplesPerSec=rate, bitsPerSample=16),
            lambda index: synthIndexReached.notify(synth=self, index=index),
            lambda: synthDoneSpeaking.notify(synth=self),
            lambda message: log.error("fishvoice: " + message),
        )

    def terminate(self):
        self._speaker.close()
        super().terminate()

    def speak(self, speechSequence):
        text, indexes = "", []
        for item in speechSequence:
            if isinstance(item, str):
                text += item
            elif isinstance(item, IndexCommand):
                indexes.append(speaker.Index(item.index, len(text)))
        voice = None if self._voice == DEFAULT_VOICE else self._voice
        how = (speaker.speed(self._rate), speaker.pitch(self._pitch), self._volume / 100)
        self._speaker.speak(speaker.Utterance(text, tuple(indexes), voice, *how))

    def cancel(self):
        self._speaker.cancel()

    def pause(self, switch):
        self._speaker.pause(switch)

    def _getAvailableVoices(self):
        found = OrderedDict({DEFAULT_VOICE: VoiceInfo(DEFAULT_VOICE, "fishvoice's default", None)})
        with Client(start=False, timeout=ASK_SECONDS) as client:
            for voice in speaker.voices(client):
                found[voice.name] = VoiceInfo(voice.name, voice.description or voice.name, voice.language)
        return found

    def _get_voice(self):
        return self._voice

    def _set_voice(self, value):
        self._voice = value

    def _get_language(self):
        return self.availableVoices[self._voice].language if self._voice in self.availableVoices else None

    def _get_rate(self):
        return self._rate

    def _set_rate(self, value):
        self._rate = value

    def _get_pitch(self):
        return self._pitch

    def _set_pitch(self, value):
        self._pitch = value

    def _get_volume(self):
        return self._volume

    def _set_volume(self, value):
        self._volume = value
