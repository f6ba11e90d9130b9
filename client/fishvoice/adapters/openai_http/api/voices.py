"""Voices of one's own over HTTP: in the form of OpenAI's imitations, and in Fish Speech's."""

from __future__ import annotations

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fishvoice.adapters.openai_http.api.body import FORM, JSON, MSGPACK, decode, form_text, kind_of, read, read_form
from fishvoice.adapters.openai_http.api.cloned_voices import ClonedVoices
from fishvoice.adapters.openai_http.errors import Refusal
from fishvoice.aio import AsyncClient


class _Add(msgspec.Struct, frozen=True):
    """A recording as bytes (msgpack) or base64 (JSON)."""

    id: str
    audio: bytes
    text: str


class _Delete(msgspec.Struct, frozen=True):
    reference_id: str


class VoicesApi:
    """Routes over the user's own voices."""

    def __init__(self, client: AsyncClient, voices: ClonedVoices) -> None:
        self._client = client
        self._voices = voices
        self.routes = [
            Route("/v1/audio/voices", self.add, methods=["POST"]),
            Route("/v1/audio/voices/{name}", self.remove, methods=["DELETE"]),
            Route("/v1/references/add", self.add_reference, methods=["POST"]),
            Route("/v1/references/list", self.references),
            Route("/v1/references/delete", self.delete_reference, methods=["DELETE", "POST"]),
        ]

    async def add(self, request: Request) -> Response:
        """Make a voice from a recording: a form of ``name``, ``ref_text``, ``audio_sample`` and ``language``."""
        form = await read_form(request)
        name, text = _required(form, "name"), _required(form, "ref_text", "text")
        sound = await _file(form, "audio_sample", "ref_audio", "audio", "file")
        await self._voices.add(name, sound, text, form_text(form, "language"))
        return JSONResponse({"id": name, "name": name, "object": "audio.voice"}, 201)

    async def remove(self, request: Request) -> Response:
        """Delete such a voice."""
        name = request.path_params["name"]
        await self._voices.remove(name)
        return JSONResponse({"id": name, "object": "audio.voice", "deleted": True})

    async def add_reference(self, request: Request) -> Response:
        """Fish Speech's form of the same: ``id``, ``text``, ``audio``."""
        kind = kind_of(request)
        if kind == FORM:
            form = await read_form(request)
            asked = _Add(_required(form, "id"), await _file(form, "audio"), _required(form, "text"))
        else:
            asked = decode(await read(request, FORM, JSON, MSGPACK), kind, _Add)
        await self._voices.add(asked.id, asked.audio, asked.text)
        return _done(f"{asked.id} can be used as reference_id", reference_id=asked.id)

    async def references(self, request: Request) -> Response:
        """The voices that may be named as ``reference_id``."""
        return _done("", reference_ids=[voice.name for voice in await self._client.voices() if not voice.unavailable])

    async def delete_reference(self, request: Request) -> Response:
        """Delete a voice by ``reference_id``."""
        asked = decode(await read(request, JSON, MSGPACK), kind_of(request), _Delete)
        await self._voices.remove(asked.reference_id)
        return _done(f"{asked.reference_id} is deleted", reference_id=asked.reference_id)


def _done(message: str, **fields: object) -> Response:
    return JSONResponse({"success": True, "message": message, **fields})


def _required(form: FormData, *names: str) -> str:
    value = form_text(form, *names)
    if value is None:
        raise Refusal(400, f"the form has no text {names[0]!r}", param=names[0])
    return value


async def _file(form: FormData, *names: str) -> bytes:
    for name in names:
        if isinstance(upload := form.get(name), UploadFile):
            return await upload.read()
    raise Refusal(400, f"the form has no file {names[0]!r}", param=names[0])
