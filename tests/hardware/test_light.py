"""hardware, doctor and monitor stay light: detection lies on the start-up path and needs no runtime."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("zmq", "onnxruntime", "torch", "numpy", "cpuinfo", "rich", "matplotlib")

PROGRAM = f"""
import sys
import fishvoiced
before = set(sys.modules)
import fishvoiced.doctor.examine, fishvoiced.cli.classify, fishvoiced.hardware.detect.isa_cache
import fishvoiced.monitor.monitor, fishvoiced.monitor.pacing, fishvoiced.monitor.status
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.classify import classify
classify(collect())
print(*(name for name in {HEAVY!r} if name in sys.modules and name not in before))
"""


def test_nothing_heavy_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
