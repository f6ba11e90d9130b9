"""Wires the daemon's parts together, once: sockets, inference thread, governor, status, loop."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from fishvoice import paths
from fishvoiced import config
from fishvoiced.config import Config
from fishvoiced.errors import MissingExtra
from fishvoiced.inference.governor import Governor
from fishvoiced.inference.thread import InferenceThread
from fishvoiced.process.lifecycle import dump_stacks_on_signal, raise_descriptor_limit, signals_to, single_instance
from fishvoiced.process.prometheus import serve_metrics
from fishvoiced.process.renewal import OwnPackage, Renewal, start_anew
from fishvoiced.process.systemd import SystemdNotifier, inherited_sockets
from fishvoiced.server.load_times import LoadTimes
from fishvoiced.server.loop import EX_SOFTWARE, EX_TEMPFAIL, ServerLoop
from fishvoiced.server.status import StatusReport
from fishvoiced.transport.bind import listening
from fishvoiced.version import __version__
from fishvoiced.voices.base import Backend, Speaker

log = logging.getLogger("fishvoiced")

# Variables that clients read, or both sides' paths; any other unknown FISHVOICE_* is a misspelling.
KNOWN_VARIABLES = frozenset({"FISHVOICE_HOME", "FISHVOICE_RUNTIME_DIR", "FISHVOICE_DAEMON"})


MakeSpeaker: TypeAlias = Callable[[Config], Speaker]
MakeGovernor: TypeAlias = Callable[[Config], Governor]


def installed_speaker(settings: Config) -> Speaker:
    """The voices of this user. Raises MissingExtra."""
    try:
        from fishvoiced.backends.fish.backend import FishBackend
        from fishvoiced.backends.light.backend import LightBackend
        from fishvoiced.backends.piper.backend import PiperBackend
        from fishvoiced.backends.piper.store import PiperStore
        from fishvoiced.backends.remote.backend import RemoteBackend
        from fishvoiced.hardware.detect.collect import collect
        from fishvoiced.hardware.threads import thread_budget
        from fishvoiced.text.own_words.file import WordsFile
        from fishvoiced.text.pronounce import pronounce
        from fishvoiced.voices.registry import VoiceRegistry
    except ImportError as error:
        raise MissingExtra("daemon", "the daemon") from error
    backends: list[Backend] = [
        LightBackend(),
        FishBackend(settings, calibrates=settings.engine.calibrate),
        PiperBackend(PiperStore(), settings.engine.threads or thread_budget(collect()).threads),
        RemoteBackend(settings.voices),
    ]
    pronounce("1")  # the first number of all would cost 40 ms
    words = WordsFile(paths.words_file())
    return VoiceRegistry(backends, settings.voice, settings.languages, words, settings.text.code_blocks)


def installed_governor(settings: Config) -> Governor:
    """What slows inference down when the machine gets hot. Raises MissingExtra."""
    try:
        from fishvoiced.doctor import first_start
        from fishvoiced.hardware.detect.collect import collect
        from fishvoiced.hardware.detect.isa_cache import isa_cache_file, learn_isa, unknown_isa
        from fishvoiced.monitor import thermal_governor
        from fishvoiced.monitor.records.history import HISTORY_FILE, History
        from fishvoiced.monitor.records.journal import JOURNAL_FILE, Journal
    except ImportError as error:
        raise MissingExtra("daemon", "the daemon") from error
    facts = collect()
    if unknown_isa(facts):
        learn_isa(facts, isa_cache_file(), lambda learned: None)  # for the next start
    threading.Thread(target=first_start.greet, args=(sys.stderr,), name="first-start", daemon=True).start()
    state = paths.state_dir()
    return thermal_governor.installed(settings, History(state / HISTORY_FILE), Journal(state / JOURNAL_FILE))


def serve(
    settings: Config,
    reload: Callable[[], Config],
    file: Path,
    make_speaker: MakeSpeaker,
    make_governor: MakeGovernor,
) -> int:
    """Bind, load the default voice, and answer until told to end."""

    raise_descriptor_limit()
    environment = dict(os.environ)
    dump_stacks_on_signal(Path(settings.log.file) if settings.log.file else None)
    managed = "NOTIFY_SOCKET" in os.environ
    notifier = SystemdNotifier(os.environ)
    handed_over = inherited_sockets(os.environ)
    renewal = Renewal(OwnPackage(), managed=managed or bool(handed_over))
    for name in config.unknown_variables(os.environ, KNOWN_VARIABLES):
        log.warning("nobody reads the variable %s", name)
    with ExitStack() as stack:
        stack.enter_context(single_instance(paths.lock_file()))
        transport = stack.enter_context(listening(settings, handed_over))
        stack.enter_context(signals_to(transport.wake_write.fileno()))
        governor = make_governor(settings)
        stack.callback(governor.stop)
        worker = InferenceThread(lambda: make_speaker(settings), transport.wake, governor)
        health = StatusReport(str(file), transport.wake, governor.report)
        if settings.metrics.port:
            serve_metrics(settings.metrics.port, health.ask)
        load_times = LoadTimes(paths.cache_dir() / "load-times.json")
        server = ServerLoop(settings, transport, worker, notifier, health, load_times, reload, renewal)
        worker.start()
        log.info("fishvoiced %s listens, process %d", __version__, os.getpid())
        status = server.run()
        if status == EX_SOFTWARE or not worker.stop(timeout=2.0):
            # The thread hangs in a foreign call: an orderly end would wait for it for ever.
            transport.close()
            logging.shutdown()
            os._exit(status)
    log.info("ended")
    if status == EX_TEMPFAIL and not handed_over and sys.platform != "win32":
        start_anew(environment)  # else the service manager does, or the next client
    return status
