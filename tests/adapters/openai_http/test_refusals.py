"""Requests that the OpenAI endpoint refuses: bad ones, garbage, strangers, and what the daemon refuses."""

from __future__ import annotations

import os
import socket

import httpx
import openai
import pytest

from fishvoice.adapters.openai_http.api import body
from tests.adapters.endpoint import post, serving, talker
from tests.client.conftest import home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")

# -- errors --------------------------------------------------------------------------------------------------------


def test_no_daemon_is_503_at_once(address: str) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        talker(address).audio.speech.create(model="m", voice="starter", input="Hi.")
    assert caught.value.status_code == 503
    assert caught.value.code == "daemon_unavailable"
    assert httpx.get(f"http://{address}/health").status_code == 503


@pytest.mark.parametrize(("code", "status"), [("busy", 503), ("unknown_voice", 400), ("engine", 500), ("new", 500)])
def test_what_the_daemon_refuses_has_a_status_and_its_message(address: str, code: str, status: int) -> None:
    with FakeDaemon(Behaviour(error=code)), pytest.raises(openai.APIStatusError) as caught:
        talker(address).audio.speech.create(model="m", voice="nobody", input="Hi.")
    assert caught.value.status_code == status
    assert caught.value.code == code
    assert caught.value.response.headers["retry-after"] == "2"
    assert "say something else" in str(caught.value)


BAD: list[tuple[dict[str, object], str | None]] = [
    ({"model": "m", "voice": "starter"}, "input"),
    ({"input": 7}, "input"),
    ({"input": "Hi.", "voice": 3}, "voice"),
    ({"input": "Hi.", "response_format": "tiff"}, "response_format"),
    ({"input": None}, "input"),
    ({"input": "Hi.", "speed": 4.1}, "speed"),
    ({"input": "Hi.", "speed": 0.24}, "speed"),
    ({"input": "Hi.", "pitch": 3}, "pitch"),
    ({"input": "Hi.", "volume": -1}, "volume"),
    ({"input": "Hi.", "priority": "shouting"}, "priority"),
    ({"input": "Hi.", "language": "xx"}, "language"),
    ({"input": "Hi.", "ref_audio": "http://127.0.0.1/a.wav"}, "ref_audio"),
    ({"input": "Hi.", "ref_audio": "not base64!"}, "ref_audio"),
    ({"input": "Hi.", "ref_audio": "UklGRg=="}, "ref_audio"),  # nobody here clones
    ({"input": "Hi.", "speed": "fast"}, "speed"),
    ({"input": "Hi.", "stream_format": "smoke"}, "stream_format"),
    ({"input": " "}, None),
    ({"input": "x" * 100_001}, None),
]


@pytest.mark.parametrize(("body", "param"), BAD)
def test_a_bad_request_says_what_is_wrong(address: str, body: dict[str, object], param: str | None) -> None:
    with FakeDaemon() as daemon:
        answer = post(address, body)
        assert not daemon.requests
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b'{"input": "\\ud800"}', b'{"input"', b'"a"'], ids=repr)
def test_garbage_is_400_and_the_next_request_is_served(address: str, content: bytes) -> None:
    with FakeDaemon():
        answer = post(address, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]
        assert post(address, {"input": "Hi.", "response_format": "wav"}).status_code == 200


