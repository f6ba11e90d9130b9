"""Errors in the form that OpenAI's clients read: a status, and JSON with ``message``, ``type``, ``param``, ``code``."""

from __future__ import annotations

import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from fishvoice.errors import DaemonUnavailable, InvalidRequest, ProtocolError, RequestFailed, UnusableFolder

# The daemon's codes; any other is its own failure, 500. 499: whoever wanted the speech does not want it any more,
# and OpenAI's clients do not try that again.
_STATUS = {
    "bad_message": 400,
    "bad_request": 400,
    "nothing_to_speak": 400,
    "unknown_voice": 400,
    "bad_reference": 400,
    "busy": 503,
    "too_late": 503,
    "shutting_down": 503,
    "cancelled": 499,
}
_TYPES = {401: "authentication_error", 503: "service_unavailable_error"}


class Refusal(Exception):
    """What a request is answered with in place of sound. ``retry_after`` in seconds."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """``{"error": …}``, and the message once more as ``detail``, where Fish Audio's SDK reads it."""
        kind = _TYPES.get(self.status) or ("server_error" if self.status >= 500 else "invalid_request_error")
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": error, "detail": str(self)}


def refusal(error: Exception) -> Refusal:
    """``error`` as an answer. A mistake of ours says no more than that: its traceback is the server's business."""
    match error:
        case Refusal():
            return error
        case RequestFailed():
            param = "voice" if error.code == "unknown_voice" else None
            status = _STATUS.get(error.code, 500)
            return Refusal(status, str(error), code=error.code, param=param, retry_after=error.retry_after)
        case InvalidRequest() | ProtocolError():  # such as text that is no Unicode, or a number beyond 64 bits
            return Refusal(400, str(error), code="bad_request")
        case DaemonUnavailable() | UnusableFolder():
            return Refusal(503, str(error), code="daemon_unavailable")
        case HTTPException():
            return Refusal(error.status_code, error.detail)
    return Refusal(500, "a mistake in the server; its log says more", code="internal")


def refusal_response(refused: Refusal) -> JSONResponse:
    """``refused`` over HTTP."""
    headers = {}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(refused.retry_after))
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(refused.body, refused.status, headers)
