"""A server on the loopback that plays the hub: one repository, and whatever goes wrong with it."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".pth", ".safetensors")


@dataclass
class Hub:
    """``files`` of the repository ``repo``; ``requests`` collects what was asked, as METHOD PATH [RANGE]."""

    repo: str
    files: dict[str, bytes]
    token: str | None = None
    """If set, the repository is gated: only whoever brings this may have its files."""
    cut: dict[str, int] = field(default_factory=dict)
    """Files whose first transfer ends after so many bytes."""
    wrong_hash: set[str] = field(default_factory=set)
    address: str = ""
    requests: list[str] = field(default_factory=list)

    @staticmethod
    def of(repo: str, folder: Path) -> Hub:
        return Hub(repo, {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()})

    def entry(self, name: str) -> dict[str, object]:
        content = self.files[name]
        row: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
        if name.endswith(LARGE):
            digest = "0" * 64 if name in self.wrong_hash else hashlib.sha256(content).hexdigest()
            row["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 130}
        return row


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Silence."""

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            hub.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
            path = self.path.partition("?")[0]
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                self._info(found[1], found[2])
            elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._file(found[1], found[3], body)
            else:
                self._refuse(404, "EntryNotFound")

        def _info(self, repo: str, revision: str | None) -> None:
            if repo != hub.repo:
                return self._refuse(404, "RepoNotFound")
            if revision not in (None, "main", COMMIT):
                return self._refuse(404, "RevisionNotFound")
            rows = [hub.entry(name) for name in hub.files]
            return self._send(json.dumps({"id": repo, "sha": COMMIT, "siblings": rows}).encode(), {}, True)

        def _file(self, repo: str, name: str, body: bool) -> None:
            if repo != hub.repo:
                return self._refuse(404, "RepoNotFound")
            if hub.token is not None and self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self._refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo")
            if name not in hub.files:
                return self._refuse(404, "EntryNotFound")
            content = hub.files[name]
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            return self._send(content, headers, body, name)

        def _send(self, content: bytes, headers: dict[str, str], body: bool, name: str = "") -> None:
            start = 0
            if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
                start = int(asked[1])
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send_response(206 if start else 200)
            for key, value in {**headers, "Content-Length": str(len(content) - start)}.items():
                self.send_header(key, value)
            self.end_headers()
            if not body:
                return
            end = hub.cut.pop(name, len(content))
            self.wfile.write(content[start:end])
            if end < len(content):
                self.close_connection = True

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
