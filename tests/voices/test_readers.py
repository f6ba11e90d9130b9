"""What no voice reads is known before a model is asked: by the request's voice, its markup's and the settings'."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.errors import NothingToSay
from fishvoiced.text.scripts import language_of
from fishvoiced.voices.readers import LOOKED_THROUGH, check

ANN = VoiceInfo("ann", "en-US", default=True)
IRINA = VoiceInfo("irina", "ru-RU")
FISH = VoiceInfo("fish")
CHINESE = "你好，世界。"


def ask(text: str, *voices: VoiceInfo, languages: Mapping[str, str] | None = None, **fields: str) -> None:
    check(Synthesize(id="1", text=text, markup="auto", **fields), None, voices or (ANN,), languages or {})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (CHINESE, "Chinese"),
        ("Привет, мир. 5!", "Cyrillic"),
        ("私は学生です。", "Japanese"),
        ("**你好**", "Chinese"),
        ("<speak><p>你好</p></speak>", "Chinese"),
        ("<speak><voice name='ann'>你好</voice></speak>", "Chinese"),
        (CHINESE * LOOKED_THROUGH, "Chinese"),
        ("你好 мир привет", "Chinese and Cyrillic"),
    ],
)
def test_a_text_wholly_in_a_script_that_nobody_reads_is_refused(text: str, name: str) -> None:
    with pytest.raises(NothingToSay, match=rf"^{name} text: 'ann' cannot read it; name one that does in the settings"):
        ask(text)


@pytest.mark.parametrize(
    "text",
    [
        "Say 你好.",
        "α, β, γ",
        "你",
        "– 5 –",
        CHINESE + "<speak><p>hello</p></speak>",
        "<speak><sub alias='hello'>你好</sub></speak>",
        "<speak>Hello <voice name='ann'>你好</voice></speak>",
        CHINESE * LOOKED_THROUGH + "hello",
        "<speak>" + CHINESE * LOOKED_THROUGH + "</speak>",  # its front end finds out
    ],
)
def test_whatever_somebody_can_say_something_of_is_let_in(text: str) -> None:
    ask(text)


def test_the_settings_voice_for_the_language_reads_it() -> None:
    ask("Привет, мир.", ANN, IRINA, languages={"ru": "irina"})
    with pytest.raises(NothingToSay, match="Chinese"):
        ask(CHINESE, ANN, IRINA, languages={"ru": "irina"})


def test_the_requests_voice_and_its_markups_decide() -> None:
    ask("Привет, мир.", ANN, IRINA, voice="irina")
    ask("<speak xml:lang='ru'>Привет, мир.</speak>", ANN, IRINA)
    ask(CHINESE, ANN, FISH, voice="fish")
    with pytest.raises(NothingToSay, match="ask for 'irina', which does, or"):
        ask("Привет, мир.", ANN, IRINA)


def test_the_setting_that_is_advised_is_one_for_that_script() -> None:
    with pytest.raises(NothingToSay, match=r'\[languages\] zh = "VOICE"'):
        ask(CHINESE)
    assert [language_of(script) for script in ("HANGUL", "HIRAGANA", "GREEK", "RUNIC")] == ["ko", "ja", "el", None]


def test_where_the_voice_cannot_speak_whoever_can_may_stand_in() -> None:
    broken = VoiceInfo("ann", "en-US", default=True, unavailable="half a file")
    ask("Привет, мир.", broken, IRINA)
    with pytest.raises(NothingToSay, match="'irina' cannot read it"):
        ask(CHINESE, broken, IRINA)
    ask(CHINESE, broken)  # nobody can speak: another error, and the truer one
