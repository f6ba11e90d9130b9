"""Folders and addresses, under every environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishvoice import paths
from fishvoice.errors import UnusableFolder


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_one_home_holds_everything(home: Path) -> None:
    assert paths.runtime_dir() == home / "run"
    assert paths.state_dir() == home / "state"
    assert paths.cache_dir() == home / "cache"
    assert paths.data_dir() == home / "data"
    assert paths.config_file() == home / "config.toml"
    assert paths.lock_file() == home / "run" / "daemon.lock"
    where = paths.endpoints()
    assert where.synthesis == f"ipc://{home}/run/synthesis.sock"
    assert where.control == f"ipc://{home}/run/control.sock"
    assert where.published
    assert {mode(each) for each in home.iterdir()} == {0o700}


def test_a_folder_open_to_others_is_closed(home: Path) -> None:
    (home / "run").mkdir(mode=0o755)
    assert mode(paths.runtime_dir()) == 0o700


def test_the_runtime_folder_moves_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISHVOICE_RUNTIME_DIR", str(home / "elsewhere"))
    assert paths.runtime_dir() == home / "elsewhere"
    assert paths.state_dir() == home / "state"
    monkeypatch.setenv("FISHVOICE_RUNTIME_DIR", "/tmp/" + "x" * 100)
    with pytest.raises(UnusableFolder, match="too long"):
        paths.runtime_dir()


def test_long_homes_get_short_sockets_of_their_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for name in ("a", "b"):
        monkeypatch.setenv("FISHVOICE_HOME", str(home / (name * 120)))
        found.append(paths.runtime_dir())
        assert len(os.fsencode(found[-1] / "synthesis.sock")) <= paths.MAX_SOCKET_PATH_BYTES
        assert mode(found[-1]) == mode(found[-1].parent) == 0o700
        assert found[-1].parent.name == f"fishvoice-{os.getuid()}"
    assert found[0] != found[1]
    for each in found:
        each.rmdir()


def test_the_sessions_folder_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FISHVOICE_HOME")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    monkeypatch.setattr("sys.platform", "linux")
    assert paths.runtime_dir() == home / "fishvoice"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "missing"))
    assert paths.runtime_dir() != home / "missing" / "fishvoice"
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setenv("TMPDIR", str(home / "T"))
    assert paths.runtime_dir() == home / "T" / "fishvoice"


def test_windows_has_ports_instead(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert paths.endpoints() == paths.Endpoints("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    assert not paths.endpoints().published


def test_what_is_no_folder_of_ours_is_refused(home: Path) -> None:
    (home / "real").mkdir()
    (home / "run").symlink_to(home / "real")
    with pytest.raises(UnusableFolder, match="not a folder of this user"):
        paths.runtime_dir()
    (home / "state").write_text("a file")
    with pytest.raises(UnusableFolder, match="state"):
        paths.state_dir()


def test_a_damaged_endpoints_file_is_named(runtime: Path) -> None:
    (runtime / "endpoints.json").write_text('{"synthesis": 3}')
    with pytest.raises(UnusableFolder, match=r"endpoints\.json is damaged"):
        paths.endpoints()
