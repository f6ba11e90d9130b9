"""How speech ended that is not whole: the reason, as an error to hand on."""

from __future__ import annotations

from fishvoice.errors import RequestFailed
from fishvoice.speech import Progress


def why_unspoken(speech: Progress) -> RequestFailed:
    """Why ``speech``, which is over, has no more sound, or none at all."""
    match speech.finish_reason:
        case "cancelled":
            return RequestFailed("cancelled", "the speech was stopped")
        case "error":
            errors = speech.metrics.segment_errors if speech.metrics else ()
            return RequestFailed("engine", errors[0].message if errors else "nothing of this text could be spoken")
    return RequestFailed("bad_request", "there is nothing to speak in this text")
