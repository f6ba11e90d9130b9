"""The HTTP interface as an OpenAPI document, made from the types that read the requests, and as a page of HTML."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.metadata import version
from typing import Any

import msgspec

from fishvoice.adapters.openai_http.api.fish import TtsRequest
from fishvoice.adapters.openai_http.api.speech_request import CaptionedRequest, SpeechRequest

_FORM_VOICE = {
    "type": "object",
    "required": ["name", "ref_text", "audio_sample"],
    "properties": {
        "name": {"type": "string"},
        "ref_text": {"type": "string"},
        "audio_sample": {"type": "string", "format": "binary"},
        "language": {"type": "string"},
    },
}
_FORM_MODEL = {
    "type": "object",
    "required": ["title", "voices", "texts"],
    "properties": {
        "title": {"type": "string"},
        "voices": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "texts": {"type": "array", "items": {"type": "string"}},
    },
}
_FORM_REFERENCE = {
    "type": "object",
    "required": ["id", "text", "audio"],
    "properties": {
        "id": {"type": "string"},
        "text": {"type": "string"},
        "audio": {"type": "string", "format": "binary"},
    },
}
# (method, path, what it does, content type and schema of the body, what comes back)
_PATHS: tuple[tuple[str, str, str, tuple[str, Any] | None, str], ...] = (
    ("post", "/v1/audio/speech", "Speak a text", ("application/json", SpeechRequest), "audio/*"),
    ("post", "/dev/captioned_speech", "Speak a text and tell when each word is heard",
     ("application/json", CaptionedRequest), "application/x-ndjson"),
    ("get", "/v1/audio/voices", "The voices", None, "application/json"),
    ("post", "/v1/audio/voices", "Make a voice from a recording", ("multipart/form-data", _FORM_VOICE),
     "application/json"),
    ("delete", "/v1/audio/voices/{name}", "Delete a voice made from a recording", None, "application/json"),
    ("get", "/v1/audio/models", "The models, as Open WebUI asks for them", None, "application/json"),
    ("get", "/v1/models", "The models behind the voices", None, "application/json"),
    ("get", "/v1/models/{name}", "One model", None, "application/json"),
    ("post", "/v1/tts", "Speak a text, in Fish Speech's form (also application/msgpack)",
     ("application/json", TtsRequest), "audio/*"),
    ("post", "/v1/references/add", "Make a voice from a recording, in Fish Speech's form",
     ("multipart/form-data", _FORM_REFERENCE), "application/json"),
    ("get", "/v1/references/list", "The voices, in Fish Speech's form", None, "application/json"),
    ("delete", "/v1/references/delete", "Delete a voice, in Fish Speech's form",
     ("application/json", {"type": "object", "properties": {"reference_id": {"type": "string"}}}), "application/json"),
    ("get", "/model", "The voices, in the form of Fish Audio's SDK", None, "application/json"),
    ("post", "/model", "Make a voice from recordings, in the form of Fish Audio's SDK",
     ("multipart/form-data", _FORM_MODEL), "application/json"),
    ("get", "/model/{name}", "One voice, in the form of Fish Audio's SDK", None, "application/json"),
    ("delete", "/model/{name}", "Delete a voice made from recordings", None, "application/json"),
    ("get", "/v1/health", "Whether this server answers", None, "application/json"),
    ("get", "/health", "Whether the daemon answers; needs no key. Also /healthz", None, "application/json"),
    ("get", "/metrics", "The daemon's figures for Prometheus", None, "text/plain"),
)  # fmt: skip


@cache
def description() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    types = (SpeechRequest, CaptionedRequest, TtsRequest)
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for method, path, summary, body, answer in _PATHS:
        operation: dict[str, Any] = {
            "summary": summary,
            "responses": {
                "200": {"description": "done", "content": {answer: {}}},
                "default": {"description": "an error in OpenAI's form"},
            },
        }
        if "{name}" in path:
            operation["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
        if body is not None:
            operation["requestBody"] = {"required": True, "content": {body[0]: {"schema": _schema(body[1])}}}
        paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "fishvoice", "version": version("fishvoice")},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def as_html(document: dict[str, Any]) -> str:
    """``document`` for people: a heading per operation, and a table of the fields that it takes."""
    schemas = document["components"]["schemas"]
    parts = [
        _operation(method, path, operation, schemas)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>fishvoice: the HTTP interface</title><link rel="stylesheet" href="/page/style.css"></head>'
        '<body><main><h1>The HTTP interface</h1><p><a href="/">Try it</a> · <a href="/openapi.json">OpenAPI</a></p>'
        f"{''.join(parts)}</main></body></html>"
    )


def _schema(body: Any) -> dict[str, Any]:
    return body if isinstance(body, dict) else {"$ref": f"#/components/schemas/{body.__name__}"}


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    title = f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}.</p>"
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        schema = body["schema"]
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        rows = "".join(_row(name, field, schema) for name, field in schema["properties"].items())
        title += (
            f"<table><caption><code>{escape(kind)}</code></caption><thead><tr><th scope='col'>field</th>"
            f"<th scope='col'>type</th><th scope='col'>default</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    return f"<section>{title}</section>"


def _row(name: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    kinds = [_kind(each) for each in field.get("anyOf", [field])]
    default = "required" if name in schema.get("required", []) else msgspec.json.encode(field.get("default")).decode()
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in (" or ".join(kinds), default))
    shown = escape(name).replace("_", "_<wbr>")  # where a narrow window may break it
    return f"<tr><th scope='row'><code>{shown}</code></th>{cells}</tr>"


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    return str(schema.get("type") or schema.get("$ref", "any").rpartition("/")[2])
