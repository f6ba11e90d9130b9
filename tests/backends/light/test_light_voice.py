"""The package's voice, for real: what it says is understood, begins at once, and is the same every time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoice.protocol import Synthesize
from fishvoiced.backends.light import package
from fishvoiced.backends.light.backend import LightBackend, LightModel
from fishvoiced.backends.light.hibari import SAMPLE_RATE, Network, Reader, known_voices
from fishvoiced.backends.light.spoken import tokens
from fishvoiced.errors import BadReference, NothingToSay, UnknownVoice, VoiceUnavailable
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import TimedSamples
from fishvoiced.text.lines import Line

LETTERS = [chr(code) for code in range(ord("A"), ord("Z") + 1)]

ODD_WORDS = [*"AbI,.?!'", "don't", "rock'n'roll", "o'clock", "mother-in-law", "qwzrt", "'", "naive"]


@pytest.fixture(scope="module")
def model() -> LightModel:
    return LightBackend().load("heart")


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(british=False)


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(known_voices()["heart"].path)


def steps(model: LightModel, text: str, seed: int = 1, index: int = 0) -> list[TimedSamples | None]:
    found = model.renderer(Synthesize(id="1", text=text, voice="heart", seed=seed)).render(index, Line.of(text))
    return [step for step in found if step is None or isinstance(step, TimedSamples)]


def said(model: LightModel, text: str, seed: int = 1, index: int = 0) -> Samples:
    return np.concatenate([step.samples for step in steps(model, text, seed, index) if step is not None])


@pytest.mark.parametrize("text", ["a", "F1", "see you", "Hello, world!", "zoo", "Stop."])
def test_speech_begins_and_ends_with_the_sound(model: LightModel, text: str) -> None:
    sound = said(model, text)
    loud = np.flatnonzero(np.abs(sound) > 0.02)
    assert loud[0] / SAMPLE_RATE < 0.03
    assert (len(sound) - loud[-1]) / SAMPLE_RATE < 0.1


def test_the_same_seed_gives_the_same_samples_and_another_one_others(model: LightModel) -> None:
    text = "The same words again, as often as you like."
    np.testing.assert_array_equal(said(model, text, 7), said(model, text, 7))
    assert not np.array_equal(said(model, text, 7), said(model, text, 8))


def test_a_long_sentence_is_made_in_short_steps(model: LightModel) -> None:
    text = (
        "The people who lived in the small house at the end of the road had never seen the sea before they moved to "
        "this town by the water with all their animals"
    )
    made = [step for step in steps(model, text) if step is not None]
    assert len(made) >= 3
    assert len(made[0].samples) < 2.5 * SAMPLE_RATE
    assert all(len(step.samples) < 8 * SAMPLE_RATE for step in made)
    assert steps(model, text)[0] is None  # before every sound there is a border


def test_seams_are_not_heard_as_pauses_or_clicks(model: LightModel) -> None:
    sound = said(
        model,
        "all of the files that were deleted from the shared folder during the last three weeks can be restored by "
        "the owner",
    )
    blocks = np.sqrt(np.square(sound[: len(sound) // 240 * 240].reshape(-1, 240)).mean(axis=1))
    quiet = "".join("q" if level < 0.003 else "l" for level in blocks)
    assert "q" * 18 not in quiet.strip("q")  # 0.18 s: longer than any stop closure
    assert np.abs(np.diff(sound)).max() < 0.5


def test_every_word_has_its_time_in_order(model: LightModel) -> None:
    made = [
        step for step in steps(model, "Please save the file, then close the window. Thank you.") if step is not None
    ]
    words = [word for step in made for word in step.words]
    assert [word for word, _ in words] == [
        "please",
        "save",
        "the",
        "file",
        "then",
        "close",
        "the",
        "window",
        "thank",
        "you",
    ]
    times = [seconds for _, seconds in words]
    assert times == sorted(times)
    assert times[-1] < sum(len(step.samples) for step in made) / SAMPLE_RATE


@pytest.mark.parametrize(("spoken", "phonemes"), [("A", "ˈA"), ("a dog", "ɐ"), ("I", "ˈI")])
def test_the_letter_is_not_the_article(reader: Reader, spoken: str, phonemes: str) -> None:
    assert reader.phonemes(tokens(spoken))[0] == phonemes


def test_letters_differ_from_each_other_more_than_from_themselves(network: Network, reader: Reader) -> None:
    assert len({*(reader.phonemes(tokens(letter))[0] for letter in LETTERS)}) == 26


def test_a_given_pronunciation_is_used(reader: Reader) -> None:
    assert reader.phonemes(tokens("[nginx](/ˈɛnʤɪn ˈɛks/) runs")) == ["ˈɛnʤɪn ˈɛks", "ɹˈʌnz"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"AbI,.?!'", "don't", "rock'n'roll", "o'clock", "mother-in-law", "qwzrt", "'", "naive"]),
        max_size=12,
    )
)
def test_every_spoken_token_has_one_reading(reader: Reader, words: list[str]) -> None:
    found = tokens(" ".join(words))
    assert len(reader.phonemes(found)) == len(found)


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=12))
def test_of_all_unicode_an_empty_reading_never_reaches_the_network(model: LightModel, text: str) -> None:
    try:
        sound = said(model, text)
    except NothingToSay:
        return
    assert len(sound)


def test_durations_add_up_to_the_frames(network: Network) -> None:
    parameters = network.parameters("həlˈO wˈɜɹld.")
    assert parameters.ends[-1] == parameters.parts[0].shape[-1]
    assert len(parameters.ends) == len("həlˈO wˈɜɹld.") + 2


def test_it_imitates_nobody(model: LightModel) -> None:
    with pytest.raises(BadReference):
        model.renderer(Synthesize(id="1", text="x", voice="heart", payload=b"RIFF"))


# -- the package missing, broken, of another version ------------------------------------------------------


def test_other_voices_are_told_with_the_way_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    backend = LightBackend()
    unavailable = {info.name: info.unavailable for info in backend.voices()}
    assert unavailable["heart"] is None
    assert unavailable["emma"] == "not downloaded yet: fishvoice models pull hibari/emma"
    with pytest.raises(UnknownVoice, match="fishvoice models pull hibari/emma"):
        backend.load("emma")


@pytest.mark.parametrize(
    ("found", "said"), [("0.3.0", "another version"), ("0.2.0", "another version"), (None, "not installed")]
)
def test_another_version_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, found: str | None, said: str) -> None:
    def version(_: str) -> str:
        if found is None:
            raise package.PackageNotFoundError
        return found

    monkeypatch.setattr(package, "version", version)
    with pytest.raises(VoiceUnavailable, match=f"{said}.*pip install 'hibari-tts"):
        package.load()
    backend = LightBackend()
    assert backend.default_voice() == "heart"
    assert said in (backend.voices()[0].unavailable or "")
    with pytest.raises(VoiceUnavailable, match=said):
        backend.load("heart")


def test_a_broken_package_is_found_out_in_a_process_of_its_own(tmp_path: Path) -> None:
    """A package of the right version whose files are damaged: nothing but one sentence comes of it."""
    broken = tmp_path / "hibari"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('half a file')")
    about = tmp_path / "hibari_tts-0.2.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hibari-tts\nVersion: 0.2.1\n")
    program = (
        f"import sys, json; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from fishvoiced.backends.light.backend import LightBackend\n"
        "print(json.dumps([info.unavailable for info in LightBackend().voices()]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (told,) = json.loads(done.stdout)
    assert "hibari-tts 0.2.1 is broken (RuntimeError: half a file)" in told
