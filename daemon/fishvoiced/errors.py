"""The daemon's exception tree: every error that a person or a client may see."""

from __future__ import annotations


class FishvoiceError(Exception):
    """Base of all errors raised on purpose; ``code`` is what goes over the wire."""

    code = "internal"


class BadRequest(FishvoiceError):
    """The request itself cannot be served; sending it again unchanged is of no use."""

    code = "bad_request"


class UnknownVoice(BadRequest):
    """No voice or model of that name."""

    code = "unknown_voice"


class BadReference(BadRequest):
    """The reference recording cannot be read or used."""

    code = "bad_reference"


class CheckpointError(FishvoiceError):
    """A checkpoint folder is missing something, damaged, or of a foreign format."""

    code = "bad_checkpoint"


class ModelStoreError(FishvoiceError):
    """A converted model is damaged, of another format version, or cannot be written."""

    code = "bad_model"


class MissingExtra(FishvoiceError):
    """A package of an optional extra is not installed."""

    code = "missing_extra"

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an extra: pip install 'fishvoice[{extra}]'")
        self.extra = extra


class EngineError(FishvoiceError):
    """The runtime failed while generating; the request is lost, the daemon is not."""

    code = "engine"


class Busy(FishvoiceError):
    """No room for this request now; ``retry_after`` seconds is the estimate."""

    code = "busy"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
