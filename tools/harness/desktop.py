"""A desktop without a screen or a sound card: PulseAudio with a null sink, a microphone on it, speech-dispatcher."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import soxr
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
RATE = 44100
AUDIBLE = 400  # of 32767: well above a codec's hiss, well below the softest speech
NEEDED = ("pulseaudio", "parec", "speech-dispatcher", "spd-say")
SEED = 1
VOICE = "tools.harness.flite_voice"  # the module that is the daemon, unless a benchmark wants the plain one
DIRECT = """
import json, sys, fishvoice
with fishvoice.Client(start=False) as client:
    chunks = list(client.synthesize(**json.loads(sys.argv[1])))
open(sys.argv[2], "wb").write(b"".join(chunk.pcm for chunk in chunks))
print(chunks[0].sample_rate)
"""

Samples = NDArray[np.int16]


def missing(*more: str) -> list[str]:
    """Programs that are not installed here."""
    return [name for name in (*NEEDED, *more) if shutil.which(name) is None]


def eventually(question: Callable[[], object], within: float = 20.0) -> None:
    """Wait until ``question`` is answered by something true; fail after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not question():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.01)


class Microphone:
    """What the null sink plays, from now on, with the time of every sample."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._parec = subprocess.Popen(
            ["parec", "-dnul.monitor", "--raw", "--format=s16le", "--channels=1", f"--rate={RATE}", "--latency=256"],
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._lock = threading.Lock()
        self._heard = bytearray()
        self._end = 0.0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        eventually(lambda: self._heard)

    def _listen(self) -> None:
        assert self._parec.stdout is not None
        while data := os.read(self._parec.stdout.fileno(), 1 << 16):
            with self._lock:
                self._heard += data
                self._end = time.monotonic()

    @property
    def position(self) -> int:
        """Samples heard so far."""
        with self._lock:
            return len(self._heard) // 2

    def heard(self, since: int = 0) -> Samples:
        """The samples from number ``since`` on."""
        with self._lock:
            return np.frombuffer(bytes(self._heard), np.int16)[since:]

    def time_of(self, sample: int) -> float:
        """When sample number ``sample`` was heard, in monotonic seconds."""
        with self._lock:
            return self._end - (len(self._heard) // 2 - sample) / RATE

    def first_audible(self, since: int) -> int | None:
        """Number of the first sample from ``since`` on that can be heard."""
        loud = np.flatnonzero(np.abs(self.heard(since).astype(np.int32)) > AUDIBLE)
        return since + int(loud[0]) if len(loud) else None

    def last_audible(self, since: int) -> int | None:
        loud = np.flatnonzero(np.abs(self.heard(since).astype(np.int32)) > AUDIBLE)
        return since + int(loud[-1]) if len(loud) else None

    def quiet_for(self, seconds: float) -> bool:
        """Nothing audible within the last ``seconds``."""
        return self.first_audible(max(0, self.position - int(seconds * RATE))) is None

    def close(self) -> None:
        self._parec.terminate()
        self._parec.wait(5)
        self._thread.join(5)


@dataclass
class Desktop:
    """Everything that runs, in folders of its own; ``environment`` is what programs on it are to be given."""

    folder: Path
    environment: dict[str, str]
    microphone: Microphone
    daemon: subprocess.Popen[bytes]
    module: str = VOICE
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *command: str, timeout: float = 30, **more: str) -> subprocess.CompletedProcess[str]:
        """A program to its end."""
        return subprocess.run(
            command, env={**self.environment, **more}, timeout=timeout, capture_output=True, text=True, check=False
        )

    def start(self, *command: str, **more: str) -> subprocess.Popen[bytes]:
        """A program that goes on; it is ended with the desktop."""
        process = subprocess.Popen(command, env={**self.environment, **more}, stdin=subprocess.PIPE)
        self.started.append(process)
        return process

    def start_daemon(self) -> None:
        self.daemon = _daemon(self.folder, self.environment, self.module)

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What the daemon has been asked to say, in order: text, voice, speed, pitch and volume."""
        file = _asked(self.folder)
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def direct(self, text: str, **options: Any) -> Samples:
        """The daemon's own sound for ``text`` at the microphone's rate, with no program between."""
        place = self.folder / "direct"
        request = json.dumps({"text": text, "seed": SEED, **options})
        said = self.run(sys.executable, "-c", DIRECT, request, str(place))
        assert said.returncode == 0, said.stderr
        sound = np.frombuffer(place.read_bytes(), np.int16)
        return np.asarray(soxr.resample(sound, int(said.stdout), RATE))

    @property
    def log(self) -> str:
        """What the module has said on its standard error."""
        file = self.folder / "log" / "fishvoice.log"
        return file.read_text() if file.exists() else ""


