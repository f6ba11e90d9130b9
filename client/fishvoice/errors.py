"""The client's exception tree, and the codes by which errors travel."""

from __future__ import annotations

NOTHING_TO_SPEAK = "nothing_to_speak"
"""The code of a text that the voice can say nothing of."""
TOO_LATE = "too_late"
"""The code of a request whose ``first_audio_within`` cannot be kept."""


class FishvoiceError(Exception):
    """Base of everything this package raises on purpose."""


class ProtocolError(FishvoiceError):
    """Frames that are no message of the protocol."""

    code = "bad_message"


class UnsupportedVersion(ProtocolError):
    """The other side speaks another version of the protocol."""

    code = "unsupported_version"

    def __init__(self, got: int | None, supported: int) -> None:
        said = "no protocol version" if got is None else f"protocol version {got}"
        super().__init__(f"the message has {said}; this side speaks version {supported}: update the older of the two")


class DaemonUnavailable(FishvoiceError):
    """No daemon answers, none could be started, or it went away while speaking."""


class DaemonFrozen(DaemonUnavailable):
    """A daemon is there and does not answer: it is stopped, hangs, or the machine is far too slow."""


class InvalidRequest(FishvoiceError):
    """The caller asks for something that cannot be sent: no text, an unreadable reference, an unknown option."""


class RequestFailed(FishvoiceError):
    """The daemon refused or failed a request.

    ``code`` is the wire's (see ``docs/protocol.md``), ``retry_after`` seconds where trying again helps.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class UnusableFolder(FishvoiceError):
    """A folder of ``fishvoice.paths`` cannot be made, or is not this user's own."""


class PlaybackError(FishvoiceError):
    """There is no way to play sound here, or the player failed."""
