"""Layers of configuration, and that nothing misspelled passes in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishvoiced.config import Config, ConfigError, Limits, load, merge, parse_setting, reconfigured, unknown_variables


def test_defaults_stand_alone() -> None:
    assert load(None, {}, {}) == Config()


def test_later_layers_win_key_by_key(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('voice = "file"\nkeep_alive = 1\n[limits]\nqueue = 2\nclients = 3\n')
    environment = {"FISHVOICE_VOICE": "environment", "FISHVOICE_LIMITS_QUEUE": "4", "HOME": "/"}
    config = load(file, environment, parse_setting("voice=flag"))
    assert (config.voice, config.keep_alive) == ("flag", 1.0)
    assert config.limits == Limits(queue=4, clients=3)


@pytest.mark.parametrize("format", ["2", "0", "'1'", "true", "[1]", "1e999"])
def test_a_file_of_another_format_is_refused_and_says_what_to_do(tmp_path: Path, format: str) -> None:  # noqa: A002
    file = tmp_path / "config.toml"
    file.write_text(f"format = {format}\nvoice = 'x'\n")
    with pytest.raises(ConfigError, match=r"is of format .*, this fishvoice reads 1.* move the file away"):
        load(file, {}, {})


def test_a_file_of_this_format_or_without_one_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    for head in ("", "format = 1\n"):
        file.write_text(f"{head}voice = 'x'\n")
        assert load(file, {}, {}).voice == "x"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("voise = 'x'", "voise"),
        ("[limits]\nqueu = 1", "queu"),
        ("[limits]\nqueue = 0", "limits.queue"),
        ("[limits]\nqueue = '7'", "limits.queue"),
        ("[log]\nformat = 'xml'", "log.format"),
        ("[engine]\nthreads = -1", "engine.threads"),
        ("limits = 3", "limits"),
        ("voice = ", "config.toml"),
        ("\xff", "config.toml"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=wrong):
        load(file, {}, {})


def test_the_source_of_a_wrong_value_is_named() -> None:
    with pytest.raises(ConfigError, match=r"environment: .*threads"):
        load(None, {"FISHVOICE_ENGINE_THREADS": "many"}, {})
    with pytest.raises(ConfigError, match=r"command line: .*threads"):
        load(None, {}, parse_setting("engine.threads=many"))
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        parse_setting("threads")


def test_only_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml", {}, {}) == Config()
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "none.toml", {}, {}, must_exist=True)


def test_misspelled_variables_are_found() -> None:
    environment = {"FISHVOICE_VOISE": "x", "FISHVOICE_VOICE": "x", "FISHVOICE_HOME": "/", "OTHER": ""}
    assert unknown_variables(environment, frozenset({"FISHVOICE_HOME"})) == ("FISHVOICE_VOISE",)


def test_merging_settings_leaves_their_neighbours() -> None:
    trees = [parse_setting("limits.queue=1"), parse_setting("limits.clients=2"), parse_setting("limits.queue=3")]
    assert merge(trees) == {"limits": {"queue": "3", "clients": "2"}}


def test_a_running_daemon_keeps_what_only_a_start_changes() -> None:
    running, new = Config(voice="a", keep_alive=1), Config(voice="b", keep_alive=2)
    config, waiting = reconfigured(running, new)
    assert (config.voice, config.keep_alive, waiting) == ("a", 2, ("voice",))
