"""The package is replaced under a running daemon: it speaks on, and gives way to the new one when it is idle."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from fishvoice.protocol import AudioEnd
from fishvoiced.process.renewal import OwnPackage, Renewal
from fishvoiced.version import __version__
from tools.harness.daemon_process import ROOT, Daemon, chunks, environment, eventually, running

SOURCES = {"fishvoice": ROOT / "client" / "fishvoice", "fishvoiced": ROOT / "daemon" / "fishvoiced"}


def wheel(folder: Path, version: str) -> Path:
    """A wheel of this tree, called ``version``, without its voices."""
    path = folder / f"fishvoice-{version}-py3-none-any.whl"
    info = f"fishvoice-{version}.dist-info"
    files = {
        f"{name}/{file.relative_to(source).as_posix()}": file.read_bytes()
        for name, source in SOURCES.items()
        for file in source.rglob("*.*")
        if file.is_file() and not {"starter", "__pycache__"} & set(file.parts)
    }
    files["fishvoice/version.py"] = f"VERSION = {version!r}\n".encode()
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: fishvoice\nVersion: {version}\n".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},sha256={digest(data)},{len(data)}\n" for name, data in files.items())
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
        packed.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


class Installation:
    """A virtual environment whose other packages are this one's."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
        site = next(folder.glob("lib/*/site-packages"), folder / "Lib" / "site-packages")
        ours = [path for path in sys.path if Path(path).name == "site-packages"]
        (site / "dependencies.pth").write_text("\n".join(ours) + "\n")

    def install(self, package: Path) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet", "--no-index"]
        command += ["--no-deps", "--no-compile", "--disable-pip-version-check", "--force-reinstall", str(package)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no files that are in use")
def test_one_wheel_is_installed_over_another_while_clients_speak(home: Path, tmp_path: Path) -> None:
    installed = Installation(tmp_path / "env")
    installed.install(wheel(tmp_path, "1.0.1"))
    newer = wheel(tmp_path, "1.0.2")
    env = {"PYTHONPATH": str(ROOT)}  # for the speaker of tones; the package is the environment's
    become = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    launcher = (str(installed.python), "-c", become)
    with running(home, env=env, frame=0.005, command=launcher) as daemon:
        with daemon.client() as watcher:
            before = watcher.status()
            assert before["version"] == "1.0.1"
            over = threading.Event()
            heard: list[str] = []
            speakers = [threading.Thread(target=speak_on, args=(daemon, over, heard)) for _ in range(3)]
            for speaker in speakers:
                speaker.start()
            eventually(lambda: len(heard) > 5)
            installed.install(newer)
            after_install = len(heard)
            eventually(lambda: len(heard) > after_install + 10)
            assert watcher.status()["pid"] == before["pid"]
            assert "replaced" in watcher.status()["problem"]
            over.set()
            for speaker in speakers:
                speaker.join()
            assert set(heard) == {"complete, 20 chunks in order"}
        eventually(lambda: daemon.log().count("listens") == 2)
        with daemon.client() as next_client:
            after = next_client.status()
            assert (after["version"], after["pid"]) == ("1.0.2", before["pid"])
            assert after["problem"] is None
            next_client.until_end(next_client.speak("one"))


def speak_on(daemon: Daemon, over: threading.Event, heard: list[str]) -> None:
    with daemon.client() as client:
        while not over.is_set():
            messages = client.until_end(client.speak("word " * 20))
            end, indexes = messages[-1], [chunk.index for chunk in chunks(messages)]
            how = end.finish_reason if isinstance(end, AudioEnd) else str(end)
            heard.append(f"{how}, {len(indexes)} chunks {'in' if indexes == sorted(indexes) else 'out of'} order")


def test_a_daemon_gives_way_to_a_newer_clients_when_it_is_idle(home: Path) -> None:
    with running(home, frame=0.02) as daemon, daemon.client() as client:
        asked = client.speak("word " * 100, credit=1024, client_version="99.0")
        eventually(lambda: "version 99.0" in (client.status()["problem"] or ""))
        assert len(client.until_end(asked)) == 102
        assert daemon.wait() == 0


@pytest.mark.parametrize("version", [None, __version__, "0.0.1", "nonsense", ""])
def test_it_gives_way_to_no_older_client_and_to_no_nonsense(version: str | None, tmp_path: Path) -> None:
    renewal = Renewal(OwnPackage(tmp_path), managed=False)
    renewal.look(version, 0.0)
    assert renewal.problem is None
    assert not renewal.due(100.0, idle=True)


def test_a_daemon_of_a_service_manager_tells_and_stays(tmp_path: Path) -> None:
    renewal = Renewal(OwnPackage(tmp_path), managed=True)
    renewal.look("99.0", 0.0)
    assert "service install" in str(renewal.problem)
    assert not renewal.due(100.0, idle=True)


def test_the_library_tells_its_version(home: Path) -> None:
    program = "from fishvoice import Client; list(Client(start=False).synthesize('one'))"
    with running(home) as daemon:
        newer = home / "newer" / "fishvoice"
        shutil.copytree(SOURCES["fishvoice"], newer)
        (newer / "version.py").write_text("VERSION = '99.1'\n")
        path = os.pathsep.join([str(newer.parent), str(ROOT)])
        subprocess.run([sys.executable, "-c", program], env=environment(home, PYTHONPATH=path), check=True, timeout=60)
        assert daemon.wait() == 0
        assert "version 99.1" in daemon.log()


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


def test_a_daemon_whose_package_was_replaced_speaks_on_and_starts_anew_when_it_is_idle(home: Path) -> None:
    package = home / "site"
    shutil.copytree(ROOT / "daemon" / "fishvoiced", package / "fishvoiced", ignore=shutil.ignore_patterns("starter"))
    path = os.pathsep.join([str(package), str(ROOT / "client"), str(ROOT)])
    with running(home, env={"PYTHONPATH": path}, frame=0.02) as daemon, daemon.client() as client:
        before = client.status()
        version = package / "fishvoiced" / "version.py"
        version.write_text("__version__ = '9.9.9'\n")
        asked = client.speak("word " * 300, credit=1024)
        assert "replaced" in client.status()["problem"]
        assert len(client.until_end(asked)) == 302
        eventually(lambda: daemon.log().count("listens") == 2)
        with daemon.client() as next_client:
            after = next_client.status()
            assert (after["version"], after["pid"]) == ("9.9.9", before["pid"])
            next_client.until_end(next_client.speak("one"))


def test_a_package_in_the_middle_of_being_replaced_is_not_started(home: Path) -> None:
    package = home / "site"
    shutil.copytree(ROOT / "daemon" / "fishvoiced", package / "fishvoiced", ignore=shutil.ignore_patterns("starter"))
    path = os.pathsep.join([str(package), str(ROOT / "client"), str(ROOT)])
    with running(home, env={"PYTHONPATH": path}) as daemon, daemon.client() as client:
        (package / "fishvoiced" / "config.py").write_text("half a fi")
        (package / "fishvoiced" / "version.py").unlink()
        for _ in range(3):
            client.until_end(client.speak("one"))
            time.sleep(1.5)
        assert daemon.process.poll() is None
        assert daemon.log().count("listens") == 1
