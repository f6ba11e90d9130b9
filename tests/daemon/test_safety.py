"""Who may connect, and what must not be in the code at all."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
import zmq

from fishvoice.protocol import Synthesize, encode
from tools.harness.daemon_process import ROOT, Daemon, Wire

NOBODY = 65534


def stranger_is_answered(addresses: list[str]) -> bool:
    """Whether a process of another user gets any answer from one of the sockets."""
    child = os.fork()
    if child == 0:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            context = zmq.Context()
            dealers = [context.socket(zmq.DEALER) for _ in addresses]
            for dealer, address in zip(dealers, addresses, strict=True):
                dealer.connect(address)
                dealer.send_multipart(encode(Synthesize(id="x", text="let me in")))
            os._exit(int(any(dealer.poll(700) for dealer in dealers)))
        except BaseException:  # noqa: BLE001 - a forked child must not come back into the test runner
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1)
    return os.waitstatus_to_exitcode(status) == 1


HARMLESS = re.compile(r"\.eval\(|literal_eval\(|^\s*#")


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_kept_out_by_modes_and_without_them_by_his_credentials(daemon: Daemon, client: Wire) -> None:
    run = daemon.home / "run"
    sockets = [run / "synthesis.sock", run / "control.sock"]
    addresses = [f"ipc://{path}" for path in sockets]
    assert not stranger_is_answered(addresses)
    # A file system without modes, or somebody who meant well:
    for folder in (daemon.home, run):
        folder.chmod(0o755)
    for path in sockets:
        path.chmod(0o666)
    assert not stranger_is_answered(addresses)
    assert client.status()["counters"]["requests"] == client.status()["counters"]["bad_messages"] == 0
    client.until_end(client.speak("one two"))


def test_a_home_that_others_may_enter_is_closed_before_use(daemon: Daemon) -> None:
    assert daemon.home.joinpath("run").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "word",
    ["import pickle", "from pickle", "eval(", " exec(", "shell=True", "marshal", "yaml.load", "allow_pickle=True"],
)
def test_nothing_in_the_product_executes_data(word: str) -> None:
    for path in [*Path(ROOT, "daemon").rglob("*.py"), *Path(ROOT, "client").rglob("*.py")]:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [line for line in lines if word in line and not HARMLESS.search(line)]
        if path.name == "torch_file.py" and word == "import pickle":
            continue  # its Unpickler knows tensors alone: tests/backends/fish/checkpoint shows what it refuses
        assert not found, f"{path}: {found}"


def test_checkpoints_are_loaded_as_data_only() -> None:
    for path in Path(ROOT, "daemon").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "torch.load(" in line:
                assert "weights_only=True" in line, f"{path}: {line}"
