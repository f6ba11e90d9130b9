"""Where this daemon listens: its own Unix sockets, ones that a service manager hands over, or TCP with CURVE."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fishvoice import paths
from fishvoice.paths import Endpoints
from fishvoiced.config import Config
from fishvoiced.transport import curve_keys
from fishvoiced.transport.curve_gate import CurveServer
from fishvoiced.transport.router import Channel, RouterTransport, TransportError

_ANY_PORT = "tcp://127.0.0.1:*"


@contextmanager
def listening(settings: Config, handed_over: Mapping[str, int]) -> Iterator[RouterTransport]:
    """The bound transport; clients find it by `fishvoice.paths.endpoints`. The caller holds the lock.

    ``handed_over``: descriptors of listening Unix sockets by path. Raises TransportError, KeysError.
    """
    if settings.transport == "tcp" or (settings.transport == "auto" and sys.platform == "win32"):
        ours = curve_keys.load_or_make(paths.state_dir())
        curve = CurveServer(ours.server_secret, ours.client_public)
        with RouterTransport(Endpoints(_ANY_PORT, _ANY_PORT), curve) as transport:
            synthesis, control = transport.address(Channel.SYNTHESIS), transport.address(Channel.CONTROL)
            paths.publish_endpoints(Endpoints(synthesis, control, ours.for_clients()))
            try:
                yield transport
            finally:
                paths.withdraw_endpoints()
        return
    paths.withdraw_endpoints()  # of a TCP daemon that was killed
    where = paths.bindable_endpoints()
    with RouterTransport(where, inherited=_inherited(where, handed_over)) as transport:
        yield transport


def _inherited(where: Endpoints, handed_over: Mapping[str, int]) -> dict[Channel, int]:
    if not handed_over:
        return {}
    wanted = {Channel.SYNTHESIS: where.synthesis, Channel.CONTROL: where.control}
    found = {channel: handed_over.get(address.removeprefix("ipc://")) for channel, address in wanted.items()}
    inherited = {channel: fd for channel, fd in found.items() if fd is not None}
    if len(inherited) != len(wanted):
        raise TransportError(
            f"the service manager handed over {sorted(handed_over)}, but clients look for {sorted(wanted.values())}"
        )
    return inherited
