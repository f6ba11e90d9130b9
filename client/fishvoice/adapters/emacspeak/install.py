"""Emacs on this computer: a start file for Emacspeak's speech server, and Lisp that selects fishvoice."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from fishvoice.adapters.shared.integration import CannotIntegrate, Integration, command, delete, prune, write

LISP = """\
;;; fishvoice.el --- let Emacs speak with fishvoice  -*- lexical-binding: t; -*-

;; Load this file early in your init file.  Emacspeak speaks through its own server, speechd-el through
;; speech-dispatcher (install that one with: fishvoice integrate speech-dispatcher).

;;; Code:

(setenv "DTK_PROGRAM" "{server}")  ; Emacspeak reads this when it starts

(defvar speechd-voices)
(defun fishvoice-use-for-speechd-el ()
  "Let speechd-el speak with fishvoice."
  (interactive)
  (setq speechd-voices
        ;; A voice of nothing but an output module is ignored (speechd-el 2.11), so it has a gender, too.
        (cons '(nil . ((gender . male) (output-module . "fishvoice")))
              (assq-delete-all nil speechd-voices)))
  (when (fboundp 'speechd-reopen)
    (speechd-reopen)))

(with-eval-after-load 'speechd
  (fishvoice-use-for-speechd-el))

(provide 'fishvoice)
;;; fishvoice.el ends here
"""


def server_file() -> Path:
    """What Emacspeak starts."""
    return _folder() / "fishvoice-emacspeak"


def lisp_file() -> Path:
    return _folder() / "fishvoice.el"


def state() -> str:
    if lisp_file().exists():
        return "installed"
    return "can be installed" if shutil.which("emacs") else "needs Emacs"


def install() -> list[str]:
    """Write both files. The user's own init file has to load the Lisp; it is not edited here."""
    start = command("fishvoice-emacspeak", "fishvoice.adapters.emacspeak")
    write(server_file(), f'#!/bin/sh\nexec {shlex.join(start)} "$@"\n', executable=True)
    write(lisp_file(), LISP.replace("{server}", str(server_file()).replace("\\", "\\\\").replace('"', '\\"')))
    return [
        f"wrote {server_file()} and {lisp_file()}",
        f'put into your Emacs init file, before Emacspeak or speechd-el: (load "{lisp_file()}")',
        f'or start Emacspeak with: DTK_PROGRAM="{server_file()}" emacspeak',
    ]


def remove() -> list[str]:
    """Delete both files."""
    gone = [path for path in (server_file(), lisp_file()) if delete(path)]
    if not gone:
        return ["it was not installed"]
    try:
        _folder().rmdir()
    except OSError as error:
        raise CannotIntegrate(f"{_folder()} holds files of somebody else and stays: {error.strerror}") from error
    prune(_folder().parent)
    return [f"removed {path}" for path in gone] + ["take the line that loads fishvoice.el out of your init file"]


def _folder() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "fishvoice" / "emacs"


EMACS = Integration("emacs", "Emacspeak and speechd-el speak with fishvoice", state, install, remove)
