"""Who speaks which part of a text: by name, by language, or the request's own voice, with a word about it."""

from __future__ import annotations

import pytest

from fishvoice.protocol import VoiceInfo
from fishvoiced.text.markup import read
from fishvoiced.text.spans import Text
from fishvoiced.voices.by_voice import cast

VOICES = (
    VoiceInfo("main", language="en-US"),
    VoiceInfo("anna", language="de-DE"),
    VoiceInfo("bert", language="de-CH"),
    VoiceInfo("luc", language="fr"),
    VoiceInfo("gone", language="it", unavailable="its extra is not installed"),
    VoiceInfo("large"),
)


def parts(marked: str, languages: dict[str, str] | None = None) -> tuple[list[tuple[str, str | None]], tuple[str, ...]]:
    script, notices = cast(read(f"<speak>{marked}</speak>", "ssml"), "main", lambda: VOICES, languages or {})
    texts = [span for span in script.spans if isinstance(span, Text) and span.text.strip()]
    return [(span.text, span.style.voice) for span in texts], notices


@pytest.mark.parametrize(
    ("marked", "voice"),
    [
        ("x", None),
        ("<voice name='luc'>x</voice>", "luc"),
        ("<voice name='nobody luc'>x</voice>", "luc"),
        ("<voice name='main'>x</voice>", None),
        ("<lang xml:lang='fr-CA'>x</lang>", "luc"),
        ("<voice xml:lang='de'>x</voice>", "anna"),
        ("<lang xml:lang='en-GB'>x</lang>", None),
        ("<voice name='large'><lang xml:lang='fr'>x</lang></voice>", "large"),
        ("<p xml:lang='fr'>x</p>", "luc"),
    ],
)
def test_the_voice_asked_for_speaks(marked: str, voice: str | None) -> None:
    assert parts(marked) == ([("x", voice)], ())


def test_the_settings_decide_among_voices_of_a_language() -> None:
    assert parts("<lang xml:lang='de'>x</lang>", {"de": "bert"}) == ([("x", "bert")], ())


@pytest.mark.parametrize(
    ("marked", "notice"),
    [
        ("<voice name='nobody'>x</voice>", "there is no voice 'nobody'"),
        ("<lang xml:lang='fi'>x</lang>", "no voice here speaks 'fi'"),
        ("<voice name='gone'>x</voice>", "there is no voice 'gone'"),
        ("<lang xml:lang='it'>x</lang>", "no voice here speaks 'it'"),
    ],
)
def test_what_nobody_can_speak_is_spoken_by_the_requests_voice_and_told(marked: str, notice: str) -> None:
    spoken, notices = parts(marked)
    assert spoken == [("x", None)]
    assert len(notices) == 1
    assert notice in notices[0]


def test_nobody_is_looked_for_where_the_text_asks_for_nobody() -> None:
    script = read("plain <b>text</b>", "auto")
    assert cast(script, "main", lambda: pytest.fail("asked"), {}) == (script, ())


def test_a_parts_language_is_its_voices_own() -> None:
    script, _ = cast(read("<speak><voice name='luc'>x</voice></speak>", "ssml"), "main", lambda: VOICES, {})
    assert [span.style.language for span in script.spans if isinstance(span, Text)] == ["fr"]