def test_bytes_that_are_no_http_harm_nobody(address: str) -> None:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.settimeout(10)
        connection.sendall(os.urandom(4096) + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert b"200 OK" not in connection.recv(65536)
    with FakeDaemon():
        assert post(address, {"input": "Hi.", "response_format": "wav"}).status_code == 200


def test_too_much_is_refused(address: str) -> None:
    assert post(address, {"input": "Hi.", "instructions": "x" * (12 << 20)}).status_code == 413
    assert httpx.get(f"http://{address}/nowhere").json()["error"]["message"] == "Not Found"
    assert httpx.get(f"http://{address}/v1/audio/speech").status_code == 405


def test_only_json_is_taken_because_a_web_page_can_send_the_rest(address: str) -> None:
    assert post(address, content=b'{"input": "Hi."}', headers={"Content-Type": "text/plain"}).status_code == 415


# -- who may ask ---------------------------------------------------------------------------------------------------


def test_a_host_that_is_not_ours_is_refused() -> None:
    with serving(hosts=("Speech.Home",)) as address:
        port = address.rpartition(":")[2]

        def status(host: str) -> int:
            return httpx.get(f"http://{address}/v1/nothing", headers={"Host": host}).status_code

        assert status("evil.example") == 403
        assert status(f"evil.example:{port}") == 403
        assert status("localhost.evil.example") == 403
        assert {status(host) for host in ("localhost", f"LOCALHOST:{port}", "[::1]:9", "speech.home")} == {404}


def test_a_key_is_asked_for_where_there_is_one() -> None:
    with serving(key="sésame") as address, FakeDaemon():
        for wrong in ("open", "s"):
            with pytest.raises(openai.AuthenticationError) as caught:
                talker(address, api_key=wrong).models.list()
            assert caught.value.code == "invalid_api_key"
        right = {"Authorization": "Bearer sésame".encode()}
        assert httpx.get(f"http://{address}/v1/models", headers=right).status_code == 200  # type: ignore[arg-type]
        assert httpx.get(f"http://{address}/v1/models").status_code == 401
        assert httpx.get(f"http://{address}/health").status_code == 200


def test_a_web_page_may_ask_only_where_it_is_allowed(address: str) -> None:
    page = {"Origin": "http://chat.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in httpx.options(f"http://{address}/v1/audio/speech", headers=page).headers
    with serving(origins=("http://chat.example",), key="k") as open_address:
        answer = httpx.options(f"http://{open_address}/v1/audio/speech", headers=page)
        assert answer.headers["access-control-allow-origin"] == "http://chat.example"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost", "https://127.0.0.1"])
def test_what_a_foreign_page_can_send_unasked_is_refused(address: str, origin: str) -> None:
    """A form, which no browser asks leave for, would make a voice or stop one."""
    form = {"name": "eve", "ref_text": "Hi."}
    with FakeDaemon():
        for path in ("/v1/audio/voices", "/v1/references/add", "/v1/audio/speech"):
            answer = httpx.post(
                f"http://{address}{path}", data=form, files={"audio_sample": b"RIFF"}, headers={"Origin": origin}
            )
            assert answer.status_code == 403
        own = {"Origin": f"http://{address}"}
        assert httpx.post(f"http://{address}/v1/tts", json={"text": "Hi."}, headers=own).status_code == 200


def test_addresses_in_digits_are_served_to_other_hosts_and_names_are_not() -> None:
    with serving(key="k", any_address=True) as address:

        def status(host: str) -> int:
            headers = {"Host": host, "Authorization": "Bearer k"}
            return httpx.get(f"http://{address}/v1/nothing", headers=headers).status_code

        assert {status(host) for host in ("192.168.1.7:8766", "10.0.0.1", "[fe80::1]:8766", "localhost")} == {404}
        assert {status(host) for host in ("evil.example", "192.168.1.7.evil.example", "1.2.3", "")} == {403}


@pytest.mark.parametrize("name", ["../etc/passwd", "..%2F..%2Fpage.py", "page.js/../../auth.py", "%00"])
def test_no_path_leads_out_of_the_page(address: str, name: str) -> None:
    assert httpx.get(f"http://{address}/page/{name}").status_code == 404


def test_a_body_that_comes_too_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.2)
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.settimeout(10)
        connection.sendall(
            b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        assert b"408" in connection.recv(65536)


HOSTILE_BODIES = [
    ("application/msgpack", b"\xdf\xff\xff\xff\xff"),
    ("application/msgpack", b"\x91" * 100_000),
    ("application/json", b"[" * 100_000),
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=a", b"--a\r\n" * 1000),
]


@pytest.mark.parametrize(("kind", "content"), HOSTILE_BODIES, ids=lambda value: str(value)[:20])
def test_bodies_made_to_harm_are_refused(address: str, kind: str, content: bytes) -> None:
    with FakeDaemon() as daemon:
        for path in ("/v1/tts", "/v1/references/add", "/v1/audio/voices"):
            answer = httpx.post(f"http://{address}{path}", content=content, headers={"Content-Type": kind})
            assert 400 <= answer.status_code < 500, (path, answer.text)
        assert not daemon.requests