@contextlib.contextmanager
def desktop(home: str | None = None, module: str = VOICE) -> Iterator[Desktop]:
    """A desktop with the daemon and the module installed as a user would.

    ``home``: use the models of this one. ``module`` is the daemon.
    """
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="fishvoice-desktop-")))
        environment = _environment(folder, home, module)
        processes: list[subprocess.Popen[bytes]] = []
        cleanup.callback(_end, processes)
        processes.append(_pulseaudio(folder, environment))
        daemon = _daemon(folder, environment, module)
        _install_module(folder, environment)
        processes.append(_speech_dispatcher(folder, environment))
        microphone = Microphone(environment)
        cleanup.callback(microphone.close)
        here = Desktop(folder, environment, microphone, daemon, module)
        try:
            yield here
        finally:
            here.run(sys.executable, "-m", "fishvoice", "shutdown")  # one that a program has started, if a test failed
            _end([*here.started, here.daemon])


def _asked(folder: Path) -> Path:
    return folder / "log" / "asked"


def _environment(folder: Path, home: str | None, module: str) -> dict[str, str]:
    own = {
        "HOME": str(folder / "home"),
        "XDG_DATA_HOME": str(folder / "home/.local/share"),
        "XDG_CONFIG_HOME": str(folder / "home/.config"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "FISHVOICE_HOME": str(folder / "fishvoice"),
        "PULSE_SERVER": f"unix:{folder / 'native'}",
        "SPEECHD_ADDRESS": f"unix_socket:{folder / 'speechd.sock'}",
        "FISHVOICE_DAEMON": f"{sys.executable} -m {module}",
        "FISHVOICE_TEST_VOICE": os.environ.get("FISHVOICE_TEST_VOICE", ""),
        "FISHVOICE_TEST_ASKED": str(_asked(folder)),
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("client", "daemon", ".")),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LANG": "C.UTF-8",
    }
    for path in ("home/.local/share", "home/.config", "run", "log", "fishvoice/cache"):
        (folder / path).mkdir(parents=True, mode=0o700)
    if home:
        (folder / "fishvoice/cache/models").symlink_to(Path(home).absolute() / "cache/models")
    return own


def _pulseaudio(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    modules = [
        f"module-native-protocol-unix socket={folder / 'native'} auth-anonymous=1",
        "module-null-sink sink_name=nul",
    ]
    loads = [argument for module in modules for argument in ("-L", module)]
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    command += ["--resample-method=speex-float-6", *loads]  # the ear compares samples
    process = _started(command, environment, (folder / "log/pulseaudio").open("wb"))
    eventually((folder / "native").exists)
    return process


def _daemon(folder: Path, environment: dict[str, str], module: str) -> subprocess.Popen[bytes]:
    process = _started([sys.executable, "-m", module], environment, (folder / "log/daemon").open("ab"))
    listens = [sys.executable, "-c", "import fishvoice; fishvoice.Client(start=False).voices()"]
    eventually(
        lambda: subprocess.run(listens, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 0, 60
    )
    return process


def _install_module(folder: Path, environment: dict[str, str]) -> None:
    """As ``fishvoice integrate`` does, and a configuration with what spd-say and Orca expect."""
    install = "from fishvoice.adapters.speechd.install import install; print(*install(), sep='\\n')"
    subprocess.run([sys.executable, "-c", install], env=environment, check=True, stdout=subprocess.DEVNULL)
    configuration = folder / "home/.config/speech-dispatcher"
    shutil.copytree("/etc/speech-dispatcher", configuration)
    settings = configuration / "speechd.conf"
    own = 'DefaultModule fishvoice\nAudioOutputMethod "pulse"\nSymbolsPreproc "char"\nTimeout 0\nLogLevel 3\n'
    settings.write_text(settings.read_text() + "\n" + own)


def _speech_dispatcher(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    socket = folder / "speechd.sock"
    command = ["speech-dispatcher", "-s", "-c", "unix_socket", "-S", str(socket), "-L", str(folder / "log")]
    command += ["-C", str(folder / "home/.config/speech-dispatcher"), "-P", str(folder / "speechd.pid"), "-t", "0"]
    process = _started(command, environment, (folder / "log/console").open("wb"))
    eventually(socket.exists)
    return process


def _started(command: list[str], environment: dict[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    with output:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
