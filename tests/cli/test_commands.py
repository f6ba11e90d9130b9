"""`fishvoice doctor`, `top` and `report`, and the first start's words."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishvoice import paths
from fishvoice.cli import main
from fishvoiced.backends.fish.store.models import ConvertedModel
from fishvoiced.doctor import first_start
from fishvoiced.monitor.records.history import History, HistoryPoint
from fishvoiced.monitor.throttle import Phase
from tools.harness.daemon_process import running


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fvv", dir="/tmp"))
    monkeypatch.setenv("FISHVOICE_HOME", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def install(model: ConvertedModel, home: Path) -> None:
    models = home / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copytree(model.folder, models / model.folder.name)


def test_doctor_measures_the_default_voice_once(
    home: Path, tiny_model: ConvertedModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tiny_model, home)
    monkeypatch.setenv("FISHVOICE_VOICE", "tiny")
    assert main(["doctor", "--json"]) == 0
    first = capsys.readouterr()
    assert "measuring tiny" in first.err
    measured = json.loads(first.out)["measured"]
    assert measured["predicted_rtf"] > 0
    assert {figure["precision"] for figure in measured["figures"]} == {"fp32+fp32"}
    assert main(["doctor", "--json"]) == 0
    again = capsys.readouterr()
    assert "measuring" not in again.err
    assert json.loads(again.out)["measured"] == measured
    assert main(["doctor", "--calibrate"]) == 0
    assert "measuring tiny" in capsys.readouterr().err


def test_doctor_without_any_voice_still_tells_the_rest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    said = capsys.readouterr()
    record = json.loads(said.out)
    if record["measured"] is None:  # else a voice came with the package
        assert "no voice to measure" in said.err
    assert record["facts"]["logical_cores"] >= 1


def test_top_shows_a_running_daemon(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(home):
        assert main(["top", "--once"]) == 0
    shown = capsys.readouterr().out
    assert "tone-model fp32" in shown
    assert "0 waiting, 0 active" in shown


def test_report_draws_what_the_daemon_has_kept(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = home / "report.html"
    assert main(["report", "--out", str(out)]) == 1
    assert "no history yet" in capsys.readouterr().err
    history = History(paths.state_dir() / "heat.bin")
    for minute in range(3):
        history.add(HistoryPoint(60.0 * minute, Phase.WARM, 2, 80.0 + minute, rtf=0.5))
    history.flush()
    assert main(["report", "--out", str(out)]) == 0
    assert "temperature" in out.read_text()
    assert "80 to 82, median 81 °C" in out.read_text()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_first_start_is_told_once_by_the_daemon_and_once_on_the_terminal(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    first_start.greet(log)
    assert log.getvalue().startswith("fishvoice on ")
    assert "More: fishvoice doctor" in log.getvalue()
    first_start.greet(log)
    assert log.getvalue().count("fishvoice on ") == 1
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with running(home):
        for _ in range(2):
            assert main(["say", "one two three", "--out", str(home / "sound.wav")]) == 0
    assert screen.getvalue().count(log.getvalue()) == 1


def test_voices_add_says_what_is_wrong_and_saves_nothing(
    home: Path, tiny_model: ConvertedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = str(Path(__file__).parents[1] / "data" / "slt.wav")

    def complaint(*arguments: str) -> str:
        assert main(["voices", "add", *arguments, "--text", "x"]) == 1
        return capsys.readouterr().err

    assert "no model here can imitate" in complaint("ann", recording)
    assert "'starter' cannot imitate" in complaint("ann", recording, "--model", "starter")
    install(tiny_model, home)
    assert "there is no voice 'nobody'" in complaint("ann", recording, "--model", "nobody")
    assert "cannot be read: No such file" in complaint("ann", str(home / "missing.wav"))
    assert "cannot be read as a sound file" in complaint("ann", __file__)
    assert "cannot be a voice's name" in complaint("../ann", recording)
    voices = home / "data" / "voices"
    assert not voices.exists() or list(voices.iterdir()) == []
    assert main(["voices", "remove", "ann"]) == 1
    assert "there is no voice 'ann'" in capsys.readouterr().err
