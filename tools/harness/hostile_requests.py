"""What hostile peers send to the HTTP and the Wyoming server: for the tests, and for the chaos suite."""

from __future__ import annotations

import json

ASK = {"input": "one two three", "response_format": "pcm", "voice": "tone"}


def post(body: bytes | str, headers: str = "Content-Type: application/json\r\n") -> bytes:
    data = body.encode(errors="surrogatepass") if isinstance(body, str) else body
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


HOSTILE_REQUESTS: list[bytes] = [
    b"\0" * 1000,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /v1/models/%00%ff%2e%2e%2f HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    post(nested(100_000)),
    post("[" * 200_000),
    post(b"\xff\xfe\x00"),
    post(json.dumps({**ASK, "input": "\ud800"})),
    post(json.dumps({**ASK, "seed": 10**40})),
    post(json.dumps({**ASK, "speed": "fast"})),
    post('{"input": "x", "speed": 1e999}'),
    post(json.dumps({**ASK, "input": " \n"})),
    post(json.dumps({**ASK, "voice": "../../etc"})),
    post(json.dumps({**ASK, "voice": ["a"]})),
    post(json.dumps({**ASK, "input": "x" * 200_000})),
    post("null"),
]

HOSTILE_EVENTS: list[bytes] = [
    b"\0" * 1000,
    b"\n" * 10,
    b"[]\n",
    b"5\n",
    b'{"type": 5}\n',
    b'{"type": "synthesize", "data": []}\n',
    b'{"type": "synthesize", "data": {"text": 5}}\n',
    b'{"type": "synthesize", "data": {"text": ""}}\n',
    b'{"type": "synthesize", "data": {"text": "\\ud800"}}\n',
    b'{"type": "synthesize", "data": {"text": "one", "voice": "tone"}}\n',
    b'{"type": "synthesize", "data": {"text": "one", "voice": {"name": "../.."}}}\n',
    b'{"type": "synthesize", "data_length": -1}\n',
    b'{"type": "synthesize", "data_length": 99999999999}\n',
    b'{"type": "synthesize", "payload_length": 1e9}\n',
    b"[" * 60_000 + b"\n",
    b"x" * 100_000,
    (nested(10_000) + "\n").encode()[:65_000] + b"\n",
    b'{"type": "synthesize-start"}\n' * 20,
    b'{"type": "ping", "data": {"text": {"a": 1}}}\n',
]

# What is well-formed and never read to its end, or never sent to it.
STALLS: dict[str, list[bytes]] = {
    "http": [
        b"POST /v1/audio/speech HTTP/1.1\r\nHost: loc",
        post(json.dumps({"input": "word " * 3000, "response_format": "pcm"})),
        post(json.dumps(ASK))[:-5],
    ],
    "wyoming": [
        b'{"type": "syn',
        b'{"type": "synthesize", "data": {"text": "' + b"word " * 3000 + b'"}}\n',
        b'{"type": "synthesize", "data_length": 100}\n{',
    ],
}
