"""The command ``fishvoice`` as a process, a daemon stand-in as another."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from fishvoice import cli
from tests.client.conftest import Spawn, told
from tests.client.playback.test_loudspeaker import fake_player
from tests.client.test_client import until

Behave = Callable[..., Path]
pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.timeout(90)]
CHUNK = 441 * 2


def run(process: subprocess.Popen[bytes], stdin: bytes = b"") -> tuple[int, bytes, str]:
    out, errors = process.communicate(stdin, timeout=60)
    return process.returncode, out, errors.decode()


def test_say_writes_a_wav(behave: Behave, fishvoice: Spawn, tmp_path: Path) -> None:
    behave(chunks=10, sample_rate=22050)
    code, out, errors = run(fishvoice("say", "Hello", "there.", "--out", str(tmp_path / "a.wav"), "--seed", "1"))
    assert (code, out, errors) == (0, b"", "")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (22050, 4410)


def test_say_streams_raw_sound(behave: Behave, fishvoice: Spawn) -> None:
    behave(chunks=3)
    code, out, errors = run(fishvoice("say", "Hello.", "--out", "-", "--json"))
    assert (code, len(out)) == (0, 3 * CHUNK)
    told = json.loads(errors)
    assert told["finish_reason"] == "complete"
    assert told["audio_seconds"] == pytest.approx(0.03)
    assert told["metrics"]["frames"] == 3
    assert told["sample_rate"] == 44100


def test_say_plays(behave: Behave, fishvoice: Spawn, tmp_path: Path) -> None:
    behave(chunks=3)
    fake_player(tmp_path, "aplay")
    code, out, errors = run(fishvoice("say", "Hello.", "--json", env=_environment(tmp_path)))
    assert (code, errors) == (0, "")
    assert json.loads(out)["voice"] == "starter"
    assert (tmp_path / "heard").stat().st_size == 3 * CHUNK


def test_say_reads_a_file(behave: Behave, fishvoice: Spawn, tmp_path: Path) -> None:
    log = behave()
    (tmp_path / "text").write_text("Ein Satz. Noch einer.\n" * 6000, encoding="utf-8-sig")
    code, out, _ = run(fishvoice("say", "-f", str(tmp_path / "text"), "-o", "-"))
    assert (code, len(out)) == (0, 2 * 4 * CHUNK)
    assert told(log).count("Synthesize") == 2, "132 000 characters are two requests"


def test_a_stand_in_voice_is_announced(behave: Behave, fishvoice: Spawn) -> None:
    behave(notice="a stand-in voice speaks: no model is installed")
    code, _, errors = run(fishvoice("say", "Hello.", "-o", "-"))
    assert (code, errors) == (0, "fishvoice: a stand-in voice speaks: no model is installed\n")


def test_a_request_that_waits_is_told_once(behave: Behave, fishvoice: Spawn) -> None:
    behave(waits=3, delay=0.05)
    code, _, errors = run(fishvoice("say", "Hello.", "-o", "-"))
    assert (code, errors) == (0, "fishvoice: waiting for the machine to cool, about 12 s, at most 180 s\n")


def test_say_speaks_while_text_still_arrives(behave: Behave, fishvoice: Spawn) -> None:
    behave(chunks=2)
    process = fishvoice("say", "-", "--out", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("Straße eins. Unfin".encode())
    process.stdin.flush()
    assert len(process.stdout.read(2 * CHUNK)) == 2 * CHUNK
    process.stdin.write(b"ished\n")
    process.stdin.flush()
    assert len(process.stdout.read(2 * CHUNK)) == 2 * CHUNK, "a line is spoken after a pause"
    code, rest, errors = run(process, b"The end")
    assert (code, len(rest), errors) == (0, 2 * CHUNK, "")


def test_one_request_is_kept_ahead(behave: Behave, fishvoice: Spawn) -> None:
    """The second request is made while the first is still being read, the third is not."""
    log = behave(chunks=100, delay=0.02)
    process = fishvoice("say", "-", "-o", "-")
    assert process.stdin is not None
    for sentence in (b"One.\n", b"Two.\n", b"Three.\n"):
        process.stdin.write(sentence)
        process.stdin.flush()
        if sentence != b"Three.\n":
            until(lambda count=sentence: told(log).count("Synthesize") == (1 if count == b"One.\n" else 2), 20)
    assert process.stdout is not None
    assert len(process.stdout.read(40 * CHUNK)) == 40 * CHUNK
    assert told(log).count("Synthesize") == 2
    process.send_signal(signal.SIGINT)
    process.wait(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("where", ["aloud", "file"])
def test_signals_stop_at_once(behave: Behave, fishvoice: Spawn, tmp_path: Path, number: int, where: str) -> None:
    log = behave(chunks=100_000, delay=0.01)
    fake_player(tmp_path, "aplay")
    out = tmp_path / "a.wav"
    arguments = ["--out", str(out)] if where == "file" else []
    process = fishvoice("say", "Long.", *arguments, env=_environment(tmp_path))
    heard = out if where == "file" else tmp_path / "heard"
    until(lambda: heard.exists() and heard.stat().st_size > 3 * CHUNK, 20)
    process.send_signal(number)
    code, _, errors = run(process)
    assert (code, errors) == (130, "")
    until(lambda: "Cancel" in told(log))
    if where == "file":
        with wave.open(str(out)) as file:
            assert file.getnframes() * 2 == out.stat().st_size - 44 > 0


def test_a_killed_client_is_noticed_by_the_daemon(behave: Behave, fishvoice: Spawn, tmp_path: Path) -> None:
    log = behave(chunks=100_000, delay=0.01)
    out = tmp_path / "a.wav"
    process = fishvoice("say", "Long.", "-o", str(out))
    until(lambda: out.exists() and out.stat().st_size > 3 * CHUNK, 20)
    process.kill()
    until(lambda: "vanished" in told(log))
    with wave.open(str(out)) as file:
        assert file.getnframes() * 2 >= out.stat().st_size - 44 - CHUNK


def test_a_closed_pipe_stops_at_once(behave: Behave, fishvoice: Spawn) -> None:
    log = behave(chunks=100_000, delay=0.01)
    process = fishvoice("say", "Long.", "--out", "-")
    assert process.stdout is not None
    process.stdout.read(CHUNK)
    process.stdout.close()
    assert process.wait(10) == 130
    assert process.stderr is not None
    assert process.stderr.read() == b""
    until(lambda: "Cancel" in told(log))


def test_a_reader_that_leaves_stops_speech_that_is_played(behave: Behave, fishvoice: Spawn, tmp_path: Path) -> None:
    """Nothing is ever written to the pipe here; an editor that has gone is noticed all the same."""
    log = behave(silent=True)
    fake_player(tmp_path, "aplay")
    process = fishvoice("say", "Never.", env=_environment(tmp_path))
    until(lambda: "Synthesize" in told(log), 20)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(10) == 130
    until(lambda: "Cancel" in told(log))


def test_stop_from_elsewhere(behave: Behave, fishvoice: Spawn, tmp_path: Path) -> None:
    behave(chunks=100_000, delay=0.01)
    out = tmp_path / "a.wav"
    process = fishvoice("say", "Long.", "-o", str(out))
    until(lambda: out.exists() and out.stat().st_size > 3 * CHUNK, 20)
    assert run(fishvoice("stop"))[::2] == (0, "stopped 1\n")
    assert run(process)[::2] == (130, "")
    assert run(fishvoice("stop"))[::2] == (0, "nothing was being spoken\n")


def test_a_daemon_that_dies_is_one_line(behave: Behave, fishvoice: Spawn) -> None:
    behave(chunks=10, dies_after=3)
    code, out, errors = run(fishvoice("say", "Hello.", "-o", "-"))
    assert code == 1
    assert len(out) <= 3 * CHUNK
    assert errors.startswith("fishvoice: the daemon has gone away")
    assert errors.count("\n") == 1


def test_a_refusal_is_one_line(behave: Behave, fishvoice: Spawn, tmp_path: Path) -> None:
    behave(error="unknown_voice")
    code, _, errors = run(fishvoice("say", "Hello.", "--voice", "nobody", "-o", str(tmp_path / "a.wav")))
    assert (code, errors) == (1, "fishvoice: it cannot be done: say something else\n")
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "stdin", "complaint"),
    [
        (["say", "", "-o", "-"], b"", "there is no text to speak"),
        (["say", "-", "-o", "-"], b" \n", "there is no text to speak"),
        (["say", "-", "-o", "-"], b"ab\xff\xfe.", "standard input is not UTF-8 text"),
        (["say", b"ab\xff", "-o", "-"], b"", "the text is not UTF-8"),
        (["say", "-f", "/nonexistent", "-o", "-"], b"", "cannot read /nonexistent: No such file"),
        (["say", "x", "--reference", "/nonexistent", "-o", "-"], b"", "cannot read the reference recording"),
        (["say", "x", "-o", "/nonexistent/a.wav"], b"", "cannot write /nonexistent/a.wav"),
        (["say", "x", "--no-start", "-o", "-"], b"", "no daemon answers"),
        (["status"], b"", "no daemon answers"),
        (["shutdown"], b"", "no daemon answers"),
    ],
)
def test_bad_input_is_one_clear_line(
    behave: Behave, fishvoice: Spawn, arguments: list[str], stdin: bytes, complaint: str
) -> None:
    behave()
    code, out, errors = run(fishvoice(*arguments), stdin)
    assert (code, out) == (1, b"")
    assert errors.startswith("fishvoice: ")
    assert complaint in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["say"], ["say", "x", "-f", "y"], ["say", "x", "--seed", "y"], ["stop", "a", "b"]]
)
def test_wrong_usage(fishvoice: Spawn, arguments: list[str]) -> None:
    code, out, errors = run(fishvoice(*arguments))
    assert code == 2
    assert b"usage: fishvoice" in out + errors.encode() or "see: fishvoice help" in errors


def test_status_and_voices(behave: Behave, fishvoice: Spawn) -> None:
    behave()
    code, table, errors = run(fishvoice("voices"))
    heading, row = table.decode().splitlines()
    assert (code, errors) == (0, "")
    assert heading.split()[:3] == ["voice", "kind", "language"]
    assert row.split()[:4] == ["*", "starter", "-", "en"]
    assert json.loads(run(fishvoice("voices", "--json"))[1])[0]["default"] is True
    assert json.loads(run(fishvoice("status", "--json"))[1])["queue"] == {"waiting": 0}
    assert b"queue.waiting  0\n" in run(fishvoice("status", "--all"))[1]
    assert b"0 speaking, 0 waiting\n" in run(fishvoice("status"))[1]
    assert run(fishvoice("shutdown", "--drain"))[0] == 0


def test_a_terminal_sees_progress(behave: Behave, fishvoice: Spawn) -> None:
    behave(chunks=20, delay=0.005)
    primary, secondary = pty.openpty()
    process = fishvoice("say", "Hello.", "-o", "-", stderr=secondary)
    os.close(secondary)
    assert process.stdout is not None
    assert len(process.stdout.read()) == 20 * CHUNK
    assert process.wait(10) == 0
    seen = b""
    while b"RTF" not in seen or not seen.endswith(b"\x1b[K"):
        seen += os.read(primary, 4096)
    os.close(primary)
    assert b"first sound after" in seen
    assert b"0.2 s spoken" in seen


def test_every_verb_can_be_imported() -> None:
    """A verb in the table is a promise."""
    import importlib

    for verb in cli.VERBS.values():
        assert callable(getattr(importlib.import_module(verb.module), verb.function))


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.startswith("fishvoiced")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert cli.main(["models", "list"]) == 1
    assert "pip install 'fishvoice[daemon]'" in capsys.readouterr().err


def _environment(players: Path) -> dict[str, str]:
    """Only these players, and no sounddevice."""
    (players / "sounddevice.py").write_text("raise ImportError")
    path = os.pathsep.join([str(players), os.environ["PYTHONPATH"]])
    return {**os.environ, "PATH": str(players), "PYTHONPATH": path}
