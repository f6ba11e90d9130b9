"""Emacspeak's commands, without pipes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.adapters.emacspeak import protocol
from fishvoice.adapters.emacspeak.protocol import Change, Parser, parse

# As Emacspeak 53 wrote it in batch.
SESSION = (
    b'tts_set_speech_rate 75\ntts_sync_state all 0 0 1 75\ns\nc { }\nq {Hello, this is " }\nc { }\nq {two\nlines }\nd\n'
    b"l {a}\nl { }\ntts_say { Now.}\nt 440 50\nsh 100\nr {90}\na /tmp/a.wav\np /tmp/b.wav\ntts_set_punctuations some\n"
    b"tts_set_character_scale 1.2\ntts_split_caps 1\ntts_capitalize  0\ntts_allcaps_beep  t\nset_lang en t \n"
    b"set_lang de nil \nset_next_lang t\nset_previous_lang nil\nset_preferred_lang en en-GB \nlist_lang\nb\nb 300\n"
    b"tts_reset \nversion\ntts_pause\ntts_resume\n"
)


def commands(data: bytes) -> list[protocol.Command]:
    return list(Parser().feed(data))


def test_a_session_is_understood() -> None:
    assert commands(SESSION) == [
        Change(rate=75),
        Change("all", False, False, True, 75),
        protocol.Stop(),
        protocol.Unknown("c { }"),
        protocol.Queue('Hello, this is "'),
        protocol.Unknown("c { }"),
        protocol.Queue("two\nlines"),
        protocol.Dispatch(),
        protocol.Letter("a"),
        protocol.Letter(" "),
        protocol.Say("Now."),
        protocol.QueueTone(440, 50),
        protocol.QueueSilence(100),
        protocol.QueueRate(90),
        protocol.QueueSound("/tmp/a.wav"),
        protocol.PlaySound("/tmp/b.wav"),
        Change(punctuations="some"),
        Change(character_scale=1.2),
        Change(split_caps=True),
        Change(capitalize=False),
        Change(allcaps_beep=True),
        protocol.Language("en", True),
        protocol.Language("de", False),
        protocol.LanguageStep(1),
        protocol.LanguageStep(-1),
        protocol.PreferLanguage("en", "en-GB"),
        protocol.ListLanguages(),
        protocol.QueueTone(523, 100),
        protocol.QueueTone(300, 100),
        protocol.Reset(),
        protocol.Version(),
        protocol.Pause(),
        protocol.Resume(),
    ]


@pytest.mark.parametrize(
    "line", ["r {fast}", "t x y", "tts_sync_state all", "tts_set_speech_rate", "{", "q" * 50, "\0"]
)
def test_what_makes_no_sense_is_no_command(line: str) -> None:
    assert isinstance(parse(line), protocol.Unknown)


def test_a_stray_brace_deafens_nobody() -> None:
    assert commands(b"q {a { b }\ns\n") == [protocol.Queue("a { b"), protocol.Stop()]


def test_an_endless_command_is_dropped() -> None:
    parser = Parser()
    for _ in range(40):
        list(parser.feed(b"q {" + b"x" * 100_000 + b"\n"))
    assert list(parser.feed(b"}\ns\n"))[-1] == protocol.Stop()


@given(st.lists(st.integers(0, len(SESSION)), max_size=20))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    parser = Parser()
    pieces = (SESSION[start:end] for start, end in pairwise([0, *sorted(cuts), len(SESSION)]))
    assert [command for piece in pieces for command in parser.feed(piece)] == commands(SESSION)


@given(st.binary(max_size=300))
def test_garbage_is_survived(data: bytes) -> None:
    assert commands(data + b"\n}\ns\n")[-1] == protocol.Stop()
