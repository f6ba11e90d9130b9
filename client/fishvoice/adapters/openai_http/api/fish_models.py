"""Fish Audio's list of models, which its SDK and plugins choose from: the voices of this computer, in that form."""

from __future__ import annotations

import re
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fishvoice.adapters.openai_http.api.body import form_text, read_form
from fishvoice.adapters.openai_http.api.cloned_voices import ClonedVoices
from fishvoice.adapters.openai_http.api.recordings import one_of
from fishvoice.adapters.openai_http.errors import Refusal
from fishvoice.aio import AsyncClient
from fishvoice.protocol import VoiceInfo

MOST_RECORDINGS = 16
_AGE_UNKNOWN = "1970-01-01T00:00:00Z"  # the form wants a time
_AUTHOR = {"_id": "fishvoice", "nickname": "this computer", "avatar": ""}


class FishModels:
    """Routes over the voices; ``_id`` is a voice's name, which is also its ``reference_id``."""

    def __init__(self, client: AsyncClient, voices: ClonedVoices) -> None:
        self._client = client
        self._voices = voices
        self.routes = [
            Route("/model", self.models, methods=["GET"]),
            Route("/model", self.create, methods=["POST"]),
            Route("/model/{name}", self.get, methods=["GET"]),
            Route("/model/{name}", self.change, methods=["PATCH"]),
            Route("/model/{name}", self.delete, methods=["DELETE"]),
        ]

    async def models(self, request: Request) -> Response:
        """A page of the voices that can speak, by part of the name, language, tag and author."""
        asked = request.query_params
        size, page = _number(asked.get("page_size"), 10), _number(asked.get("page_number"), 1)
        languages = {each.lower() for each in asked.getlist("language")}
        found = [
            voice
            for voice in await self._client.voices()
            if voice.unavailable is None
            and asked.get("title", "").lower() in voice.name.lower()
            and (not languages or (voice.language or "").lower() in languages)
            and asked.get("author_id", _AUTHOR["_id"]) == _AUTHOR["_id"]
            and not asked.getlist("tag")  # no voice here has one
        ]
        items = [entity(voice) for voice in found[size * (page - 1) : size * page]]
        return JSONResponse({"total": len(found), "items": items})

    async def get(self, request: Request) -> Response:
        """One voice."""
        return JSONResponse(entity(await self._voice(request.path_params["name"])))

    async def create(self, request: Request) -> Response:
        """A voice from recordings and their words, named after the title."""
        form = await read_form(request, files=MOST_RECORDINGS)
        title = form_text(form, "title") or ""
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", title).strip("-_")[:64]
        if not name:
            raise Refusal(400, "the title has no letter or digit that a voice could be called by", param="title")
        sounds = [await each.read() for each in form.getlist("voices") if isinstance(each, UploadFile)]
        texts = [each for each in form.getlist("texts") if isinstance(each, str)]
        if not sounds:
            raise Refusal(400, "the form has no recording 'voices'", param="voices")
        if len(texts) != len(sounds) or not all(text.strip() for text in texts):
            raise Refusal(
                400, f"{len(sounds)} recordings need as many texts: nothing is transcribed here", param="texts"
            )
        recording, words = await one_of(list(zip(sounds, texts, strict=True)), "voices")
        await self._voices.add(name, recording, words or "")
        return JSONResponse(entity(await self._voice(name)), 201)

    async def change(self, request: Request) -> Response:
        """Nothing of it is kept here but the name."""
        raise Refusal(400, "a voice here has a name only: delete it, and make it anew under another one")

    async def delete(self, request: Request) -> Response:
        """Delete a voice that was made from a recording."""
        await self._voices.remove(request.path_params["name"])
        return JSONResponse({})

    async def _voice(self, name: str) -> VoiceInfo:
        for voice in await self._client.voices():
            if voice.name == name:
                return voice
        raise Refusal(404, f"there is no voice {name!r}", code="unknown_voice")


def entity(voice: VoiceInfo) -> dict[str, Any]:
    """``voice`` in the form of Fish's model; what is not known is empty, nought, or 1970."""
    return {
        "_id": voice.name,
        "type": "tts",
        "title": voice.name,
        "description": voice.description,
        "cover_image": "",
        "train_mode": "fast",
        "state": "failed" if voice.unavailable else "trained",
        "tags": [],
        "samples": [],
        "created_at": _AGE_UNKNOWN,
        "updated_at": _AGE_UNKNOWN,
        "languages": [voice.language] if voice.language else [],
        "visibility": "private",
        "lock_visibility": True,
        "like_count": 0,
        "mark_count": 0,
        "shared_count": 0,
        "task_count": 0,
        "liked": False,
        "marked": False,
        "author": _AUTHOR,
    }


def _number(given: str | None, otherwise: int) -> int:
    if given is None:
        return otherwise
    if not re.fullmatch(r"[1-9]\d{0,5}", given):
        raise Refusal(400, f"{given!r} is no number of a page or its size")
    return int(given)
