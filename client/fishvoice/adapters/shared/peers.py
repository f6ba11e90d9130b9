"""Which other computers may ask a server that knows no passwords."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fishvoice.errors import InvalidRequest

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Peers:
    """Addresses and networks that may ask; this computer itself always may."""

    networks: tuple[_Network, ...] = ()

    @classmethod
    def named(cls, names: Sequence[str]) -> Peers:
        """From addresses (192.168.1.20) or networks (192.168.1.0/24). Raises InvalidRequest."""
        try:
            return cls(tuple(ipaddress.ip_network(name) for name in names))
        except ValueError as error:
            raise InvalidRequest(f"--allow-peer takes an address or a network, as 192.168.1.0/24: {error}") from error

    def may_ask(self, address: object) -> bool:
        """``address`` as a socket tells it: (host, port, …), or what a Unix socket has."""
        if not isinstance(address, tuple):
            return True
        try:
            peer = ipaddress.ip_address(str(address[0]).partition("%")[0])
        except ValueError:
            return False
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return peer.is_loopback or any(peer in network for network in self.networks)
