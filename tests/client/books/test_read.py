"""``fishvoice read`` as a process: an audiobook with chapters, whatever interrupts it on the way."""

from __future__ import annotations

import hashlib
import signal
import struct
from pathlib import Path

import av
import pytest
import soundfile

from fishvoice.books.narration import AHEAD
from fishvoice.protocol import Synthesize
from tests.adapters.blocked_daemon import eventually
from tests.client.books.make import TITLES, make_epub
from tests.client.conftest import Spawn
from tests.fakes.daemon import Behaviour, FakeDaemon

SPEECH = Behaviour(chunks=2, samples=11025, sample_rate=22050)


class Voice(FakeDaemon):
    """The same text always has the same sound."""

    def pcm(self, request: Synthesize, index: int) -> bytes:
        level = int.from_bytes(hashlib.sha256(request.text.encode()).digest()[:2]) % 9000
        return struct.pack("<h", level) * self.behaviour.samples


def chapters_of(path: Path) -> list[tuple[str, float]]:
    with av.open(str(path)) as file:
        return [(each["metadata"]["title"], float(each["start"] * each["time_base"])) for each in file.chapters()]


def samples_of(path: Path) -> bytes:
    with av.open(str(path)) as file:
        return b"".join(frame.to_ndarray().tobytes() for frame in file.decode(audio=0))


def test_an_epub_becomes_one_file_with_its_chapters_though_it_is_killed_twice(home: Path, fishvoice: Spawn) -> None:
    book = make_epub(home / "book.epub")
    with Voice(SPEECH) as daemon:
        whole = fishvoice("read", str(book), "-o", str(home / "whole.m4b"), "--no-start")
        _, said = whole.communicate(timeout=90)
        assert whole.returncode == 0, said
        segments = len(daemon.requests)
        assert all(request.to_file for request in daemon.requests), "its parts can be made side by side"
    work = home / "book.m4b.part"
    for number in (1, 2):
        with Voice(Behaviour(2, 11025, 22050, delay=0.1)) as daemon:
            process = fishvoice("read", str(book), "-o", str(home / "book.m4b"), "--no-start")
            wanted = 4 * number
            eventually(lambda wanted=wanted: len(list(work.glob("*.flac"))) >= wanted, within=60)  # type: ignore[misc]
            process.kill()
            process.wait()
    done = len(list(work.glob("*.flac")))
    with Voice(SPEECH) as daemon:
        last = fishvoice("read", str(book), "-o", str(home / "book.m4b"), "--no-start")
        out, said = last.communicate(timeout=90)
        assert last.returncode == 0, said
        assert len(daemon.requests) == segments - done
    assert out.decode().strip() == str(home / "book.m4b")
    assert not work.exists()
    assert [title for title, _ in chapters_of(home / "book.m4b")] == TITLES
    starts = [start for _, start in chapters_of(home / "book.m4b")]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert samples_of(home / "book.m4b") == samples_of(home / "whole.m4b")
    with av.open(str(home / "book.m4b")) as file:
        assert file.metadata["title"] == "The Lighthouse"
        assert file.metadata["artist"] == "A. Keeper"
        assert len(file.streams.video) == 1  # the cover


def test_a_signal_stops_the_daemons_work_and_says_how_to_go_on(home: Path, fishvoice: Spawn) -> None:
    with Voice(Behaviour(2, 11025, 22050, delay=0.2)) as daemon:
        process = fishvoice("read", str(make_epub(home / "a.epub")), "-o", str(home / "a.m4b"), "--no-start")
        eventually(lambda: len(daemon.requests) == AHEAD, within=60)  # for engines that speak several at once
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert b"the same command goes on from here" in said
        eventually(lambda: daemon.cancels)


def test_a_folder_gets_an_mp3_per_chapter_and_only_those_that_are_wanted(home: Path, fishvoice: Spawn) -> None:
    book = make_epub(home / "book.epub")
    with Voice(SPEECH) as daemon:
        process = fishvoice(
            "read", str(book), "-o", str(home / "out"), "--chapters", "2-3", "--from", "3", "--no-start"
        )
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        assert all("chapter 3" in request.text for request in daemon.requests)
    files = list((home / "out").glob("*.mp3"))
    assert [file.name for file in files] == ["003 The Morning.mp3"]
    with soundfile.SoundFile(files[0]) as file:
        tags = file.copy_metadata()
    assert (tags["title"], tags["album"], tags["artist"], tags["tracknumber"]) == (
        "The Morning",
        "The Lighthouse",
        "A. Keeper",
        "3",
    )
    assert soundfile.info(files[0]).duration == pytest.approx(len(daemon.requests), abs=0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.epub",), "cannot read"),
        (("book.epub", "-o", "x.wav"), "name a file .m4a"),
        (("book.epub", "--chapters", "9"), "the chapters 1 to 3"),
        (("book.epub", "--chapters", "a"), "numbers like"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    home: Path, fishvoice: Spawn, arguments: tuple[str, ...], message: str
) -> None:
    make_epub(home / "book.epub")
    process = fishvoice("read", *arguments, "--no-start", cwd=home)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert message in said.decode()
    assert len(said.decode().splitlines()) == 1
