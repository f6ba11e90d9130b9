"""The daemon's exception tree: every error that a person or a client may see."""

from __future__ import annotations

from fishvoice.errors import FishvoiceError


class DaemonError(FishvoiceError):
    """Base of all errors raised on purpose; ``code`` is what goes over the wire."""

    code = "internal"


class BadRequest(DaemonError):
    """The request cannot be served; sending it again unchanged will fail again."""

    code = "bad_request"


class UnknownVoice(BadRequest):
    """No voice or model of that name."""

    code = "unknown_voice"


class BadReference(BadRequest):
    """The reference recording cannot be read or used."""

    code = "bad_reference"


class CheckpointError(DaemonError):
    """A checkpoint folder is missing something, damaged, or of a foreign format."""

    code = "bad_checkpoint"


class DownloadError(DaemonError):
    """A checkpoint cannot be fetched, or what came is not what was promised."""

    code = "download"


class ModelStoreError(DaemonError):
    """A converted model is damaged, of another format version, or cannot be written."""

    code = "bad_model"


class MissingExtra(DaemonError):
    """A package of an optional extra is not installed."""

    code = "missing_extra"

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an extra: pip install 'fishvoice[{extra}]'")
        self.extra = extra


class EngineError(DaemonError):
    """The runtime failed while generating; the request is lost, the daemon is not."""

    code = "engine"


class NothingToSay(BadRequest):
    """A text, or a part of it, has nothing that this voice can pronounce: a line of dashes, a foreign script."""

    code = "nothing_to_speak"


class VoiceUnavailable(DaemonError):
    """A voice that should be there cannot speak, through no fault of the request; another one can stand in."""

    code = "voice_unavailable"
