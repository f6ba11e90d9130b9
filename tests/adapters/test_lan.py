"""Other computers, on request only: keys that are made, peers that are named, and the announcement."""

from __future__ import annotations

import asyncio
import re
import socket
import stat
from pathlib import Path

import httpx
import pytest

from fishvoice.adapters.shared import announce
from fishvoice.adapters.shared.listen import address_of, listen_tcp
from fishvoice.adapters.shared.peers import Peers
from fishvoice.adapters.wyoming.serve import serve
from fishvoice.aio import AsyncClient
from fishvoice.errors import InvalidRequest
from tests.client.conftest import Spawn, fishvoice, home  # noqa: F401
from tests.fakes.daemon import FakeDaemon

pytestmark = pytest.mark.usefixtures("home")
LAN = ("--lan", "--host", "127.0.0.1", "--port", "0", "--no-start")


def test_a_key_is_made_told_once_and_required(fishvoice: Spawn, home: Path) -> None:  # noqa: F811
    process = fishvoice("serve-http", *LAN)
    assert process.stderr is not None
    told = process.stderr.readline().decode()
    key = told.split()[-1]
    lines = [told]
    while "endpoint on" not in lines[-1]:
        lines.append(process.stderr.readline().decode())
    url = lines[-1].split()[-1]
    file = next(home.rglob("http.key"))
    assert file.read_text().strip() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with FakeDaemon():
        assert httpx.get(f"{url}/models").status_code == 401
        assert httpx.get(f"{url}/models", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    process.terminate()
    assert process.wait(20) == 0
    again = fishvoice("serve-http", *LAN)
    assert again.stderr is not None
    line = again.stderr.readline().decode()
    assert key not in line
    again.terminate()
    again.wait(20)
    assert file.read_text().strip() == key


def test_wyoming_wants_to_know_who_may_ask(fishvoice: Spawn) -> None:  # noqa: F811
    for arguments, message in (((), "--allow-peer"), (("--allow-peer", "everybody"), "an address or a network")):
        process = fishvoice("serve-wyoming", *LAN, *arguments)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 1
        assert message in said.decode()


def test_peers_are_addresses_networks_and_this_computer() -> None:
    peers = Peers.named(["192.168.1.20", "10.1.0.0/16", "fd00::/8"])
    allowed = ["192.168.1.20", "10.1.255.3", "127.0.0.1", "::1", "fd00::7", "::ffff:10.1.2.3", "fd00::7%eth0"]
    refused = ["192.168.1.21", "10.2.0.1", "8.8.8.8", "fe80::1", "::ffff:10.2.0.1", "?"]
    assert [name for name in allowed if not peers.may_ask((name, 1))] == []
    assert [name for name in refused if peers.may_ask((name, 1))] == []
    assert peers.may_ask("/run/w.sock")
    with pytest.raises(InvalidRequest, match="network"):
        Peers.named(["192.168.1.0/33"])


class NoPeers(Peers):
    """As if this computer were another one."""

    def may_ask(self, address: object) -> bool:
        return False


def test_a_stranger_is_hung_up_on() -> None:
    async def answer() -> bytes:
        listener = listen_tcp("127.0.0.1", 0)
        host, _, port = address_of(listener).rpartition(":")
        async with AsyncClient(start=False) as client:
            serving = asyncio.create_task(serve(listener, client, NoPeers()))
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b'{"type": "describe"}\n')
            try:
                return await asyncio.wait_for(reader.read(), 10)
            except ConnectionResetError:
                return b""
            finally:
                writer.close()
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    with FakeDaemon():
        assert asyncio.run(answer()) == b""


def test_it_can_be_found_while_it_serves() -> None:
    zeroconf = pytest.importorskip("zeroconf")
    name = f"fishvoice on {socket.gethostname().partition('.')[0]}._wyoming._tcp.local."
    with (
        zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as browser,
        announce.announced("_wyoming._tcp", 10200, "127.0.0.1"),
    ):
        info = browser.get_service_info("_wyoming._tcp.local.", name, timeout=5000)
        assert info is not None
        assert (info.port, info.parsed_addresses()) == (10200, ["127.0.0.1"])


@pytest.mark.parametrize(
    ("verb", "kind", "peers"),
    [("serve-http", "_http._tcp", ()), ("serve-wyoming", "_wyoming._tcp", ("--allow-peer", "127.0.0.0/8"))],
)
def test_the_command_announces_where_it_listens_and_takes_its_leave(
    fishvoice: Spawn,  # noqa: F811
    verb: str,
    kind: str,
    peers: tuple[str, ...],
) -> None:
    zeroconf = pytest.importorskip("zeroconf")
    name = f"fishvoice on {socket.gethostname().partition('.')[0]}.{kind}.local."
    process = fishvoice(verb, *LAN, *peers)
    assert process.stderr is not None
    while " on " not in (line := process.stderr.readline().decode()):
        assert line, "it ended"
    port = int(re.findall(r":(\d+)", line)[-1])
    with zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as browser:
        info = browser.get_service_info(f"{kind}.local.", name, timeout=5000)
        assert (info.port, info.parsed_addresses()) == (port, ["127.0.0.1"])
    process.terminate()
    assert process.wait(20) == 0
    with zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as browser:
        assert browser.get_service_info(f"{kind}.local.", name, timeout=500) is None
