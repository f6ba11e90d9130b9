"""``fishvoice integrate`` in a home of its own: what is there, done, and undone without a trace."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fishvoice.adapters import editors, integrate
from fishvoice.adapters.nvda import package as nvda_package
from fishvoice.adapters.shared.integration import CannotIntegrate
from fishvoice.cli import main

NAMES = ["speech-dispatcher", "emacs", "nvim", "vim", "vscode", "nvda", "hotkey"]

CODE = """#!/bin/sh
echo "$@" >> "{folder}/code.log"
case "$1" in
    --list-extensions) cat "{folder}/extensions" 2>/dev/null ;;
    --install-extension) cp "$2" "{folder}/got.vsix" && echo fishvoice.fishvoice > "{folder}/extensions" ;;
    --uninstall-extension) rm "{folder}/extensions" ;;
esac
exit 0
"""


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it, and a PATH with every editor on it that only this test knows."""
    folder = tmp_path / "home"
    folder.mkdir()
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("nvim", "vim", "emacs", "speech-dispatcher"):
        (tools / name).symlink_to("/bin/true")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path / "fishvoice"))
    monkeypatch.setenv("PATH", str(tools))
    return folder


def code(person: Path, text: str = CODE) -> Path:
    """The command of VS Code: remembers what it is told."""
    program = person.parent / "tools" / "code"
    program.write_text(text.format(folder=person.parent).replace("/bin/sh", "/bin/sh\nPATH=/usr/bin:/bin"))
    program.chmod(0o755)
    return program


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["integrate", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def states(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    rows = [line.split("  ", 1) for line in run(capsys, "list")]
    return {name: rest.strip().split("  ")[0] for name, rest in rows}


def test_the_list_names_everything(person: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys) == run(capsys, "list")
    found = states(capsys)
    assert list(found) == NAMES
    assert found["nvim"] == found["vim"] == found["emacs"] == "can be installed"
    assert found["vscode"].startswith("needs VS Code")
    (person.parent / "tools" / "vim").unlink()
    assert states(capsys)["vim"] == "needs Vim"


@pytest.mark.parametrize("name", ["speech-dispatcher", "emacs", "nvim", "vim"])
def test_done_and_undone_without_a_trace(person: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    theirs = person / ".vim" / "pack" / "other" / "start" / "theirs.vim"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("\n")
    before = files(person)
    assert any(line.startswith("wrote ") for line in run(capsys, name))
    first = files(person)
    assert first > before
    assert states(capsys)[name] == "installed"
    run(capsys, name)  # once more does no harm
    assert files(person) == first
    assert any(line.startswith("removed ") for line in run(capsys, "--remove", name))
    assert files(person) == before
    ours = {"fishvoice", "speech-dispatcher-modules"}
    assert not [folder for folder in person.rglob("*") if folder.name in ours]
    assert states(capsys)[name] == "can be installed"
    assert run(capsys, name, "--remove") == ["it was not installed"]  # in either order


def test_the_plugins_are_ours_and_where_the_editors_look(person: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "nvim")
    run(capsys, "vim")
    lua = person / ".local/share/nvim/site/plugin/fishvoice.lua"
    assert "FishvoiceSay" in lua.read_text()
    assert "FishvoiceSay" in (person / ".vim/pack/fishvoice/start/fishvoice/plugin/fishvoice.vim").read_text()
    run(capsys, "--remove", "vim")
    assert not (person / ".vim/pack/fishvoice").exists()
    assert (person / ".vim/pack").exists()


def test_a_folder_that_others_use_stays(person: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "vim")
    mine = editors.vim_file().parent / "mine.vim"
    mine.write_text("")
    run(capsys, "--remove", "vim")
    assert mine.exists()


def test_vscode_is_asked_to_install_a_whole_extension(person: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code(person)
    assert states(capsys)["vscode"] == "can be installed"
    run(capsys, "vscode")
    assert states(capsys)["vscode"] == "installed"
    with zipfile.ZipFile(person.parent / "got.vsix") as packed:
        assert packed.testzip() is None
        manifest = ElementTree.fromstring(packed.read("extension.vsixmanifest"))
        ElementTree.fromstring(packed.read("[Content_Types].xml"))
        assert {"extension/package.json", "extension/extension.js"} <= set(packed.namelist())
    identity = manifest.find(".//{*}Identity")
    assert identity is not None
    assert f"{identity.get('Publisher')}.{identity.get('Id')}" == editors.EXTENSION
    run(capsys, "--remove", "vscode")
    assert states(capsys)["vscode"] == "can be installed"
    assert run(capsys, "--remove", "vscode") == ["it was not installed"]


def test_the_extension_keeps_vscodes_rules() -> None:
    """Those of vsce, the tool that packs extensions, as far as they concern this one."""
    with zipfile.ZipFile(io.BytesIO(editors.vsix())) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    package = json.loads(files["extension/package.json"])
    script = files["extension/" + package["main"].removeprefix("./")].decode()
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", package[key]) for key in ("name", "publisher"))
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
    assert re.fullmatch(r"\^\d+\.\d+\.\d+", package["engines"]["vscode"])
    assert tuple(map(int, package["engines"]["vscode"][1:].split("."))) >= (1, 74, 0), "activation by its commands"
    commands = {command["command"] for command in package["contributes"]["commands"]}
    assert commands == set(re.findall(r"registerCommand\('([\w.]+)'", script))
    menus = {item["command"] for menu in package["contributes"]["menus"].values() for item in menu}
    assert menus <= commands
    settings = set(package["contributes"]["configuration"]["properties"])
    assert settings == {f"fishvoice.{name}" for name in re.findall(r"settings\.get\('(\w+)'\)", script)}
    typed = {each.get("Extension") for each in ElementTree.fromstring(files["[Content_Types].xml"])}
    assert {name.rpartition(".")[2] for name in files} - {"xml"} <= typed
    assert "extension/README.md" in files
    assert not any(name.endswith(".test.js") for name in files)


def test_a_broken_vscode_is_one_line_and_the_list_is_whole(person: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code(person, "#!/bin/sh\necho it is broken >&2; exit 3\n")
    found = states(capsys)
    assert "failed: it is broken" in found["vscode"]
    assert list(found) == NAMES
    assert main(["integrate", "vscode"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_nvda_is_built_and_removed(
    person: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(wheels: Path) -> None:
        for library in nvda_package.LIBRARIES:
            with zipfile.ZipFile(wheels / f"{library}-1-py3-none-any.whl", "w") as file:
                file.writestr(f"{library}.py", "")

    monkeypatch.setattr(nvda_package, "fetch", fetch)
    said = run(capsys, "nvda")
    assert "untested on Windows" in " ".join(said)
    built = Path(said[0].removeprefix("wrote "))
    assert zipfile.is_zipfile(built)
    assert states(capsys)["nvda"] == "built"
    run(capsys, "--remove", "nvda")
    assert not built.exists()
    assert run(capsys, "--remove", "nvda")[0] == "it was not built"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["emmacs"], "there is no integration 'emmacs'; there are speech-dispatcher"),
        (["--remove", "list"], "there is no integration 'list'"),
        (["--remove"], "--remove what?"),
        (["vscode"], "there is no command code on PATH"),
    ],
)
def test_a_mistake_is_one_line(
    person: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["integrate", *arguments]) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_what_cannot_be_written_is_one_line(person: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (person / ".vim").write_text("a file in the way")
    assert main(["integrate", "vim"]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_an_installation_without_its_plugins_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from fishvoice.adapters.shared import plugin_files

    with pytest.raises(CannotIntegrate, match="has no nowhere"):
        plugin_files.folder("nowhere")
    assert [each.name for each in integrate.INTEGRATIONS] == NAMES
