"""Service files: what is written for each platform, checked by the platform's own tools where they run here."""

from __future__ import annotations

import dataclasses
import os
import plistlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from fishvoice import service
from fishvoice.paths import Endpoints
from fishvoice.service import Command, Facts, ServiceError
from tools.harness.daemon_process import chunks, eventually, running

TASK_SCHEMA = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
NASTY = 'a 100% "nasty" $HOME & <folder>'


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    folder = tmp_path / NASTY
    folder.mkdir()
    return Facts(
        daemon=("/bin/sh", "-m", f"{folder}/x"),
        environment={"FISHVOICE_HOME": str(folder)},
        endpoints=Endpoints(
            "ipc:///run/user/1000/fishvoice/synthesis.sock", "ipc:///run/user/1000/fishvoice/control.sock"
        ),
        folders=(folder, tmp_path),
        log=folder / "daemon.log",
        home=tmp_path / "home",
        units=tmp_path / "units",
        user="PC\\somebody & co",
        uid=1000,
    )


class Terminal:
    """Remembers the commands; fails those that are asked to."""

    def __init__(self, failing: str = "") -> None:
        self.commands: list[Command] = []
        self.failing = failing

    def __call__(self, command: Command) -> int:
        self.commands.append(command)
        return int(bool(self.failing) and self.failing in command)


def written(facts: Facts, platform: str) -> list[Path]:
    wanted = service.service(platform, facts)
    service.install(wanted, Terminal())
    for path in wanted.files:
        text = path.read_text(encoding="utf-16" if platform == "win32" else "utf-8")
        assert not re.search("@[A-Z]+@", text), "something is not filled in"
    return list(wanted.files)


def analyze(facts: Facts, *arguments: str) -> subprocess.CompletedProcess[str]:
    facts.home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(facts.home), "XDG_RUNTIME_DIR": str(facts.home)}
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, env=environment)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's tools")
def test_systemd_finds_no_fault_in_the_units(facts: Facts) -> None:
    unit, socket = written(facts, "linux")
    checked = analyze(facts, "verify", "--user", "--man=no", "--recursive-errors=no", str(unit), str(socket))
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's tools")
def test_systemd_finds_the_service_well_closed(facts: Facts) -> None:
    unit, _ = written(facts, "linux")
    checked = analyze(facts, "security", "--offline=true", "--user", "--threshold=17", str(unit))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_systemds_special_characters_are_quoted(facts: Facts) -> None:
    unit, _ = written(facts, "linux")
    lines = unit.read_text().splitlines()
    folder = str(facts.folders[0])
    quoted = folder.replace('"', '\\"').replace("%", "%%")
    assert f'ExecStart="/bin/sh" "-m" "{quoted.replace("$", "$$")}/x"' in lines
    assert f'Environment="FISHVOICE_HOME={quoted}"' in lines
    assert f'ReadWritePaths="{quoted}" "{facts.folders[1]}"' in lines


def test_the_socket_unit_listens_where_clients_look(facts: Facts) -> None:
    _, socket = written(facts, "linux")
    listening = [line.partition("=")[2] for line in socket.read_text().splitlines() if line.startswith("ListenStream")]
    assert [f"ipc://{path}" for path in listening] == [facts.endpoints.synthesis, facts.endpoints.control]


def test_the_launchd_agent_is_a_property_list_with_the_real_paths(facts: Facts) -> None:
    (path,) = written(facts, "darwin")
    agent = plistlib.loads(path.read_bytes())
    assert path == facts.home / "Library" / "LaunchAgents" / f"{agent['Label']}.plist"
    assert agent["ProgramArguments"] == list(facts.daemon)
    assert agent["EnvironmentVariables"] == dict(facts.environment)
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert (agent["RunAtLoad"], agent["ProcessType"], agent["Umask"]) == (True, "Interactive", 0o077)
    assert agent["StandardErrorPath"] == str(facts.log)


def test_an_empty_environment_is_still_a_property_list(facts: Facts) -> None:
    (path,) = written(dataclasses.replace(facts, environment={}), "darwin")
    assert plistlib.loads(path.read_bytes())["EnvironmentVariables"] == {}


