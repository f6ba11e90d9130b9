"""Neovim, Vim and VS Code on this computer: putting each plugin where its editor loads it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from fishvoice.adapters.shared.integration import CannotIntegrate, Integration, delete, write
from fishvoice.adapters.shared.plugin_files import folder

EXTENSION = "fishvoice.fishvoice"  # publisher and name, as VS Code calls it
CODE_SECONDS = 120.0
USE = "speak with :FishvoiceSay (a line, a range, a selection), :FishvoiceStop is silence"


def neovim_file() -> Path:
    """Loaded at every start of Neovim, without any line in the user's own configuration."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "nvim" / "site" / "plugin" / "fishvoice.lua"


def vim_file() -> Path:
    """A package of Vim's own kind, loaded at every start."""
    vim = Path.home() / ("vimfiles" if os.name == "nt" else ".vim")
    return vim / "pack" / "fishvoice" / "start" / "fishvoice" / "plugin" / "fishvoice.vim"


def vsix() -> bytes:
    """The extension in the form that ``code --install-extension`` takes: a zip in Open Packaging Conventions."""
    source = folder("editors/vscode")
    package = json.loads((source / "package.json").read_text(encoding="utf-8"))
    manifest = f"""<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="{package["name"]}" Version="{package["version"]}"
     Publisher="{package["publisher"]}"/>
    <DisplayName>{package["displayName"]}</DisplayName>
    <Description>{package["description"]}</Description>
    <Properties><Property Id="Microsoft.VisualStudio.Code.Engine" Value="{package["engines"]["vscode"]}"/></Properties>
  </Metadata>
  <Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
  <Dependencies/>
  <Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/></Assets>
</PackageManifest>
"""
    types = """<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension="json" ContentType="application/json"/>
  <Default Extension="js" ContentType="application/javascript"/>
  <Default Extension="md" ContentType="text/markdown"/>
  <Default Extension="vsixmanifest" ContentType="text/xml"/>
</Types>
"""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", types)
        file.writestr("extension.vsixmanifest", manifest)
        for name in ("package.json", "extension.js", "README.md"):
            file.writestr(f"extension/{name}", (source / name).read_bytes())
    return packed.getvalue()


def _plugin(source: str, target: Callable[[], Path], program: str, title: str) -> Integration:
    """An editor whose plugin is one file in a place of its own. ``source`` is below ``client/editors``."""

    def state() -> str:
        if target().exists():
            return "installed"
        return "can be installed" if shutil.which(program) else f"needs {title}"

    def install() -> list[str]:
        parent, _, name = source.rpartition("/")
        write(target(), (folder(f"editors/{parent}") / name).read_text(encoding="utf-8"))
        return [f"wrote {target()}", USE]

    def remove() -> list[str]:
        if not delete(target()):
            return ["it was not installed"]
        _prune(target().parent)
        return [f"removed {target()}"]

    return Integration(program, f"{title} speaks, and marks the words as they are heard", state, install, remove)


def _prune(path: Path) -> None:
    """Remove the folders of ours that are empty now: those named after us, and what they hold."""
    while "fishvoice" in path.parts and not any(path.iterdir()):
        path.rmdir()
        path = path.parent


def _code_state() -> str:
    if shutil.which("code") is None:
        return "needs VS Code, with its command code on PATH"
    return "installed" if EXTENSION in _code("--list-extensions").split() else "can be installed"


def _code_install() -> list[str]:
    with tempfile.TemporaryDirectory() as place:
        packed = Path(place) / "fishvoice.vsix"
        packed.write_bytes(vsix())
        _code("--install-extension", str(packed), "--force")
    return [f"installed the extension {EXTENSION}", "in the command palette: fishvoice: Speak Selection, Stop Speaking"]


def _code_remove() -> list[str]:
    if _code_state() != "installed":
        return ["it was not installed"]
    _code("--uninstall-extension", EXTENSION)
    return [f"removed the extension {EXTENSION}"]


def _code(*arguments: str) -> str:
    """What ``code`` says. Raises CannotIntegrate."""
    program = shutil.which("code")
    if program is None:
        raise CannotIntegrate("there is no command code on PATH: VS Code's palette has 'Install code command in PATH'")
    try:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            timeout=CODE_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotIntegrate(f"{program} does not do its work: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise CannotIntegrate(f"{program} {arguments[0]} failed: {said or done.returncode}")
    return done.stdout


NEOVIM = _plugin("nvim/plugin/fishvoice.lua", neovim_file, "nvim", "Neovim")
VIM = _plugin("vim/plugin/fishvoice.vim", vim_file, "vim", "Vim")
VSCODE = Integration("vscode", "VS Code speaks the selection", _code_state, _code_install, _code_remove)
