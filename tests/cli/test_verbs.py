"""What people type first: version, help, near misses; what the build makes of the parsers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fishvoice
import hatch_build
from fishvoice import cli


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([flag]) == 0
    assert capsys.readouterr().out == f"fishvoice {fishvoice.__version__}\n"


@pytest.mark.parametrize(
    ("verb", "shows"), [(["say"], "--keep-alive"), (["voices", "add"], "--text"), (["ps"], "memory")]
)
def test_help_of_a_verb_is_the_verbs_own(verb: list[str], shows: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["help", *verb])
    assert left.value.code == 0
    assert shows in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("sya", "say"), ("stauts", "status"), ("pull", "models pull"), ("speak", "say"), ("unlod", "unload")],
)
def test_a_near_miss_is_answered_with_what_was_meant(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([typed]) == 2
    assert f"did you mean {meant!r}?" in capsys.readouterr().err


def test_completion_and_man_page_know_every_verb() -> None:
    made = hatch_build.documents()
    for name in cli.VERBS:
        assert f".SS {name}\n" in made["man"]
        for shell in ("bash", "zsh", "fish"):
            assert all(word in made[shell] for word in name.split()), (shell, name)
    for shell in ("bash", "zsh", "fish"):
        assert "keep-alive" in made[shell], "options are completed, too"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_itself_reads_its_completion(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    file = tmp_path / "completion"
    file.write_text(hatch_build.documents()[shell])
    checked = subprocess.run([shell, "-n", str(file)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    if shell != "bash":
        return
    asked = f"source {file}; COMP_WORDS=(fishvoice unl); COMP_CWORD=1; _shtab_fishvoice; echo ${{COMPREPLY[@]}}"
    assert subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True).stdout.split() == [
        "unload"
    ]


BUILD = """
import sys
sys.path.insert(0, sys.argv[1])
import hatch_build
sys.path[:0] = [sys.argv[1] + "/client", sys.argv[1] + "/daemon"]
sys.meta_path.append(hatch_build.StandIn())
print(hatch_build.documents()["man"])
"""
BUILD_PACKAGES = ("hatchling", "msgpack", "msgspec", "packaging", "pathspec", "platformdirs", "pluggy", "shtab", "zmq")


def test_where_the_package_is_built_without_the_daemons_libraries_all_options_are_known_too(tmp_path: Path) -> None:
    root, libraries = Path(hatch_build.__file__).parent, tmp_path / "libraries"
    libraries.mkdir()
    for name in BUILD_PACKAGES:
        found = Path(str(importlib.util.find_spec(name).origin)).parent  # type: ignore[union-attr]
        (libraries / name).symlink_to(found)
        if (found.parent / "pyzmq.libs").exists() and name == "zmq":
            (libraries / "pyzmq.libs").symlink_to(found.parent / "pyzmq.libs")
    built = subprocess.run(
        [sys.executable, "-S", "-c", BUILD, str(root)],
        env={**os.environ, "PYTHONPATH": str(libraries), "FISHVOICE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    pages = {page.splitlines()[0]: page for page in built.stdout.split(".SS ")[1:]}
    assert pages.keys() >= cli.VERBS.keys()
    for page in pages.values():
        assert "usage: fishvoice" in page
    assert "\\-\\-precision" in pages["models pull"]
