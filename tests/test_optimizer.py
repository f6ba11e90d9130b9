"""The one object, in this process: the mission's own signature, fallback included."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from fishvoice.protocol import Sampling
from fishvoiced import UniversalFishSpeechOptimizer
from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.store.catalog import user_models
from fishvoiced.backends.fish.store.models import LANGUAGE, ConvertedModel
from fishvoiced.config import Config, Engine
from fishvoiced.errors import BadReference, BadRequest, CheckpointError
from fishvoiced.inference.governor import Delay, NoThrottling, StepCost

FP32 = Config(engine=Engine(precision="fp32"))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path / "home"))


@pytest.fixture
def installed(tiny_model: ConvertedModel, tmp_path: Path) -> ConvertedModel:
    """The tiny model where the user's own models are."""
    models = tmp_path / "home" / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copytree(tiny_model.folder, models / tiny_model.folder.name)
    return ConvertedModel.open(models / tiny_model.folder.name)


def recording(path: Path, seconds: float = 1.5, rate: int = 22050) -> Path:
    t = np.arange(int(seconds * rate)) / rate
    tone = (0.3 * np.sin(2 * np.pi * 180 * t) * (1 + np.sin(2 * np.pi * 3 * t)) * 12000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(tone.tobytes())
    return path


def test_it_speaks_and_measures_itself(installed: ConvertedModel) -> None:
    speaker = UniversalFishSpeechOptimizer(installed.folder, FP32)
    audio, rate, metrics = speaker.synthesize("Hello there. How are you?", seed=3)
    assert audio.dtype == np.float32
    assert rate == 16000
    assert 0.05 < np.abs(audio).max() <= 1.0
    assert metrics["audio_seconds"] == pytest.approx(len(audio) / rate)
    assert metrics["rtf"] == pytest.approx(metrics["wall_seconds"] / metrics["audio_seconds"])
    assert 0 < metrics["first_audio_seconds"] <= metrics["wall_seconds"]
    assert (metrics["engine"], metrics["segments"], metrics["segment_errors"]) == ("onnx", 2, ())
    again, _, _ = speaker.synthesize("Hello there. How are you?", seed=3)
    np.testing.assert_array_equal(audio, again)


def test_a_reference_recording_changes_the_voice(installed: ConvertedModel, tmp_path: Path) -> None:
    speaker = UniversalFishSpeechOptimizer(installed.folder, FP32)
    plain, _, _ = speaker.synthesize("Hello.", seed=3)
    like, _, _ = speaker.synthesize("Hello.", recording(tmp_path / "ref.wav"), reference_text="A tone.", seed=3)
    assert len(plain) != len(like) or not np.allclose(plain, like)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"not a sound", "reference"), (b"", "reference")],
)
def test_a_bad_reference_is_told(installed: ConvertedModel, tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "ref.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadReference, match=says):
        UniversalFishSpeechOptimizer(installed.folder, FP32).synthesize("Hello.", path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sampling": Sampling(temperature=float("nan"))}, "temperature must be between 0 and 2, not nan"),
        ({"sampling": Sampling(top_p=1.5)}, "top_p must be between"),
        ({"sampling": Sampling(repetition_penalty=-1.0)}, "repetition_penalty must be between"),
        ({"speed": 9.0}, "speed must be between"),
        ({"seed": -1}, "seed must be between"),
    ],
)
def test_options_out_of_range_are_refused(installed: ConvertedModel, options: dict[str, object], says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        UniversalFishSpeechOptimizer(installed.folder, FP32).synthesize("Hello.", **options)  # type: ignore[arg-type]


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a Fish checkpoint folder nor a converted model"):
        UniversalFishSpeechOptimizer(tmp_path, FP32)


def test_pytorch_takes_over_when_a_graph_cannot_be_loaded(
    tiny_model: ConvertedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    broken = ConvertedModel.open(shutil.copytree(tiny_model.folder, tmp_path / "broken"))
    (broken.folder / f"{LANGUAGE}-fp32" / "slow.onnx").write_bytes(b"no graph")
    speaker = UniversalFishSpeechOptimizer(broken.folder, FP32)
    assert speaker.loaded.engine == "torch"
    assert "PyTorch does instead" in (speaker.loaded.notice or "")
    assert "PyTorch does instead" in caplog.text
    greedy = Sampling(top_p=0.0)
    audio, _, metrics = speaker.synthesize("Hello.", sampling=greedy)
    assert metrics["engine"] == "torch"
    healthy, _, _ = UniversalFishSpeechOptimizer(tiny_model.folder, FP32).synthesize("Hello.", sampling=greedy)
    np.testing.assert_allclose(audio[:16000], healthy[:16000], atol=1e-3)


def test_the_engine_that_is_asked_for_runs(tiny_model: ConvertedModel) -> None:
    speaker = UniversalFishSpeechOptimizer(tiny_model.folder, Config(engine=Engine(name="torch")))
    assert speaker.loaded.engine == "torch"


class Warm(NoThrottling):
    """Asks for a short rest after each segment, and says how a Mac without a fan fared."""

    def __init__(self) -> None:
        self.owed = 0
        self.steps: list[StepCost] = []

    def rest(self, key: int) -> Delay:
        self.owed -= 1
        return Delay(0.01 if self.owed >= 0 else 0.0, "warm")

    def step_done(self, key: int, step: StepCost) -> None:
        self.steps.append(step)
        self.owed = 2 if step.ends_segment else self.owed

    def spoken(self, voice: str, rtf: float | None, sound_seconds: float) -> str | None:
        return "8.3 min of load; throttled"


def test_heat_is_looked_at_between_steps_and_told_per_segment(installed: ConvertedModel) -> None:
    hot = Warm()
    speaker = UniversalFishSpeechOptimizer(installed.folder, FP32, governor=hot)
    shares: list[float] = []
    audio, rate, metrics = speaker.synthesize("Hello there. How are you?", seed=3, progress=shares.append)
    cool, _, _ = UniversalFishSpeechOptimizer(installed.folder, FP32, governor=NoThrottling()).synthesize(
        "Hello there. How are you?", seed=3
    )
    np.testing.assert_array_equal(audio, cool)
    assert shares == [pytest.approx(12 / 25, abs=0.05), 1.0]
    first, second = metrics["per_segment"]
    assert first["throttled"] == second["throttled"] == "warm"
    assert metrics["rest_seconds"] == pytest.approx(0.04)
    assert second["rest_seconds"] == pytest.approx(0.02)
    assert first["audio_seconds"] + second["audio_seconds"] == pytest.approx(len(audio) / rate)
    assert first["error"] is None
    assert sum(step.ends_segment for step in hot.steps) == 2
    assert metrics["notice"].endswith("8.3 min of load; throttled")


def test_on_a_hot_machine_it_goes_on_in_fewer_bits_and_says_so(
    tiny_checkpoint: Path, installed: ConvertedModel
) -> None:
    class Hot(NoThrottling):
        def wants_lighter(self, key: int, characters: int) -> bool:
            return True

    import_checkpoint(tiny_checkpoint, user_models(), "int8", "fp32")
    speaker = UniversalFishSpeechOptimizer(installed.folder, FP32, governor=Hot())
    notices = (speaker.synthesize("One sentence of many. " * 12)[2]["notice"] for _ in range(20))  # it loads meanwhile
    told = next(notice for notice in notices if notice)
    assert told.endswith(" goes on in int8 instead of fp32, because the machine is too hot for more")
    speaker.close()


def test_a_first_run_tells_what_it_makes_and_a_later_one_that_it_was_made(tiny_checkpoint: Path) -> None:
    first, later = io.StringIO(), io.StringIO()
    UniversalFishSpeechOptimizer(tiny_checkpoint, FP32, out=first, governor=NoThrottling())
    UniversalFishSpeechOptimizer(tiny_checkpoint, FP32, out=later, governor=NoThrottling())
    for said in ("CPU: ", " physical, ", "Tier: ", "codec decoder in fp32", "tiny: converted", "loaded (onnx, fp32"):
        assert said in first.getvalue(), said
    assert "%" not in later.getvalue()
    assert "tiny: cached" in later.getvalue()


def test_the_environment_is_set_before_torch_is_imported() -> None:
    script = (
        "import os, sys; from fishvoiced.optimizer import UniversalFishSpeechOptimizer\n"
        "from fishvoiced.config import Config, Engine; assert 'torch' not in sys.modules\n"
        "s = UniversalFishSpeechOptimizer(None, Config(voice='starter', engine=Engine(name='torch', threads=1)))\n"
        "import torch; print(torch.get_num_threads(), os.environ['OMP_NUM_THREADS'], s.loaded.engine)"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}
    done = subprocess.run(
        [sys.executable, "-c", script], env=plain, capture_output=True, text=True, check=True, timeout=110
    )
    assert done.stdout.split() == ["1", "1", "torch"]


def test_a_voice_that_cannot_imitate_says_which_can(tmp_path: Path) -> None:
    speaker = UniversalFishSpeechOptimizer(settings=Config(voice="starter"), governor=NoThrottling())
    with pytest.raises(BadReference, match="has no encoder; S1-mini has one: fishvoice models pull"):
        speaker.synthesize("Hello.", recording(tmp_path / "ref.wav"))
