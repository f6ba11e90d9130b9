"""Telling the local network where a server listens, by multicast DNS. The door to zeroconf."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
from collections.abc import Iterator

ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - to be recognised
_IPV4 = re.compile(r"\d+(\.\d+){3}")
ROUTED_ADDRESS = ("192.0.2.1", 9)  # a documentation address: only the way there is asked for, nothing is sent


@contextlib.contextmanager
def announced(kind: str, port: int, address: str | None = None) -> Iterator[None]:
    """While inside, ``kind`` (such as ``_wyoming._tcp``) of this computer can be found at ``address``, an IPv4 address;
    without one, or with that of all interfaces, at the address by which this computer reaches others.

    Without the library, or without a network, it says so and goes on: whoever knows the address needs none of this.
    """
    try:
        from zeroconf import ServiceInfo, Zeroconf
    except ModuleNotFoundError:
        sys.stderr.write("fishvoice: not announced to the network: pip install 'fishvoice[lan]'\n")
        yield
        return
    where = address if address and _IPV4.fullmatch(address) and address != ALL_ADDRESSES else own_address()
    if where is None:
        sys.stderr.write("fishvoice: not announced: this computer has no address in a network\n")
        yield
        return
    name = socket.gethostname().partition(".")[0]
    info = ServiceInfo(
        f"{kind}.local.",
        f"fishvoice on {name}.{kind}.local.",
        addresses=[socket.inet_aton(where)],
        port=port,
        server=f"{name}.local.",
    )
    service = Zeroconf(interfaces=[where])
    try:
        service.register_service(info, allow_name_change=True)
        yield
    finally:
        service.close()


def own_address() -> str | None:
    """The IPv4 address by which this computer reaches others; None if it reaches nobody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ROUTED_ADDRESS)
        except OSError:
            return None
        return str(probe.getsockname()[0])
