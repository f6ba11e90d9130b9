"""The command ``fishvoice``: finds the verb, and turns every expected error into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import NamedTuple

from fishvoice.errors import FishvoiceError

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Verb(NamedTuple):
    """``function(argv) -> exit code`` in ``module``, imported when the verb is used."""

    module: str
    function: str
    summary: str
    extra: str | None = None  # what to install when the module's own imports fail


VERBS = {
    "say": Verb("fishvoice.cli.say", "main", "speak text, aloud or into a file"),
    "read": Verb("fishvoice.cli.read", "main", "speak a book into files, with chapters", "books"),
    "stop": Verb("fishvoice.cli.control", "stop", "stop what is being spoken"),
    "status": Verb("fishvoice.cli.status", "status", "how the daemon is"),
    "voices": Verb("fishvoice.cli.control", "voices", "which voices there are"),
    "voices add": Verb("fishvoiced.cli.voices", "add", "make a voice from a recording", "daemon"),
    "voices remove": Verb("fishvoiced.cli.voices", "remove", "delete such a voice", "daemon"),
    "ps": Verb("fishvoice.cli.loaded", "ps", "which models are in memory, and until when"),
    "load": Verb("fishvoice.cli.loaded", "load", "load a voice into memory"),
    "unload": Verb("fishvoice.cli.loaded", "unload", "free a voice's memory"),
    "pronounce": Verb("fishvoiced.cli.pronounce", "main", "how a text is read, without speaking it", "daemon"),
    "words add": Verb("fishvoiced.cli.words", "add", "decide how a word is said", "daemon"),
    "words list": Verb("fishvoiced.cli.words", "list_words", "the words decided on", "daemon"),
    "words remove": Verb("fishvoiced.cli.words", "remove", "forget one of them", "daemon"),
    "shutdown": Verb("fishvoice.cli.control", "shutdown", "end the daemon"),
    "serve-http": Verb("fishvoice.adapters.openai_http.serve", "main", "serve OpenAI's speech endpoint", "http"),
    "serve-wyoming": Verb("fishvoice.adapters.wyoming.serve", "main", "serve Wyoming to home automation", "wyoming"),
    "mcp": Verb("fishvoice.adapters.mcp.serve", "main", "a voice for assistants (Model Context Protocol)", "mcp"),
    "integrate": Verb("fishvoice.adapters.integrate", "main", "let other programs speak with fishvoice"),
    "service": Verb("fishvoice.service", "main", "run the daemon as a service of this user"),
    "uninstall": Verb("fishvoice.cli.uninstall", "main", "name and remove what fishvoice has put on this machine"),
    "models": Verb(
        "fishvoiced.cli.models.command",
        "models_command",
        "list, show, pull, import, remove, verify large models",
        "daemon",
    ),
    "config": Verb("fishvoiced.cli.config", "config_command", "the settings: show, path, init", "daemon"),
    "doctor": Verb("fishvoiced.cli.doctor", "doctor", "what this machine is, can do, and how fast it speaks", "daemon"),
    "top": Verb("fishvoiced.cli.top", "top", "the daemon's heat, speed and queue, live", "daemon"),
    "report": Verb(
        "fishvoiced.cli.report", "report", "the last hour's heat and speed as a page or a picture", "daemon"
    ),
    "classify": Verb("fishvoiced.cli.classify", "classify_command", "the tier of a CPU given by hand", "daemon"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``argv``. Exit codes: 0; 1 for an error; 2 for wrong usage; 130 when interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else "--help"
    if name == "help" and len(arguments) > 1:
        return main([*arguments[1:], "--help"])
    if name in {"-h", "--help", "help"}:
        print(_usage())
        return 0 if arguments else EXIT_USAGE
    if name in {"-V", "--version"}:
        import fishvoice

        print(f"fishvoice {fishvoice.__version__}")
        return 0
    if " ".join(arguments[:2]) in VERBS:
        name = " ".join(arguments[:2])
    verb = VERBS.get(name)
    if verb is None:
        complain(f"there is no command {name!r}; {suggestion(name, VERBS) or 'see: fishvoice help'}")
        return EXIT_USAGE
    try:
        code: int = getattr(import_module(verb.module), verb.function)(arguments[len(name.split()) :])
        sys.stdout.flush()
        if name == "say" and sys.stderr.isatty():
            _greet()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except ModuleNotFoundError as error:
        if verb.extra is None:
            raise
        complain(f"{name} needs {error.name}: pip install 'fishvoice[{verb.extra}]'")
        return EXIT_ERROR
    except FishvoiceError as error:
        complain(str(error))
        return EXIT_ERROR
    return code


OTHER_NAMES = {"speak": "say", "list": "models list", "pull": "models pull", "rm": "models remove", "quit": "shutdown"}
"""Verbs that people know from elsewhere."""


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """``did you mean …?``, if anything is near."""
    import difflib

    near = OTHER_NAMES.get(name) or next(iter(difflib.get_close_matches(name, list(known), 1)), None)
    return f"did you mean {near!r}?" if near else None


def complain(message: str) -> None:
    """One error, for the person."""
    print(f"fishvoice: {message}", file=sys.stderr)


def _greet() -> None:
    """Show once what the daemon has found out about this machine; after the speech, which nothing may hold up."""
    from fishvoice import paths

    words = paths.first_words()
    shown = words.with_suffix(".shown")
    if words.exists() and not shown.exists():
        print(words.read_text(encoding="utf-8"), end="", file=sys.stderr)
        shown.touch()


def _usage() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:{width}}  {verb.summary}" for name, verb in VERBS.items())
    return f"usage: fishvoice COMMAND …\n\n{verbs}\n\nfishvoice COMMAND --help tells more."
