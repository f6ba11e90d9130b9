"""The editors themselves, without a screen: Neovim, Vim and Node run the plugins, and the command is the real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.client.conftest import ROOT, Spawn, behave, fishvoice, home  # noqa: F401
from tests.client.playback.test_loudspeaker import fake_player
from tests.fakes.daemon import Behaviour, FakeDaemon

EDITORS = ROOT / "client" / "editors"
pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.timeout(90)]

needs_nvim = pytest.mark.skipif(shutil.which("nvim") is None, reason="Neovim is not installed")
needs_vim = pytest.mark.skipif(shutil.which("vim") is None, reason="Vim is not installed")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")

COMMAND = [sys.executable, "-m", "fishvoice"]
TEXT = ["Erste Zeile.", "Größe 🙂 zählt.", "Third line."]


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What a player program hears: the only one there is, and the command ``fishvoice`` beside it."""
    (tmp_path / "sounddevice.py").write_text("raise ImportError")
    fake_player(tmp_path, "paplay")
    command = tmp_path / "fishvoice"
    command.write_text(f'#!/bin/sh\necho $$ >> "{tmp_path}/pids"\nexec "{sys.executable}" -m fishvoice "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    monkeypatch.setenv("FISHVOICE_DAEMON", "false")  # none but the test's own
    yield tmp_path / "heard"
    for pid in pids(tmp_path):
        assert not alive(pid), "a command outlived its editor"


def pids(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pids").read_text().split()] if (folder / "pids").exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run(*command: str, within: float = 40) -> str:
    """The editor's output; it must end by itself."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=within, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_more_signals_do_not_cut_the_silencing_short() -> None:
    """An editor that stops the speech and ends sends SIGTERM twice, and SIGHUP where it held the terminal."""
    script = """
import os, signal, sys
from fishvoice.cli.interrupt import Interrupted, interruptible
with interruptible():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        sys.exit("not interrupted")
    except Interrupted:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        print("the daemon has been told")
"""
    assert run(sys.executable, "-c", script) == "the daemon has been told\n"


# -- the events that all of them read ------------------------------------------------------------------------------


def test_events_tell_pieces_chunks_and_the_end_in_order(heard: Path, fishvoice: Spawn) -> None:  # noqa: F811
    long = "x" * 1990 + "."  # with what comes before more than one piece
    with FakeDaemon(Behaviour(chunks=3, samples=441)):
        process = fishvoice("say", "-", "--events")
        out, errors = process.communicate(f"Größe zählt.\n\n{long}".encode(), timeout=30)
    assert (process.returncode, errors) == (0, b"")
    events = [json.loads(line) for line in out.decode().splitlines()]
    assert [event for event in events if event["event"] != "chunk"] == [
        {"event": "piece", "piece": 0, "text": "Größe zählt."},
        {"event": "piece", "piece": 1, "text": long},
        {"event": "end", "finish_reason": "complete"},
    ]
    chunks = [(event["piece"], event["text_start"], event["text_end"]) for event in events if event["event"] == "chunk"]
    assert chunks == [(piece, index, index + 1) for piece in (0, 1) for index in range(3)]


def test_events_come_when_the_sound_is_heard_and_not_before(heard: Path, fishvoice: Spawn) -> None:  # noqa: F811
    """An hour of sound is made at once; nothing of its second half hour is told."""
    with FakeDaemon(Behaviour(chunks=2, samples=441000, sample_rate=8000)) as daemon:
        process = fishvoice("say", "Hello.", "--events")
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(2)]
        eventually(lambda: daemon.finished)
        process.terminate()
        told += [json.loads(line) for line in process.stdout.read().splitlines()]
        assert process.wait(10) == 130
    assert [event["event"] for event in told] == ["piece", "chunk"]


# -- Neovim --------------------------------------------------------------------------------------------------------

LUA = """
local marks, rows, messages, result = {}, {}, {}, {}
local set = vim.api.nvim_buf_set_extmark
vim.api.nvim_buf_set_extmark = function(buffer, space, row, column, options)
  local text = vim.api.nvim_buf_get_text(buffer, row, column, options.end_row, options.end_col, {})
  table.insert(marks, table.concat(text, '\\n'))
  table.insert(rows, row)
  return set(buffer, space, row, column, options)
end
vim.notify = function(message) table.insert(messages, message) end
vim.cmd('source PLUGIN')
vim.g.fishvoice_command = { 'fishvoice' }
vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.fn.json_decode([==[TEXT]==]))
local function marked()
  return #vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_get_namespaces().fishvoice, 0, -1, {})
end
local function wait(question) result.in_time = vim.wait(20000, question, 5) end
STEPS
result.marks, result.rows, result.messages, result.left = marks, rows, messages, marked()
io.stdout:write(vim.json.encode(result))
vim.cmd('qa!')
"""


def nvim(folder: Path, steps: str, text: list[str] = TEXT) -> dict[str, Any]:
    script = LUA.replace("PLUGIN", str(EDITORS / "nvim/plugin/fishvoice.lua"))
    (folder / "t.lua").write_text(script.replace("TEXT", json.dumps(text)).replace("STEPS", steps))
    out = run("nvim", "--headless", "-u", "NONE", "-i", "NONE", "-c", f"luafile {folder / 't.lua'}", "-c", "cquit")
    found: dict[str, Any] = json.loads(out[out.index("{") :])
    assert found["in_time"], out
    return found


ALL_HEARD = "wait(function() return #marks > 0 and marked() == 0 end)"


@needs_nvim
def test_neovim_speaks_a_selection_and_marks_what_is_heard(heard: Path, tmp_path: Path) -> None:
    steps = (
        "vim.cmd('normal! 2G0vj2l') vim.cmd([[execute \"normal! \\<Esc>\"]]) vim.cmd(\"'<,'>FishvoiceSay\") "
        + ALL_HEARD
    )
    with FakeDaemon(Behaviour(chunks=9, samples=441)) as daemon:
        found = nvim(tmp_path, steps)
        assert [each.text for each in daemon.requests] == ["Größe 🙂 zählt.\nThi"]
    assert found["marks"] == list("Größe 🙂 z")
    assert (found["left"], found["messages"]) == (0, [])
    assert heard.stat().st_size == 9 * 441 * 2


@needs_nvim
def test_neovim_finds_later_pieces_where_they_stand(heard: Path, tmp_path: Path) -> None:
    long = "Da " * 600 + "da."
    with FakeDaemon(Behaviour(chunks=2, samples=441)) as daemon:
        steps = "vim.cmd('%FishvoiceSay') wait(function() return #marks == 6 and marked() == 0 end)"
        found = nvim(tmp_path, steps, [long, "", long, f"  {long}"])
        assert [each.text for each in daemon.requests] == [long, long, long]
    assert found["marks"] == ["D", "a"] * 3
    assert found["rows"] == [0, 0, 2, 2, 3, 3]


@needs_nvim
@pytest.mark.parametrize("how", ["vim.cmd('FishvoiceStop')", "vim.cmd('qa!')"])
def test_neovim_stops_at_once(heard: Path, tmp_path: Path, how: str) -> None:
    """`jobstop`, and the end of the editor: the command ends, and the daemon is told."""
    with GatedDaemon(Behaviour(chunks=9, samples=441), free=2) as daemon:
        steps = f"""
            vim.cmd('%FishvoiceSay') wait(function() return #marks == 2 end)
            result.marks, result.messages, result.left = marks, messages, 0
            {"io.stdout:write(vim.json.encode(result))" if "qa" in how else ""} {how}
        """
        found = nvim(tmp_path, steps)
        eventually(lambda: not any(alive(pid) for pid in pids(tmp_path)))
        daemon.gate.set()  # a stand-in learns only by sending that somebody has vanished without a word
        eventually(lambda: not daemon._jobs)
        assert daemon.chunks_sent <= 3
    assert (found["left"], found["messages"]) == (0, [])


@needs_nvim
def test_neovim_speaks_a_new_text_in_place_of_the_old(heard: Path, tmp_path: Path) -> None:
    with GatedDaemon(Behaviour(chunks=3, samples=441), free=1) as daemon:
        steps = "vim.cmd('1FishvoiceSay') wait(function() return #marks == 1 end) vim.cmd('FishvoiceSay Anew, please.')"
        nvim(tmp_path, steps + " wait(function() return vim.fn.filereadable('NEW') == 1 end)".replace(
            "vim.fn.filereadable('NEW') == 1", f"#vim.fn.readfile('{tmp_path}/pids') == 2"
        ))  # fmt: skip
        eventually(lambda: not daemon._jobs)
    assert daemon.requests[0].text == "Erste Zeile."


@needs_nvim
def test_neovim_hands_over_a_book_without_waiting_for_it(heard: Path, tmp_path: Path) -> None:
    """More than a pipe holds, and nobody reads on: the editor stays free."""
    book = ["A sentence of a long book."] * 20_000
    with GatedDaemon(Behaviour(chunks=3, samples=441), free=1):
        found = nvim(tmp_path, "vim.cmd('%FishvoiceSay') wait(function() return #marks == 1 end)", book)
    assert found["messages"] == []


@needs_nvim
def test_neovim_says_what_is_wrong(heard: Path, tmp_path: Path) -> None:
    steps = "vim.cmd('%FishvoiceSay') wait(function() return #messages > 0 end)"
    assert "the daemon ended on start" in nvim(tmp_path, steps)["messages"][0]
    with GatedDaemon(Behaviour(chunks=9, samples=441), free=2) as daemon:
        dies = (
            f"vim.cmd('%FishvoiceSay') wait(function() return #marks == 2 end) vim.fn.writefile({{}}, '{tmp_path}/die')"
        )
        watcher = _when_there(tmp_path / "die", daemon.die)
        found = nvim(tmp_path, dies + " wait(function() return #messages > 0 end)")
        watcher.join()
    assert "the daemon has gone away" in found["messages"][0]
    assert found["left"] == 0
    nothing = "vim.g.fishvoice_command = { 'no-such-command' } " + steps
    assert "no-such-command is not installed" in nvim(tmp_path, nothing)["messages"][0]
    assert "no text" in nvim(tmp_path, steps, ["", " "])["messages"][0]


def _when_there(path: Path, then: Callable[[], None]) -> Any:
    import threading

    def watch() -> None:
        eventually(path.exists, 60)
        then()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


# -- Vim -----------------------------------------------------------------------------------------------------------

VIM = """
source PLUGIN
call setline(1, json_decode('TEXT'))
function! Marked()
  let found = []
  for number in range(1, line('$'))
    for prop in prop_list(number)
      call add(found, strpart(getline(number), prop.col - 1, prop.length))
    endfor
  endfor
  return found
endfunction
function! Wait(question)
  for _ in range(2000)
    if eval(a:question) | return 1 | endif
    sleep 10m
  endfor
  call writefile(['"not in time"'], 'OUT')
  cquit
endfunction
STEPS
call writefile([json_encode(result)], 'OUT')
qa!
"""


def vim(folder: Path, steps: str, text: list[str] = TEXT) -> Any:
    script = VIM.replace("PLUGIN", str(EDITORS / "vim/plugin/fishvoice.vim"))
    script = script.replace("TEXT", json.dumps(text, ensure_ascii=False)).replace("STEPS", steps)
    (folder / "t.vim").write_text(script.replace("OUT", str(folder / "out.json")))
    run("vim", "-Nes", "-u", "NONE", "-i", "NONE", "--cmd", "set encoding=utf-8", "-S", str(folder / "t.vim"))
    return json.loads((folder / "out.json").read_text())


@needs_vim
def test_vim_speaks_a_selection_marks_it_and_stops(heard: Path, tmp_path: Path) -> None:
    steps = """
        execute "normal! 2G0vj2l\\<Esc>"
        '<,'>FishvoiceSay
        call Wait("Marked() == ['r']")
        let result = [Marked()]
        FishvoiceStop
        call add(result, Marked())
    """
    with GatedDaemon(Behaviour(chunks=9, samples=441), free=2) as daemon:
        assert vim(tmp_path, steps) == [["r"], []]
        assert [each.text for each in daemon.requests] == ["Größe 🙂 zählt.\nThi"]
        eventually(lambda: not any(alive(pid) for pid in pids(tmp_path)))
        eventually(lambda: not daemon._jobs)
        assert daemon.chunks_sent == 2


@needs_vim
def test_vim_speaks_to_the_end(heard: Path, tmp_path: Path) -> None:
    steps = f"""
        FishvoiceSay Something else.
        call Wait("filereadable('{heard}') && getfsize('{heard}') == {9 * 441 * 2}")
        let result = execute('messages')
    """
    with FakeDaemon(Behaviour(chunks=9, samples=441)) as daemon:
        assert "fishvoice" not in vim(tmp_path, steps)
        assert [each.text for each in daemon.requests] == ["Something else."]
        eventually(lambda: not any(alive(pid) for pid in pids(tmp_path)))


@needs_vim
def test_vim_says_what_is_wrong(heard: Path, tmp_path: Path) -> None:
    steps = """
        %FishvoiceSay
        call Wait("execute('messages') =~# 'fishvoice: the daemon ended on start'")
        let g:fishvoice_command = ['no-such-command']
        %FishvoiceSay
        %delete
        %FishvoiceSay
        let result = execute('messages')
    """
    said = vim(tmp_path, steps)
    assert "no-such-command is not installed" in said
    assert "no text to speak" in said


# -- VS Code -------------------------------------------------------------------------------------------------------


@needs_node
def test_vscode(heard: Path, tmp_path: Path) -> None:
    """The extension's own tests, the last of them with the real command and a daemon."""
    with FakeDaemon(Behaviour(chunks=3, samples=441)) as daemon:
        run("node", "--test", str(EDITORS / "vscode"))
        assert [each.text for each in daemon.requests] == ["Spoken by the real command."]
    assert heard.stat().st_size == 3 * 441 * 2


def test_a_folder_that_somebody_downloaded_cannot_name_the_command_that_vs_code_runs() -> None:
    package = json.loads((ROOT / "client/editors/vscode/package.json").read_text())
    properties = package["contributes"]["configuration"]["properties"]
    assert {name: setting["scope"] for name, setting in properties.items()} == dict.fromkeys(properties, "machine")
