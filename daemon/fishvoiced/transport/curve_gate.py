"""Who may connect over TCP: the owner of one key. CURVE (RFC 26) and its handler of authentication (ZAP, RFC 27)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import zmq
from zmq.utils import z85


@dataclass(frozen=True)
class CurveServer:
    """Keys (Z85) under which a TCP daemon listens: its own secret, and the one public key that may connect."""

    secret: str
    client_public: str


def new_keys() -> tuple[str, str]:
    """A fresh CURVE pair, Z85: public, secret."""
    public, secret = zmq.curve_keypair()
    return public.decode("ascii"), secret.decode("ascii")


class CurveGate:
    """A ZAP handler (RFC 27) that lets in exactly one CURVE client key."""

    def __init__(self, context: zmq.Context[Any], curve: CurveServer) -> None:
        self._key = z85.decode(curve.client_public)
        self.socket: zmq.Socket[bytes] = context.socket(zmq.REP)
        self.socket.set(zmq.LINGER, 0)
        self.socket.bind("inproc://zeromq.zap.01")

    def answer(self) -> None:
        version, request, _domain, _address, _identity, mechanism, *credentials = self.socket.recv_multipart()
        known = mechanism == b"CURVE" and credentials == [self._key]
        status = [b"200", b"OK"] if known else [b"400", b"unknown key"]
        self.socket.send_multipart([version, request, *status, b"", b""])
