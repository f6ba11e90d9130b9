"""speech-dispatcher's protocol, without pipes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fishvoice.adapters.speechd import protocol
from fishvoice.adapters.speechd.protocol import Answer, Kind, Parser, Set, Speak

SESSION = (
    b"INIT\nAUDIO\naudio_output_method=server\n.\nLOGLEVEL\nlog_level=3\n.\nLIST VOICES\nLIST VOICES en none\n"
    b"SET\nrate=-20\nlanguage=NULL\nsynthesis_voice=a=b\n.\nSPEAK\n<speak>one\n..two\n.\nCHAR\n \n.\nKEY\nshift_a\n.\n"
    b"SOUND_ICON\nbell\n.\nSTOP\nPAUSE\nDEBUG ON /tmp/log\nDEBUG OFF\nnonsense\nQUIT\n"
)


def commands(data: bytes) -> list[protocol.Command]:
    return list(Parser().feed(data))


def test_every_command_is_understood() -> None:
    heard = [command for command in commands(SESSION) if not isinstance(command, Answer)]
    assert heard == [
        protocol.Init(),
        protocol.Audio((("audio_output_method", "server"),)),
        protocol.LogLevel((("log_level", "3"),)),
        protocol.ListVoices(),
        protocol.ListVoices(),
        Set((("rate", "-20"), ("language", "NULL"), ("synthesis_voice", "a=b"))),
        Speak(Kind.TEXT, "<speak>one\n.two"),
        Speak(Kind.CHARACTER, " "),
        Speak(Kind.KEY, "shift_a"),
        Speak(Kind.ICON, "bell"),
        protocol.Stop(),
        protocol.Pause(),
        protocol.Debug(True),
        protocol.Debug(False),
        protocol.Quit(),
    ]


def test_data_is_asked_for_before_it_is_sent() -> None:
    for word, code in ((b"SPEAK", b"202"), (b"CHAR", b"202"), (b"SET", b"203"), (b"AUDIO", b"207")):
        [answer] = commands(word + b"\n")
        assert isinstance(answer, Answer)
        assert answer.reply.startswith(code + b" ")
        assert answer.reply.endswith(b"\n")


def test_a_foreign_command_is_refused() -> None:
    assert commands(b"WHISTLE\n") == [Answer(protocol.UNKNOWN)]


def test_what_no_person_wrote_is_refused_and_forgotten() -> None:
    parser = Parser()
    list(parser.feed(b"SPEAK\n"))
    for _ in range(5):
        assert list(parser.feed(b"x" * (1 << 20))) == []
    assert list(parser.feed(b"\n.\nSTOP\n")) == [Answer(protocol.TOO_MUCH), protocol.Stop()]


@given(st.lists(st.integers(0, len(SESSION)), max_size=20))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(SESSION)]
    parser = Parser()
    pieces = (SESSION[start:end] for start, end in pairwise(places))
    assert [command for piece in pieces for command in parser.feed(piece)] == commands(SESSION)


@given(st.binary(max_size=400))
def test_garbage_is_answered_or_ignored(data: bytes) -> None:
    for command in commands(data + b"\n.\n"):
        assert not isinstance(command, Answer) or command.reply.endswith(b"\n")


@given(st.binary(max_size=400).map(lambda data: data + b"\n\x7d" if len(data) % 2 == 0 else data + b"\n"))
def test_sound_survives_its_way(pcm: bytes) -> None:
    sent = protocol.audio(pcm, 22050)
    *head, data, last = sent.removesuffix(b"\n").split(b"\n")
    assert last == b"705 AUDIO"
    assert [line.decode() for line in head] == [
        "705-bits=16",
        "705-num_channels=1",
        "705-sample_rate=22050",
        f"705-num_samples={len(pcm) // 2}",
        "705-big_endian=0",
    ]
    received, escaped = bytearray(), False
    for byte in data.removeprefix(b"705-AUDIO\0"):
        if byte == 0x7D and not escaped:
            escaped = True
        else:
            received.append(byte ^ 0x20 if escaped else byte)
            escaped = False
    assert bytes(received) == pcm


def test_names_stay_on_their_line() -> None:
    assert protocol.mark("a\nb\r").count(b"\n") == 2
    assert protocol.voices([("tab\there", None)]) == b"200-tab here\tnone\tnone\n200 OK VOICE LIST SENT\n"
