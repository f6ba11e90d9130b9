"""``fishvoice config``, durations in settings, and misspelled keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishvoiced import config
from fishvoiced.cli.config import config_command, toml
from fishvoiced.config import Config, ConfigError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    return tmp_path


def test_init_writes_a_file_that_changes_nothing_and_never_overwrites(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert config_command(["init"]) == 0
    file = home / "config.toml"
    assert config.load(file, {}, {}) == Config()
    # With every # taken away it is a whole configuration, and still the defaults.
    bare = "\n".join(
        line.removeprefix("# ") for line in file.read_text().splitlines()[1:] if not line.rstrip().endswith("=")
    )
    file.write_text(bare)
    assert config.load(file, {}, {}) == Config()
    assert config_command(["init"]) == 1
    assert "exists already" in capsys.readouterr().err


def test_show_tells_what_is_in_force(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").write_text('keep_alive = "5m"\n[lifecycle]\ndrain_seconds = "1m30s"\n')
    assert config_command(["show"]) == 0
    shown = capsys.readouterr().out
    assert "keep_alive = 300.0" in shown
    assert "drain_seconds = 90.0" in shown
    assert config_command(["path"]) == 0
    assert capsys.readouterr().out.strip() == str(home / "config.toml")
    assert "[lifecycle]" in toml(Config())


@pytest.mark.parametrize(
    ("text", "says"),
    [("keep_aliv = 5", "did you mean 'keep_alive'"), ('keep_alive = "soon"', "is no duration")],
)
def test_a_mistake_says_what_was_meant(home: Path, text: str, says: str) -> None:
    (home / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        config.load(home / "config.toml", {}, {})
