"""speech-dispatcher's settings, and what they ask of the voice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.adapters.speechd.settings import Settings, voice_settings
from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.config import Limits
from fishvoiced.server.validation import check

VOICES = (VoiceInfo("starter", language="en", default=True), VoiceInfo("anna", language="de-AT"), VoiceInfo("eve"))
HUNDRED = st.integers(-100, 100)


def test_a_rate_goes_from_half_to_three_times() -> None:
    assert [voice_settings(Settings(rate=rate), ()).speed for rate in (-100, 0, 100)] == [0.5, 1.0, 3.0]


@given(HUNDRED, HUNDRED, HUNDRED)
def test_whatever_is_set_the_daemon_takes_it(rate: int, pitch: int, volume: int) -> None:
    how = voice_settings(Settings(rate=rate, pitch=pitch, volume=volume), ())
    check(Synthesize(id="1", text="a", speed=how.speed, pitch=how.pitch, volume=how.volume), Limits(), None)


@given(st.lists(HUNDRED, min_size=2, max_size=2, unique=True).map(sorted))
def test_more_is_more(pair: list[int]) -> None:
    low, high = (voice_settings(Settings(rate=n, volume=n), ()) for n in pair)
    assert low.speed < high.speed
    assert 0 <= low.volume < high.volume <= 1


def test_pitch_goes_half_an_octave_down_and_up() -> None:
    assert [round(voice_settings(Settings(pitch=pitch), ()).pitch, 3) for pitch in (-100, 0, 100)] == [
        0.707,
        1.0,
        1.414,
    ]


@pytest.mark.parametrize(
    ("settings", "voice"),
    [
        (Settings(), None),
        (Settings(synthesis_voice="eve"), "eve"),
        (Settings(synthesis_voice="nobody"), None),
        (Settings(language="en-GB"), None),
        (Settings(language="de"), "anna"),
        (Settings(language="de_DE", synthesis_voice="eve"), "eve"),
        (Settings(language="fr"), None),
    ],
)
def test_the_voice_is_found_by_name_or_language(settings: Settings, voice: str | None) -> None:
    assert voice_settings(settings, VOICES).voice == voice


def test_settings_are_taken_as_they_come() -> None:
    settings = Settings().updated(
        [
            ("rate", "30"),
            ("pitch", "-999"),
            ("language", "en"),
            ("synthesis_voice", "NULL"),
            ("punctuation_mode", "all"),
        ]
    )
    assert settings == Settings(rate=30, pitch=-100, language="en")
    assert Settings(rate=5).updated([("volume", "loud")]) is None
    assert Settings().updated([("cap_let_recogn", "icon")]) == Settings(cap_let_recogn="icon")
    assert Settings(cap_let_recogn="icon").capitals
    assert not Settings().capitals
