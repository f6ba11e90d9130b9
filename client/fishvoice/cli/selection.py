"""What the person has selected or copied, by whichever tool of the desktop is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from fishvoice.errors import FishvoiceError
from fishvoice.protocol import MAX_TEXT_CHARACTERS

PATIENCE_SECONDS = 5.0
Kind: TypeAlias = Literal["selection", "clipboard"]


class NoSelection(FishvoiceError):
    """There is nothing selected or copied, or no tool that tells what."""


class Tool(NamedTuple):
    """``where``: the environment variable without which the tool is of no use."""

    selection: tuple[str, ...] | None
    clipboard: tuple[str, ...]
    where: str | None = None


_POWERSHELL = (
    "powershell",
    "-NoProfile",
    "-Command",
    "[Console]::OutputEncoding=[Text.Encoding]::UTF8; Get-Clipboard -Raw",
)
TOOLS = (
    Tool(("wl-paste", "--primary", "--no-newline"), ("wl-paste", "--no-newline"), "WAYLAND_DISPLAY"),
    Tool(("xclip", "-o", "-selection", "primary"), ("xclip", "-o", "-selection", "clipboard"), "DISPLAY"),
    Tool(("xsel", "--output", "--primary"), ("xsel", "--output", "--clipboard"), "DISPLAY"),
    Tool(None, ("pbpaste",)),
    Tool(None, _POWERSHELL),
)


def read(kind: Kind) -> str:
    """The text. Raises NoSelection."""
    command = tool(kind, os.environ)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoSelection(f"{command[0]} does not tell the {kind}: {error}") from error
    text = done.stdout[: 4 * MAX_TEXT_CHARACTERS].decode("utf-8", errors="replace")
    if not text.strip():
        raise NoSelection("nothing is selected" if kind == "selection" else "the clipboard has no text")
    return text


def tool(kind: Kind, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command to ask. Raises NoSelection."""
    for each in TOOLS:
        command = each.selection if kind == "selection" else each.clipboard
        if command and (each.where is None or environment.get(each.where)) and shutil.which(command[0]):
            return command
    if kind == "selection" and (sys.platform in ("darwin", "win32") or shutil.which("pbpaste")):
        raise NoSelection("this system tells no program what is selected: copy it, and use --clipboard")
    raise NoSelection("no tool tells what is selected: install wl-clipboard (Wayland), or xclip or xsel (X11)")
