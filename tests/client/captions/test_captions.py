"""Captions: every word once, in order, within the sound; and in files that players read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.captions.files import LINE_CHARACTERS, LINE_SECONDS, lines, write
from fishvoice.captions.words import TimedWord, WordCollector
from fishvoice.cli.listeners import Share
from fishvoice.errors import InvalidRequest
from fishvoice.protocol import WordTime
from fishvoice.speech import Chunk
from tests.client.conftest import Spawn
from tests.fakes.daemon import Behaviour, FakeDaemon

WORDS = [
    TimedWord("Dr.", 0.0, 0.4),
    TimedWord("Who", 0.4, 0.9),
    TimedWord("<sat>.", 0.9, 1.5),
    TimedWord("Then", 3661.5, 3662),
]


def chunk(seconds: float, words: list[tuple[int, int, float]], end: int = 0) -> Chunk:
    pcm = bytes(2 * round(seconds * 1000))
    return Chunk(pcm, 0, 0, 0, end, 1000, "s16le", words=tuple(WordTime(*word) for word in words))


def test_a_word_ends_where_the_next_one_begins_and_the_last_with_the_sound() -> None:
    collector = WordCollector()
    collector.begin("one two")
    first = collector.chunk(chunk(0.5, [(0, 3, 0.0)])) + collector.chunk(chunk(0.5, [(4, 7, 0.6)]))
    assert first == [TimedWord("one", 0.0, 0.6)]
    assert collector.finish() == [TimedWord("two", 0.6, 1.0)]
    collector.begin("three")
    assert collector.chunk(chunk(0.5, [(0, 5, 0.1)])) + collector.finish() == [TimedWord("three", 1.1, 1.5)]


def test_subrip() -> None:
    assert write(WORDS, "a.srt") == (
        "1\n00:00:00,000 --> 00:00:01,500\nDr. Who <sat>.\n\n2\n01:01:01,500 --> 01:01:02,000\nThen\n"
    )


def test_webvtt() -> None:
    assert write(WORDS, "a.vtt").startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nDr. Who &lt;sat&gt;.\n")


def test_json() -> None:
    assert json.loads(write(WORDS, "A.JSON"))[1] == {"word": "Who", "start": 0.4, "end": 0.9}


def test_other_suffixes_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"\.srt, \.vtt or \.json"):
        write(WORDS, "a.txt")


@given(st.lists(st.tuples(st.text("ab.!", min_size=1, max_size=60), st.floats(0, 3)), max_size=30))
def test_lines_keep_every_word_and_stay_readable(words: list[tuple[str, float]]) -> None:
    at, timed = 0.0, []
    for word, seconds in words:
        timed.append(TimedWord(word, at, at + seconds))
        at += seconds
    found = list(lines(timed))
    assert [word for line in found for word in line] == timed
    for line in found:
        assert len(line) == 1 or len(" ".join(word.word for word in line)) <= LINE_CHARACTERS
        assert len(line) == 1 or line[-1].end - line[0].start <= LINE_SECONDS


def test_the_command_writes_captions_beside_the_sound(home: Path, fishvoice: Spawn) -> None:
    text = "Alpha beta gamma."
    with FakeDaemon(Behaviour(chunks=3, samples=22050, words=True)):
        out = ("--out", str(home / "a.flac"), "--captions", str(home / "a.json"))
        process = fishvoice("say", text, *out, "--pitch", "1.5", "--volume", "0.5", "--events", "--no-start")
        said, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors
    assert (home / "a.flac").read_bytes()[:4] == b"fLaC"
    found = json.loads((home / "a.json").read_text())
    assert [(each["word"], each["start"], each["end"]) for each in found] == [
        ("Alpha", 0.0, 0.5),
        ("beta", 0.5, 1.0),
        ("gamma.", 1.0, 1.5),
    ]
    chunks = [json.loads(line) for line in said.splitlines() if b'"chunk"' in line]
    assert [each["seconds"] for each in chunks] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("arguments", [("--out", "a.xyz"), ("--out", "a"), ("--captions", "a.txt", "--out", "a.wav")])
def test_unknown_suffixes_are_refused_before_anything_is_spoken(
    home: Path, fishvoice: Spawn, arguments: tuple[str, ...]
) -> None:
    with FakeDaemon() as daemon:
        process = fishvoice("say", "Hi.", *arguments, "--no-start", cwd=home)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert re.match(r"fishvoice: a\S*: ", errors.decode())
        assert not daemon.requests
    assert not list(home.glob("a*"))


@pytest.mark.parametrize(
    ("suffix", "magic"),
    [("mp3", b"\xff\xfb"), ("ogg", b"OggS"), ("opus", b"OggS"), ("wav", b"RIFF"), ("aac", b"\xff\xf1")],
)
def test_the_suffix_names_the_format(home: Path, fishvoice: Spawn, suffix: str, magic: bytes) -> None:
    with FakeDaemon(Behaviour(chunks=9, samples=4410)):
        process = fishvoice("say", "Hi.", "--out", str(home / f"a.{suffix}"), "--no-start")
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert (home / f"a.{suffix}").read_bytes().startswith(magic)


def test_m4a_can_be_played(home: Path, fishvoice: Spawn) -> None:
    av = pytest.importorskip("av")
    with FakeDaemon(Behaviour(chunks=10, samples=4410)):
        assert fishvoice("say", "Hi.", "--out", str(home / "a.m4a"), "--no-start").wait(30) == 0
    with av.open(os.fspath(home / "a.m4a")) as file:
        assert float(file.duration / av.time_base) == pytest.approx(1.0, abs=0.1)


def test_the_share_and_the_time_that_is_left() -> None:
    now = [0.0]
    share = Share(400, lambda: now[0])
    assert str(share) == "0%"
    share.piece(0, "x" * 100)
    share.chunk(0, chunk(1, [], end=0))
    now[0] = 30.0
    share.chunk(0, chunk(1, [], end=100))
    assert str(share) == "25%, 1:30 left"
    share.piece(1, "x" * 300)
    share.chunk(1, chunk(1, [], end=100))
    now[0] = 60.0
    assert str(share) == "50%, 1:00 left"
