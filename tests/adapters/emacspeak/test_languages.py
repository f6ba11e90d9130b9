"""Emacspeak's language commands: which voice speaks after them."""

from __future__ import annotations

import threading

import pytest

from fishvoice.adapters.emacspeak import languages as module
from fishvoice.adapters.emacspeak.languages import Languages
from fishvoice.adapters.emacspeak.protocol import Language, LanguageStep, ListLanguages, PreferLanguage
from fishvoice.errors import DaemonUnavailable
from fishvoice.protocol import VoiceInfo


def voice(name: str, language: str | None, *, default: bool = False) -> VoiceInfo:
    return VoiceInfo(name=name, model="m", sample_rate=16000, default=default, language=language)


VOICES = (
    voice("hans", "de"),
    voice("nobody", None),
    voice("amy", "en-US", default=True),
    voice("kate", "en-GB"),
    voice("max", "de"),
)


def test_a_language_is_found_exactly_or_by_its_beginning() -> None:
    languages = Languages(lambda: VOICES)
    assert languages.voice is None
    for code, name in (("de", "hans"), ("en_GB", "kate"), ("en", "amy"), ("de-AT", "hans"), ("en-AU", "amy")):
        assert languages.handle(Language(code, False)) == ""
        assert languages.voice == name
    assert languages.handle(Language("de", True)) == "de"


def test_a_language_that_nobody_speaks_changes_nothing() -> None:
    languages = Languages(lambda: VOICES)
    languages.handle(Language("de", False))
    assert languages.handle(Language("fr", True)) == ""
    assert languages.voice == "hans"
    languages.reset()
    assert languages.voice is None


def test_steps_go_round_the_list_and_say_where_they_are() -> None:
    languages = Languages(lambda: VOICES)
    assert languages.handle(ListLanguages()) == "en-US, de, en-GB"
    assert [languages.handle(LanguageStep(1)) for _ in range(3)] == ["de", "en-GB", "en-US"]
    assert languages.voice == "amy"
    assert languages.handle(LanguageStep(-1)) == "en-GB"


def test_an_alias_means_what_was_preferred() -> None:
    languages = Languages(lambda: VOICES)
    languages.handle(PreferLanguage("en", "en-GB"))
    languages.handle(Language("en", False))
    assert languages.voice == "kate"


def test_without_a_daemon_nothing_changes_and_it_is_asked_again() -> None:
    answers: list[tuple[VoiceInfo, ...]] = []

    def ask() -> tuple[VoiceInfo, ...]:
        if not answers:
            raise DaemonUnavailable("no daemon runs")
        return answers[0]

    languages = Languages(ask)
    assert languages.handle(LanguageStep(1)) == ""
    assert languages.handle(ListLanguages()) == ""
    answers.append(VOICES)
    assert languages.handle(Language("de", True)) == "de"


def test_a_daemon_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VOICES_SECONDS", 0.01)
    answer = threading.Event()

    def ask() -> tuple[VoiceInfo, ...]:
        answer.wait(20)
        return ()

    languages = Languages(ask)
    try:
        assert languages.handle(Language("de", True)) == ""
    finally:
        answer.set()
