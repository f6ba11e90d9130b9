"""How near is the predicted RTF to the one that ``say`` then measures?

``python -m benchmarks.calibration`` uses the default voice in a home of its own, so that nothing is known yet:
`doctor` predicts, `say` speaks some sentences, and both are compared. Exit status 1 if they differ by more than
30 %. Other programs' load disturbs both: run it on a quiet machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FAR = 0.30
SENTENCES = (
    "The quick brown fox jumps over the lazy dog, and then it sleeps in the warm sun.",
    "Three new messages have arrived, and the first one is from your sister in Berlin.",
    "It was a bright cold day in April, and nobody in the street looked up.",
    "Please close the door behind you when you leave the house this evening.",
    "The train to the coast leaves from platform nine in about ten minutes.",
)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="fvb", dir="/tmp") as home:
        models = Path(os.environ.get("FISHVOICE_HOME", home)) / "cache" / "models"
        if models.parent.parent != Path(home) and models.is_dir():
            (Path(home) / "cache").mkdir()
            (Path(home) / "cache" / "models").symlink_to(models)
        try:
            predicted = fishvoice(home, "doctor", "--json")["measured"]
            if predicted is None:
                sys.stderr.write("there is no voice to measure\n")
                return 1
            sound = str(Path(home) / "sound.wav")
            said = [fishvoice(home, "say", "--json", "--out", sound, text)["metrics"]["rtf"] for text in SENTENCES]
            after = fishvoice(home, "doctor", "--json")["measured"]
        finally:
            fishvoice(home, "shutdown")
    measured = median(said)
    error = (predicted["predicted_rtf"] - measured) / measured
    figures = {
        "voice": predicted["model"],
        "precision": predicted["precision"],
        "threads": predicted["threads"],
        "predicted_rtf": predicted["predicted_rtf"],
        "measured_rtf": measured,
        "said": said,
        "error": error,
        "doctor_says": after["prediction_error"],
    }
    print(json.dumps({name: round(v, 3) if isinstance(v, float) else v for name, v in figures.items()}, indent=2))
    return int(abs(error) > FAR)


def fishvoice(home: str, *arguments: str) -> dict[str, Any]:
    """What the command prints as JSON."""
    path = os.pathsep.join(str(ROOT / part) for part in ("client", "daemon"))
    done = subprocess.run(
        [sys.executable, "-m", "fishvoice", *arguments],
        env=os.environ | {"FISHVOICE_HOME": home, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=arguments[0] != "shutdown",
    )
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout.startswith(b"{") else {}
    return found


if __name__ == "__main__":
    sys.exit(main())