def test_the_windows_task_is_well_formed_and_runs_without_a_window(facts: Facts) -> None:
    daemon = ("C:\\Program Files\\Python\\python.exe", "-m", "fishvoiced")
    (path,) = written(dataclasses.replace(facts, daemon=daemon), "win32")
    assert path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")
    task = ElementTree.fromstring(path.read_bytes())
    found = {element.tag.removeprefix(TASK_SCHEMA): element.text for element in task.iter()}
    assert found["Command"] == "C:\\Program Files\\Python\\pythonw.exe"
    assert found["Arguments"] == subprocess.list2cmdline(["-m", "fishvoiced", "--log-file", str(facts.log)])
    assert found["UserId"] == facts.user
    assert (found["ExecutionTimeLimit"], found["LogonType"]) == ("PT0S", "InteractiveToken")


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_uninstalling_removes_what_installing_wrote(facts: Facts, platform: str) -> None:
    wanted = service.service(platform, facts)
    assert not service.uninstall(wanted, Terminal())
    service.install(wanted, Terminal())
    assert all(path.exists() for path in wanted.files)
    terminal = Terminal(failing="disable")
    assert service.uninstall(wanted, terminal)
    assert not any(path.exists() for path in wanted.files)
    assert terminal.commands == [*wanted.uninstall, *wanted.reload]


def test_a_failing_command_is_named(facts: Facts) -> None:
    with pytest.raises(ServiceError, match="systemctl --user daemon-reload"):
        service.install(service.service("linux", facts), Terminal(failing="daemon-reload"))


def test_other_platforms_get_an_answer(facts: Facts) -> None:
    with pytest.raises(ServiceError, match="sunos"):
        service.service("sunos5", facts)


def test_a_missing_tool_is_named() -> None:
    with pytest.raises(ServiceError, match="no-such-tool"):
        service.run_command(("no-such-tool",))


def test_the_command_installs_shows_and_removes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FISHVOICE_HOME", str(home)), ("XDG_CONFIG_HOME", str(home / "config"))):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FISHVOICE_DAEMON", "/opt/fishvoiced --voice x")
    terminal = Terminal()
    with running(home) as daemon:  # one that a client has started makes room
        assert service.main(["install"], "linux", terminal) == 0
        assert daemon.wait() == 0
    unit = home / "config" / "systemd" / "user" / "fishvoiced.service"
    assert 'ExecStart="/opt/fishvoiced" "--voice" "x"' in unit.read_text()
    assert f'"{home / "state"}"' in unit.read_text()
    assert service.main(["logs", "-n", "7", "--follow"], "linux", terminal) == 0
    assert terminal.commands[-1][-2:] == ("--lines=7", "--follow")
    assert service.main(["status"], "linux", terminal) == 0
    assert service.main(["uninstall"], "linux", terminal) == 0
    assert not unit.exists()


@pytest.mark.skipif(shutil.which("tail") is None, reason="needs tail")
def test_the_log_is_really_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("FISHVOICE_HOME", str(home)), ("FISHVOICE_DAEMON", "fishvoiced")):
        monkeypatch.setenv(name, value)
    log = service.facts().log
    log.write_text("one\ntwo\nthree\n")
    assert service.main(["logs", "-n", "2"], "darwin") == 0
    assert capfd.readouterr().out == "two\nthree\n"


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="needs systemd's tools")
def test_the_installed_socket_paths_start_the_daemon(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses in the unit are those by which a daemon under systemd finds its sockets."""
    monkeypatch.setenv("FISHVOICE_HOME", str(home))
    monkeypatch.setenv("FISHVOICE_DAEMON", "fishvoiced")
    wanted = service.service("linux", service.facts())
    unit = next(content.decode() for path, content in wanted.files.items() if path.suffix == ".socket")
    listen = [f"--listen={line.partition('=')[2]}" for line in unit.splitlines() if line.startswith("ListenStream")]
    passed = [f"--setenv={name}" for name in ("PYTHONPATH", "FISHVOICE_HOME", "TONE_FRAME", "PATH")]
    with running(home, command=("systemd-socket-activate", *listen, *passed), ready=False) as daemon:
        eventually(lambda: (home / "run" / "control.sock").exists())
        with daemon.client() as client:
            assert len(chunks(client.until_end(client.speak("one two")))) == 2
