"""Stopping at once: Ctrl-C, SIGTERM, SIGHUP and a reader of standard output that leaves, as one exception."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = [signal.SIGINT, signal.SIGTERM] + ([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])


class Interrupted(BaseException):
    """Somebody wants silence. No Exception, so that nothing on the way takes it for an error."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within, any of these raises Interrupted in the main thread, once.

    An editor that ends sends several: they must not end the process before the daemon knows. Only a second Ctrl-C
    ends it the hard way.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        done.set()  # a reader that leaves at the same moment must not interrupt the interruption
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL if each == signal.SIGINT else signal.SIG_IGN)
        raise Interrupted

    done = threading.Event()
    before = {each: signal.signal(each, interrupt) for each in _SIGNALS}
    if sys.platform != "win32" and _is_pipe(sys.stdout.fileno()):
        threading.Thread(target=_watch, args=(sys.stdout.fileno(), done), name="fishvoice-watch", daemon=True).start()
    try:
        yield
    finally:
        done.set()
        for each, handler in before.items():
            signal.signal(each, handler)


def _is_pipe(handle: int) -> bool:
    mode = os.fstat(handle).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _watch(handle: int, done: threading.Event) -> None:
    """Wait until the other end of ``handle`` is closed: an editor that has gone wants no speech."""
    poll = select.poll()
    poll.register(handle, 0)  # POLLERR and POLLHUP come unasked
    poll.poll()
    main = threading.main_thread().ident
    if not done.is_set() and main is not None:
        signal.pthread_kill(main, signal.SIGTERM)
