"""Wyoming's events off a stream, with limits: a JSON line, more JSON, and bytes, each of the length it announces."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from wyoming.event import Event

from fishvoice.errors import ProtocolError

MAX_LINE_BYTES = 1 << 16  # the limit of the StreamReader must be this
EVENT_SECONDS = 30.0  # for all of an event, from its first byte
MAX_DATA_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 1 << 20


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """The next event; None where the stream ends. Raises ProtocolError for anything else."""
    begun = await reader.read(1)
    if not begun:
        return None
    try:
        async with asyncio.timeout(EVENT_SECONDS):
            line = begun if begun == b"\n" else begun + await reader.readline()
            header = _object(line)
            data = _field(header, "data", dict) or {}
            more = await reader.readexactly(_length(header, "data_length", MAX_DATA_BYTES))
            payload = await reader.readexactly(_length(header, "payload_length", MAX_PAYLOAD_BYTES))
    except asyncio.IncompleteReadError:
        return None
    except TimeoutError as error:
        raise ProtocolError(f"an event was not complete after {EVENT_SECONDS:g} s") from error
    except ValueError as error:  # the reader's, for a line without an end
        raise ProtocolError(f"a line has more than {MAX_LINE_BYTES} bytes") from error
    kind = _field(header, "type", str)
    if not kind:
        raise ProtocolError("an event has no type")
    return Event(kind, data | (_object(more) if more else {}), payload or None)


def text_of(event: Event, limit: int) -> str:
    """The event's ``text``. Raises ProtocolError if there is none, or more than ``limit`` characters."""
    text = event.data.get("text")
    if not isinstance(text, str):
        raise ProtocolError(f"{event.type} has no text")
    if len(text) > limit:
        raise ProtocolError(f"{event.type} has {len(text)} characters of text; the limit is {limit}")
    return text


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"an event is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ProtocolError("an event is not a JSON object")
    return found


def _length(header: dict[str, Any], name: str, limit: int) -> int:
    length: int = _field(header, name, int) or 0
    if not 0 <= length <= limit:
        raise ProtocolError(f"{name} is {length}; the limit is {limit}")
    return length


def _field(header: dict[str, Any], name: str, kind: type) -> Any:
    value = header.get(name)
    if value is not None and not isinstance(value, kind):
        raise ProtocolError(f"{name} is no {kind.__name__}")
    return value
