"""speech-dispatcher's own Python client, with every event it tells and when."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from tools.harness.desktop import Desktop, eventually

DEBIAN = "/usr/lib/python3/dist-packages/speechd"  # where python3-speechd lives, outside of any virtual environment


@dataclass
class Listener:
    """Collects the events of one message."""

    events: list[tuple[str, str | None, float]] = field(default_factory=list)

    def __call__(self, event: str, index_mark: str | None = None) -> None:
        self.events.append((event, index_mark, time.monotonic()))

    @property
    def kinds(self) -> list[str]:
        return [event for event, _, _ in self.events]

    def at(self, kind: str) -> float:
        return next(at for event, _, at in self.events if event == kind)

    def wait(self, *kinds: str, within: float = 20.0) -> None:
        """Until one of ``kinds`` has come."""
        eventually(lambda: set(kinds) & set(self.kinds), within)


@dataclass
class Client:
    """A connection that speaks through fishvoice."""

    ssip: Any

    def speak(self, text: str) -> Listener:
        listener = Listener()
        self.ssip.speak(text, callback=listener)
        return listener

    def say(self, text: str) -> None:
        """Speak ``text`` to its end."""
        listener = self.speak(text)
        listener.wait("end")


def _library() -> Any:
    """The package ``speechd``, by its place: other things have that name, too."""
    if "speechd" not in sys.modules:
        spec = spec_from_file_location("speechd", f"{DEBIAN}/__init__.py", submodule_search_locations=[DEBIAN])
        assert spec is not None
        assert spec.loader is not None
        sys.modules["speechd"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["speechd"])
    return sys.modules["speechd"]


@contextlib.contextmanager
def connected(here: Desktop, name: str = "test") -> Iterator[Client]:
    speechd = _library()
    os.environ["SPEECHD_ADDRESS"] = here.environment["SPEECHD_ADDRESS"]
    ssip = speechd.SSIPClient(name)
    try:
        ssip.set_output_module("fishvoice")
        ssip.set_language("en")
        yield Client(ssip)
        ssip.cancel()
    finally:
        ssip.close()
