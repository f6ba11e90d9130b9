"""The README's first sentence where only PyTorch can speak: as a user gives it, with the daemon that it starts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from tools.harness.daemon_process import ROOT, environment

SENTENCE = "Hello from fishvoice."
WITHOUT_ONNX_RUNTIME = 'import sys\nsys.modules["onnxruntime"] = None\n'
# The exporter of this process alone is broken, as by an operator that it does not know.
WITH_A_BROKEN_EXPORT = """
import importlib.abc, importlib.machinery, sys

class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "fishvoiced.backends.fish.convert.importer":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def broken(module):
            load(module)
            def write(*_):
                raise RuntimeError("operator aten::imaginary is not supported")
            module.Conversion.write = write

        spec.loader.exec_module = broken
        return spec

sys.meta_path.insert(0, Broken())
"""


class Computer:
    """A user's computer: the package as the wheel installs it, and what is wrong with it."""

    def __init__(self, home: Path, trouble: str) -> None:
        package = home / "package"
        ignore = shutil.ignore_patterns("*.pth", "__pycache__")  # the wheel leaves the checkpoint out
        for source in (ROOT / "daemon" / "fishvoiced", ROOT / "client" / "fishvoice"):
            shutil.copytree(source, package / source.name, ignore=ignore)
        (package / "sitecustomize.py").write_text(trouble)
        self.home = home
        self.variables = environment(home / "user") | {"PYTHONPATH": str(package)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fishvoice", *arguments]
        return subprocess.run(
            command, env=self.variables, cwd=self.home, capture_output=True, text=True, timeout=170, check=False
        )

    def say(self, text: str, *options: str) -> str:
        """Speak it; what was told beside. Fails where no sound comes."""
        done = self.run("say", text, *options, "--out", "hello.wav")
        assert done.returncode == 0, done.stderr
        sound, rate = soundfile.read(self.home / "hello.wav")
        assert len(sound) > 0.1 * rate
        assert abs(sound).max() > 0.01
        return done.stderr


@pytest.fixture
def computer(home: Path, request: pytest.FixtureRequest) -> Iterator[Computer]:
    made = Computer(home, request.param)
    yield made
    made.run("shutdown")


@pytest.mark.parametrize("computer", [WITHOUT_ONNX_RUNTIME], indirect=True)
def test_without_onnx_runtime_the_first_sentence_is_spoken_and_told_how(computer: Computer) -> None:
    told = computer.say(SENTENCE)
    assert "'starter' speaks instead" in told
    assert "PyTorch does instead, several times slower" in told
    assert "needs the package onnxruntime: pip install onnxruntime" in told
    status = computer.run("status", "--json")
    assert '"engine":"torch"' in status.stdout.replace(" ", "")


OPTIMIZER = """
import sys
from fishvoiced import UniversalFishSpeechOptimizer
audio, rate, metrics = UniversalFishSpeechOptimizer(sys.argv[1]).synthesize("Hello from fishvoice.", seed=1)
print(len(audio) / rate, metrics["engine"], metrics["notice"])
"""


@pytest.mark.parametrize("computer", [WITHOUT_ONNX_RUNTIME], indirect=True)
def test_without_onnx_runtime_a_checkpoint_is_imported_for_torch_and_spoken(
    computer: Computer, tiny_checkpoint: Path
) -> None:
    imported = computer.run("models", "import", str(tiny_checkpoint), "--name", "tiny")
    assert imported.returncode == 0, imported.stderr
    assert "ONNX Runtime is not installed: pip install onnxruntime" in imported.stderr
    assert "ONNX Runtime is not installed" in computer.run("models", "list").stdout
    assert "PyTorch does instead" in computer.say(SENTENCE, "--voice", "tiny", "--seed", "1")
    spoken = subprocess.run(
        [sys.executable, "-c", OPTIMIZER, str(tiny_checkpoint)],
        env=computer.variables,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert spoken.returncode == 0, spoken.stderr
    seconds, engine, notice = spoken.stdout.split(maxsplit=2)
    assert float(seconds) > 0.1
    assert engine == "torch"
    assert "ONNX Runtime is not installed" in notice


@pytest.mark.parametrize("computer", [WITHOUT_ONNX_RUNTIME + 'sys.modules["torch"] = None\n'], indirect=True)
def test_without_either_one_sentence_says_what_is_missing(computer: Computer, tiny_checkpoint: Path) -> None:
    imported = computer.run("models", "import", str(tiny_checkpoint))
    assert imported.returncode == 1
    assert imported.stderr.splitlines()[-1] == (
        "fishvoice: importing a model needs an extra: pip install 'fishvoice[daemon]'"
    )
    assert computer.run("models", "list").stdout.count("\n") == 1, "nothing is left behind but the starter voice"


@pytest.mark.parametrize("computer", [WITH_A_BROKEN_EXPORT], indirect=True)
def test_a_model_whose_export_fails_is_spoken_by_torch_and_told_why(computer: Computer, tiny_checkpoint: Path) -> None:
    imported = computer.run("models", "import", str(tiny_checkpoint), "--name", "tiny")
    assert imported.returncode == 0, imported.stderr
    assert "aten::imaginary is not supported" in imported.stdout + imported.stderr
    told = computer.say(SENTENCE, "--voice", "tiny", "--seed", "1")
    assert "PyTorch does instead" in told
    assert "aten::imaginary" in told
    assert "aten::imaginary" in computer.run("models", "list").stdout
