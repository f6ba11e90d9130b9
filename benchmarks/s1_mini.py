"""S1-mini on this machine, in its real sizes with random weights: upstream, PyTorch, and every precision of ours.

``python -m benchmarks.s1_mini [--skip upstream] [--json FILE] [--plot FILE.png]`` makes the checkpoint (2.5 GB) and
converts it (6 GB), once, in ``--home``; then it measures one engine after the other, each in a process of its own,
and prints them side by side with what the machine's memory and arithmetic allow. Ten minutes on two cores; run it
with nothing else running, at raised priority if you may (``nice -n -10``). ``--skip upstream --skip torch --only int4``
measures one precision alone, in a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from benchmarks import s1_table
from benchmarks.s1_engine import Figures, Spec
from benchmarks.s1_limits import codec_operations
from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.store.models import DECODER, LANGUAGE, PRECISIONS, ConvertedModel, ModelStore

UPSTREAM = (Spec("fish-speech", "fp32"), Spec("fish-speech", "bf16"))
TORCH = (Spec("torch", "fp32"),)
CODEC = "int8" if "int8" in PRECISIONS[DECODER] else "fp32"
ONNX = (Spec("onnx", "fp32", "fp32"), Spec("onnx", "int8", CODEC), Spec("onnx", "int4", CODEC))
GROUPS = {"upstream": UPSTREAM, "torch": TORCH, "onnx": ONNX}
FRAMES = {"fish-speech": 4, "torch": 24}
"""Slow engines say less; the others ``--frames``."""
LONG_FRAMES = 1500


def prepare(home: Path, checkpoint: Path | None, specs: Sequence[Spec]) -> tuple[ConvertedModel, Path]:
    """The model, converted for these, and its checkpoint, by default one of random weights; what is there already is
    kept."""
    if checkpoint is None:
        checkpoint = home / "s1-mini-random"
        if not (checkpoint / "codec.pth").is_file():
            _run("tools.random_checkpoint", str(checkpoint), "--s1-mini")
    store, name = ModelStore(home / "cache" / "models"), ModelConfig.from_checkpoint(checkpoint).name
    for spec in [spec for spec in specs if spec.engine == "onnx"] or ONNX[-1:]:  # the others need its configuration
        known = store.find(name)
        if known is None or not _has(known, spec):
            chosen = ("--precision", spec.language, "--codec-precision", spec.codec)
            _run("fishvoice", "models", "import", str(checkpoint), *chosen, home=home)
    model = store.find(name)
    assert model is not None
    return model, checkpoint


def _has(model: ConvertedModel, spec: Spec) -> bool:
    return spec.language in model.precisions(LANGUAGE) and spec.codec in model.precisions(DECODER)


def _run(module: str, *arguments: str, home: Path | None = None) -> str:
    """A Python module in a process of its own: its output. Its progress and its errors are shown."""
    environment = os.environ if home is None else {**os.environ, "FISHVOICE_HOME": str(home)}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def measure(spec: Spec, model: ConvertedModel, checkpoint: Path, frames: int, long: int, threads: int) -> Figures:
    read_files(model, spec)
    output = _run(
        "benchmarks.s1_engine",
        *(spec.engine, spec.language, spec.codec),
        *("--model", str(model.folder), "--checkpoint", str(checkpoint)),
        *("--frames", str(FRAMES.get(spec.engine, frames)), "--threads", str(threads)),
        *("--long", str(long if spec == ONNX[-1] else 0)),
    )
    return Figures(**json.loads(output.splitlines()[-1]))


def read_files(model: ConvertedModel, spec: Spec) -> None:
    """Bring a converted model into the system's cache: loading is measured warm."""
    if spec.engine == "onnx":
        for part in (f"{LANGUAGE}-{spec.language}", f"{DECODER}-{spec.codec}"):
            for file in (model.folder / part).iterdir():
                file.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=platformdirs.user_cache_path("fishvoice-benchmark"))
    parser.add_argument("--checkpoint", type=Path, help="measure this one instead of random weights")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--long", type=int, default=LONG_FRAMES, help="frames of the long answer; 0: skip it")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if sys.platform == "linux" else 4)
    parser.add_argument("--skip", choices=GROUPS, action="append", default=[], help="may be given several times")
    parser.add_argument("--only", choices=PRECISIONS[LANGUAGE], action="append", help="language models; several times")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    specs = [
        spec
        for group, members in GROUPS.items()
        for spec in members
        if group not in options.skip and spec.language in (options.only or spec.language)
    ]
    model, checkpoint = prepare(options.home, options.checkpoint, specs)
    found = []
    for spec in specs:
        print(f"measuring {spec.name} …", file=sys.stderr, flush=True)
        found.append(measure(spec, model, checkpoint, options.frames, options.long, options.threads))
    operations = codec_operations(checkpoint)
    about = f"{platform.machine()}, {options.threads} threads, {time.strftime('%Y-%m-%d')}"
    rows = [s1_table.Row(figures, s1_table.limit_of(figures, operations)) for figures in found]
    s1_table.show(rows, about)
    if options.json:
        figures_of_all = {"machine": about, "codec_operations": operations, "engines": [r.to_json() for r in rows]}
        options.json.write_text(json.dumps(figures_of_all, indent=2) + "\n", encoding="utf-8")
    if options.plot:
        s1_table.plot(rows, options.plot)


if __name__ == "__main__":
    main()
