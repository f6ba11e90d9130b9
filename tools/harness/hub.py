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
IN_MEMORY, PIECE = 64 << 20, 1 << 20


@dataclass
class Hub:
    """``files`` of the repository ``repo``, or where they lie; ``requests`` collects what was asked, as METHOD PATH
    [RANGE]."""

    repo: str
    files: dict[str, bytes | Path]
    token: str | None = None
    """If set, the repository is gated: only whoever brings this may have its files."""
    cut: dict[str, int] = field(default_factory=dict)
    """Files whose first transfer ends after so many bytes."""
    wrong_hash: set[str] = field(default_factory=set)
    address: str = ""
    requests: list[str] = field(default_factory=list)
    _digests: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of(repo: str, folder: Path) -> Hub:
        """With the small files in memory."""
        files = (file for file in folder.iterdir() if file.is_file())
        return Hub(repo, {file.name: file if file.stat().st_size > IN_MEMORY else file.read_bytes() for file in files})

    def entry(self, name: str) -> dict[str, object]:
        row: dict[str, object] = {"rfilename": name, "size": self.size(name), "blobId": self.digest(name)[:40]}
        if name.endswith(LARGE):
            digest = "0" * 64 if name in self.wrong_hash else self.digest(name)
            row["lfs"] = {"size": self.size(name), "sha256": digest, "pointerSize": 130}
        return row

    def size(self, name: str) -> int:
        content = self.files[name]
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def digest(self, name: str) -> str:
        """SHA-256; of a file on the disk counted once."""
        content = self.files[name]
        if isinstance(content, bytes):
            return hashlib.sha256(content).hexdigest()
        if name not in self._digests:
            with content.open("rb") as file:
                self._digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[name]

    def pieces(self, name: str, begin: int, end: int) -> Iterator[bytes]:
        content = self.files[name]
        if isinstance(content, bytes):
            yield content[begin:end]
            return
        with content.open("rb") as file:
            file.seek(begin)
            for start in range(begin, end, PIECE):
                yield file.read(min(PIECE, end - start))


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
            content = json.dumps({"id": repo, "sha": COMMIT, "siblings": rows}).encode()
            self._head(200, {"Content-Length": str(len(content))})
            self.wfile.write(content)
            return None

        def _file(self, repo: str, name: str, body: bool) -> None:
            if repo != hub.repo:
                return self._refuse(404, "RepoNotFound")
            if hub.token is not None and self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self._refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo")
            if name not in hub.files:
                return self._refuse(404, "EntryNotFound")
            size, start = hub.size(name), 0
            headers = {"ETag": f'"{hub.digest(name)}"', "X-Repo-Commit": COMMIT}
            if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
                start = int(asked[1])
                headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
            self._head(206 if start else 200, headers | {"Content-Length": str(size - start)})
            if not body:
                return None
            end = hub.cut.pop(name, size)
            for piece in hub.pieces(name, start, end):
                self.wfile.write(piece)
            if end < size:
                self.close_connection = True
            return None

        def _head(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
