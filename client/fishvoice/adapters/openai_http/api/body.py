"""Bodies of requests: read with limits, and decoded by one rule each for JSON, msgpack and forms."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from fishvoice.adapters.openai_http.errors import Refusal

MAX_BODY_BYTES = 12 << 20  # a reference recording of half a minute, and base64 around it
BODY_SECONDS = 30.0
JSON, MSGPACK, FORM = "application/json", "application/msgpack", "multipart/form-data"

T = TypeVar("T")


def kind_of(request: Request) -> str:
    """The content type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read(request: Request, *kinds: str) -> bytes:
    """The whole body, unless it is of another kind than ``kinds``, too much, or comes too slowly."""
    if kind_of(request) not in kinds:  # JSON and msgpack are also kinds that a foreign web page cannot send unasked
        raise Refusal(415, f"send Content-Type: {' or '.join(kinds)}")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise Refusal(413, f"the request has more than {MAX_BODY_BYTES} bytes")
    except TimeoutError as error:
        raise Refusal(408, f"the request was not complete after {BODY_SECONDS:g} s") from error
    return bytes(body)


async def read_json(request: Request, form: type[T]) -> T:
    """The body as ``form``."""
    return decode(await read(request, JSON), JSON, form)


def decode(body: bytes, kind: str, form: type[T]) -> T:
    """``body``, JSON or msgpack, as ``form``. A field that is null is one that was left out, whichever it is."""
    try:
        fields = msgspec.json.decode(body) if kind == JSON else msgspec.msgpack.decode(body)
        if isinstance(fields, dict):
            fields = {name: value for name, value in fields.items() if value is not None}
        return msgspec.convert(fields, form, str_keys=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(error) from error


async def read_form(request: Request, files: int = 1) -> FormData:
    """A multipart form with at most so many ``files``. Raises Refusal."""
    body = await read(request, FORM)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(request.headers, stream(), max_files=files, max_fields=32)
        return await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise Refusal(400, f"the form cannot be read: {getattr(error, 'message', error)}") from error


def recording(encoded: str, param: str) -> bytes:
    """A recording that came as base64, perhaps as a data: URL. No other URL: this server fetches nothing."""
    if re.match(r"(?!data:)[A-Za-z][\w+.-]*:", encoded):
        raise Refusal(400, "no recording is fetched from a URL here: send the file itself as base64", param=param)
    try:
        return base64.b64decode(re.sub(r"^data:[^,]*,", "", encoded), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, f"the recording is not base64: {error}", param=param) from error


def _invalid(error: Exception) -> Refusal:
    # msgspec ends its message with where: "Expected `str`, got `int` - at `$.input`".
    where = re.search(r"`\$\.(\w+)", str(error)) or re.search(r"required field `(\w+)`", str(error))
    return Refusal(400, f"the request is not valid: {error}", param=where[1] if where else None)


def form_text(form: FormData, *names: str) -> str | None:
    """The first of these fields that is there and is text."""
    found: Any = next((form[name] for name in names if isinstance(form.get(name), str)), None)
    return found or None
