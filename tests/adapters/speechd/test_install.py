"""Installing the module for speech-dispatcher, into folders of a test's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fishvoice.adapters.shared.integration import CannotIntegrate, command
from fishvoice.adapters.speechd.install import SPEECH_DISPATCHER, module_file


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_the_module_is_where_speech_dispatcher_looks_and_runs(user: Path) -> None:
    said = SPEECH_DISPATCHER.install()
    file = user / "libexec" / "speech-dispatcher-modules" / "sd_fishvoice"
    assert file == module_file()
    assert any(str(file) in line for line in said)
    assert os.access(file, os.X_OK)
    assert (user / "share").is_dir()
    assert SPEECH_DISPATCHER.state() == "installed"
    environment = {
        **os.environ,
        "FISHVOICE_HOME": str(user),
        "PYTHONPATH": "client:daemon",
        "FISHVOICE_DAEMON": "false",
    }
    ran = subprocess.run([file], input=b"QUIT\n", capture_output=True, env=environment, timeout=30, check=True)
    assert ran.stdout == b"210 OK QUIT\n"


def test_it_goes_without_a_trace(user: Path) -> None:
    before = SPEECH_DISPATCHER.state()
    SPEECH_DISPATCHER.install()
    SPEECH_DISPATCHER.install()
    assert any("removed" in line for line in SPEECH_DISPATCHER.remove())
    assert not module_file().parent.exists()
    assert SPEECH_DISPATCHER.remove() == ["it was not installed"]
    assert SPEECH_DISPATCHER.state() == before


def test_a_configuration_that_lists_its_modules_is_pointed_out(user: Path) -> None:
    settings = user / "config" / "speech-dispatcher" / "speechd.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text('# AddModule "no" "sd_no"\nAddModule "espeak-ng" "sd_espeak-ng" "espeak-ng.conf"\n')
    assert any('AddModule "fishvoice" "sd_fishvoice" "fishvoice.conf"' in line for line in SPEECH_DISPATCHER.install())
    settings.write_text(settings.read_text() + 'AddModule "fishvoice" "sd_fishvoice"\n')
    assert not any("AddModule" in line for line in SPEECH_DISPATCHER.install())


def test_a_folder_in_the_way_is_said(user: Path) -> None:
    (user / "libexec").write_text("in the way")
    with pytest.raises(CannotIntegrate, match="cannot write"):
        SPEECH_DISPATCHER.install()


def test_a_program_is_started_by_its_whole_path() -> None:
    assert all(Path(part).is_absolute() for part in command("no-such-script", "some.module")[:1])
    assert command("no-such-script", "some.module")[1:] == ["-m", "some.module"]
