"""``ps``, ``load``, ``unload``, ``say --keep-alive``, ``status``, ``uninstall``: as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.harness.daemon_process import ROOT, Daemon, eventually, running

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def fishvoice(home: Path, tmp_path: Path) -> Run:
    """The command, as somebody with an empty home folder runs it."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("FISHVOICE_", "XDG_"))},
        "FISHVOICE_HOME": str(home),
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "client"), str(ROOT / "daemon")]),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fishvoice", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)

    return run


def test_load_ps_and_unload(daemon: Daemon, fishvoice: Run) -> None:
    assert fishvoice("load", "fast", "--keep-alive", "5m").returncode == 0
    (fast,) = [line for line in fishvoice("ps").stdout.splitlines() if line.startswith("fast-model: ")]
    assert fast.endswith(("for 5 min more", "for 4 min 59 s more", "for 4 min 58 s more"))
    assert fishvoice("load", "fast").returncode == 0
    assert "kept for ever" in next(row for row in fishvoice("ps").stdout.splitlines() if row.startswith("fast-model"))
    assert fishvoice("unload", "fast").returncode == 0
    eventually(lambda: "fast-model" not in fishvoice("ps").stdout, within=5)
    assert json.loads(fishvoice("ps", "--json").stdout)[0]["model"] == "tone-model"
    assert fishvoice("ps").stdout.splitlines()[-1].startswith("1 in memory; the daemon takes ")


def test_load_of_what_is_not_there_is_one_line(daemon: Daemon, fishvoice: Run) -> None:
    refused = fishvoice("load", "nobody")
    assert refused.returncode == 1
    assert "nobody" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "is no duration" in fishvoice("load", "fast", "--keep-alive", "soon").stderr


def test_say_decides_how_long_the_model_stays(daemon: Daemon, fishvoice: Run, tmp_path: Path) -> None:
    sound = str(tmp_path / "a.wav")
    said = fishvoice("say", "one", "--voice", "fast", "--keep-alive", "5m", "--out", sound)
    assert said.returncode == 0, said.stderr
    kept = {model["model"]: model["expires_seconds"] for model in json.loads(fishvoice("ps", "--json").stdout)}
    assert 290 < kept["fast-model"] <= 300
    assert fishvoice("say", "one", "--voice", "fast", "--keep-alive", "0", "--out", sound).returncode == 0
    eventually(lambda: "fast-model" not in fishvoice("ps").stdout, within=5)


def test_status_is_six_lines_and_all_has_the_rest(daemon: Daemon, fishvoice: Run) -> None:
    lines = fishvoice("status").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["state", "daemon", "voice", "memory", "work", "heat"]
    everything = fishvoice("status", "--all").stdout.splitlines()
    assert len(everything) > 20
    assert any(line.startswith("queue.waiting") for line in everything)


def test_without_a_daemon_ps_and_unload_say_so(home: Path, fishvoice: Run) -> None:
    for verb in ("ps", "unload", "status"):
        refused = fishvoice(verb)
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1
        assert "Traceback" not in refused.stderr


def test_uninstall_names_everything_first_and_removes_it_when_told(home: Path, fishvoice: Run) -> None:
    for folder in ("cache/models/some", "data/voices/ann", "state"):
        (home / folder).mkdir(parents=True)
    (home / "config.toml").write_text("keep_alive = 5\n")
    (home / "state" / "daemon.log").write_text("something\n")
    with running(home) as daemon:
        named = fishvoice("uninstall")
        assert named.returncode == 0
        assert "would remove the running daemon" in named.stdout
        for what in ("models", "your voices", "settings", "logs"):
            assert f"would remove {what}: {home}" in named.stdout
        assert (home / "cache" / "models" / "some").is_dir()
        kept = fishvoice("uninstall", "--yes", "--keep-voices")
        assert kept.returncode == 0, kept.stderr
        assert daemon.process.wait(20) == 0
    assert (home / "data" / "voices" / "ann").is_dir()
    assert (home / "config.toml").is_file()
    assert not (home / "cache").exists()
    assert fishvoice("uninstall", "--yes").returncode == 0
    assert not (home / "data").exists()
    assert not (home / "config.toml").exists()
    assert "remove" not in fishvoice("uninstall").stdout.partition("nothing was removed")[0]
