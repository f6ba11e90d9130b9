"""A service in the menus of macOS that runs a command: the two files of an Automator workflow. Pure."""

from __future__ import annotations

import plistlib
import uuid
from typing import Any

_TEXT = "com.apple.cocoa.string"
_RUNNER = "/System/Library/Automator/Run Shell Script.action"


def service(title: str, command: str, *, takes_text: bool) -> dict[str, str]:
    """Names and contents of the files in ``TITLE.workflow/Contents``.

    ``command`` goes to ``/bin/sh`` and gets the selected text, where it takes one, on standard input.
    """
    entry: dict[str, Any] = {"NSMenuItem": {"default": title}, "NSMessage": "runWorkflowAsService"}
    if takes_text:
        entry["NSSendTypes"] = ["NSStringPboardType"]
    kind = "com.apple.Automator.text" if takes_text else "com.apple.Automator.nothing"
    flow = {
        "AMDocumentVersion": "2",
        "actions": [{"action": _action(title, command), "isViewVisible": 1}],
        "connectors": {},
        "workflowMetaData": {
            "workflowTypeIdentifier": "com.apple.Automator.servicesMenu",
            "serviceInputTypeIdentifier": kind,
            "serviceOutputTypeIdentifier": "com.apple.Automator.nothing",
        },
    }
    return {"Info.plist": _plist({"NSServices": [entry]}), "document.wflow": _plist(flow)}


def _action(title: str, command: str) -> dict[str, Any]:
    accepts = {"Container": "List", "Types": [_TEXT]}
    ids = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{title}/{name}")).upper() for name in _IDS}
    parameters = {"COMMAND_STRING": command, "inputMethod": 0, "shell": "/bin/sh", "source": ""}
    return {
        "AMAccepts": accepts | {"Optional": True},
        "AMActionVersion": "2.0.3",
        "AMApplication": ["Automator"],
        "AMProvides": accepts,
        "ActionBundlePath": _RUNNER,
        "ActionName": "Run Shell Script",
        "ActionParameters": parameters | {"CheckedForUserDefaultShell": True},
        "BundleIdentifier": "com.apple.RunShellScript",
        "CFBundleVersion": "2.0.3",
        "Class Name": "RunShellScriptAction",
        **ids,
    }


_IDS = ("InputUUID", "OutputUUID", "UUID")  # a workflow's own; the same every time, so that nothing changes needlessly


def _plist(content: dict[str, Any]) -> str:
    return plistlib.dumps(content).decode()
