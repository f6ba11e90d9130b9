"""A server's bytes as samples: raw 16-bit PCM, or a WAV file of the announced rate. Pure."""

from __future__ import annotations

import re
import struct

import numpy as np

from fishvoiced.errors import DaemonError
from fishvoiced.synthesis.audio import Samples

_NO_SOUND = re.compile(r"^(?:text/|application/(?:json|xml|problem))", re.IGNORECASE)
_COMPRESSED = re.compile(r"^audio/(?:mpeg|mp3|ogg|opus|aac|flac|webm|mp4)", re.IGNORECASE)
_RATE = re.compile(r"(?:^|[;\s])rate=(\d+)")
_HEADER_BYTES = 4096  # a WAV file's samples begin long before


class RemoteVoiceError(DaemonError):
    """The server of a remote voice failed in the middle, or sent what is no sound of the announced kind."""

    code = "remote_voice"


class PcmDecoder:
    """Blocks of bytes, cut anywhere, to samples. Raises RemoteVoiceError for what is not mono 16-bit at ``rate``."""

    def __init__(self, content_type: str, rate: int) -> None:
        if _NO_SOUND.match(content_type):
            raise RemoteVoiceError(f"the server answers with {_short(content_type)}, not with sound")
        if _COMPRESSED.match(content_type):
            raise RemoteVoiceError(f"the server sends {_short(content_type)} where raw PCM was asked for")
        announced = _RATE.search(content_type)
        self._rate = rate
        if announced:
            self._check_rate(int(announced[1]))
        self._left = b""
        self._begun = False

    def decode(self, block: bytes) -> Samples:
        """The samples that are whole by now."""
        data = self._left + block
        if not self._begun:
            data = self._without_header(data)
        whole = len(data) // 2 * 2 if self._begun else 0
        self._left = data[whole:]
        return np.frombuffer(data[:whole], "<i2").astype(np.float32) / np.float32(32768)

    def _without_header(self, data: bytes) -> bytes:
        """The samples behind a WAV file's header, if it is one; `_begun` once that is known."""
        if not b"RIFF".startswith(data[:4]) and data[:4] != b"RIFF":
            self._begun = True
            return data
        at = data.find(b"data")
        if len(data) < 12 or at < 0 or len(data) < at + 8:
            if len(data) > _HEADER_BYTES:
                raise RemoteVoiceError("the server sends a WAV file without samples")
            return data
        form = data.find(b"fmt ") + 8
        if form < 8 or form + 16 > at:
            raise RemoteVoiceError("the server sends a WAV file that does not say of what kind")
        _, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, form)
        if (channels, bits) != (1, 16):
            raise RemoteVoiceError(f"the server sends {channels} channels of {bits} bits where one of 16 was asked for")
        self._check_rate(rate)
        self._begun = True
        return data[at + 8 :]

    def _check_rate(self, rate: int) -> None:
        if rate != self._rate:
            advice = f"write sample_rate = {rate} into the voice's settings"
            raise RemoteVoiceError(f"the server speaks at {rate} Hz, not at {self._rate} Hz: {advice}")


def _short(content_type: str) -> str:
    return content_type.split(";")[0].strip()[:60] or "nothing"
