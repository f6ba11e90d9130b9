"""A real speech-dispatcher speaks through the module, and the recording is listened to."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.integration.ear import found, heard_words
from tests.integration.rig import RATE, Desktop, Samples, eventually
from tests.integration.ssip import Client, connected

SENTENCES = (
    "The weather is fine today, and we are going out.",
    "Please open the window and close the door.",
    "There are three people waiting at the station.",
    "She wrote a long letter to her brother.",
)
# speech-dispatcher's client ends its thread by SystemExit.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
PANGRAM = "He said that the meeting would begin at nine and end before noon."


@pytest.fixture
def here(speaking_desktop: Desktop) -> Iterator[Desktop]:
    """The desktop, silent."""
    speaking_desktop.run("spd-say", "-C")
    eventually(lambda: speaking_desktop.microphone.quiet_for(0.3))
    yield speaking_desktop
    assert "mistake" not in speaking_desktop.log
    assert "Traceback" not in speaking_desktop.log


@pytest.fixture
def client(here: Desktop) -> Iterator[Client]:
    with connected(here) as client:
        yield client


def recorded(here: Desktop, client: Client, text: str) -> Samples:
    """The sound of ``text``, without silence around it."""
    since = here.microphone.position
    client.say(text)
    eventually(lambda: here.microphone.quiet_for(0.25))
    first, last = here.microphone.first_audible(since), here.microphone.last_audible(since)
    assert first is not None
    assert last is not None
    return here.microphone.heard(first)[: last - first]


def test_spd_say_is_understood(here: Desktop) -> None:
    shares = []
    for sentence in SENTENCES:
        since = here.microphone.position
        said = here.run("spd-say", "-o", "fishvoice", "-l", "en", "-w", sentence)
        assert said.returncode == 0, said.stderr
        eventually(lambda: here.microphone.quiet_for(0.25))
        shares.append(found(sentence, heard_words(here.microphone.heard(since))))
    assert np.mean(shares) >= 0.7, shares


def test_voices_are_listed(here: Desktop) -> None:
    listed = here.run("spd-say", "-o", "fishvoice", "-L").stdout
    known = here.run("python", "-m", "fishvoice", "voices")
    names = [line.lstrip("* ").split()[0] for line in known.stdout.splitlines() if line.strip()]
    assert names
    assert all(name in listed for name in names)


def test_events_of_a_message_with_marks(here: Desktop, client: Client) -> None:
    import speechd

    client.ssip.set_data_mode(speechd.DataMode.SSML)
    try:
        marked = " ".join(f'<mark name="{number}"/>{word}' for number, word in enumerate(SENTENCES[0].split()))
        spoken = client.speak(f"<speak>{marked}</speak>")
        spoken.wait("end")
    finally:
        client.ssip.set_data_mode(speechd.DataMode.TEXT)
    assert spoken.kinds[0] == "begin"
    assert spoken.kinds[-1] == "end"
    marks = [(mark, at) for event, mark, at in spoken.events if event == "index_marks"]
    assert [mark for mark, _ in marks] == [str(number) for number in range(10)]
    begin, end = spoken.at("begin"), spoken.at("end")
    middle = marks[5][1]
    assert begin + 0.2 * (end - begin) < middle < begin + 0.8 * (end - begin)


def test_a_letter_and_a_key_are_heard(here: Desktop, client: Client) -> None:
    for speak, what in ((client.ssip.char, "b"), (client.ssip.key, "shift_a"), (client.ssip.sound_icon, "message")):
        since = here.microphone.position
        speak(what)
        eventually(lambda since=since: here.microphone.first_audible(since))
        eventually(lambda: here.microphone.quiet_for(0.4))


@pytest.mark.parametrize(
    ("first", "second"),
    [("text", "important"), ("text", "message"), ("text", "text"), ("notification", "text")],
)
def test_what_interrupts_what(here: Desktop, client: Client, first: str, second: str) -> None:
    with connected(here, "another") as other:
        client.ssip.set_priority(first)
        other.ssip.set_priority(second)
        interrupted = client.speak(" ".join(SENTENCES))
        interrupted.wait("begin")
        urgent = other.speak("You have new mail.")
        urgent.wait("end")
        assert interrupted.kinds == ["begin", "cancel"]
        assert interrupted.at("cancel") <= urgent.at("begin")


def test_a_notification_is_dropped_while_text_is_spoken(here: Desktop, client: Client) -> None:
    with connected(here, "another") as other:
        text = client.speak(SENTENCES[0])
        text.wait("begin")
        other.ssip.set_priority("notification")
        dropped = other.speak("Nobody hears this.")
        text.wait("end")
        client.say("And now.")
        assert text.kinds == ["begin", "end"]
        assert dropped.kinds == []


def test_cancel_is_silence(here: Desktop, client: Client) -> None:
    spoken = client.speak(" ".join(SENTENCES))
    spoken.wait("begin")
    since = here.microphone.position
    eventually(lambda: here.microphone.first_audible(since))
    client.ssip.cancel()
    spoken.wait("cancel")
    eventually(lambda: here.microphone.quiet_for(0.2), within=1.0)


def test_a_storm_of_cancels_and_then_a_whole_sentence(here: Desktop, client: Client) -> None:
    begun = time.monotonic()
    for number in range(30):
        client.ssip.cancel()
        client.ssip.speak(f"Sentence number {number} of the storm.")
        time.sleep(0.03)
    assert time.monotonic() - begun <= 1.5
    client.ssip.cancel()
    eventually(lambda: here.microphone.quiet_for(0.3))
    alone = recorded(here, client, SENTENCES[1])
    assert found(SENTENCES[1], heard_words(alone)) >= 0.6
    assert len(alone) / RATE > 1.2


@pytest.mark.parametrize("sentences", [0, 1])
def test_pause_and_resume(here: Desktop, client: Client, sentences: int) -> None:
    """In the first sentence, and after one of the marks that the server puts between sentences."""
    spoken = client.speak(" ".join(SENTENCES[: sentences + 2]))
    spoken.wait("begin")
    time.sleep(0.4 + 3.2 * sentences)
    client.ssip.pause()
    spoken.wait("pause")
    eventually(lambda: here.microphone.quiet_for(0.5), within=2)
    since = here.microphone.position
    client.ssip.resume()
    spoken.wait("end", within=30)
    assert spoken.kinds == ["begin", "pause", "resume", "end"]
    assert here.microphone.first_audible(since) is not None


def test_rates_from_half_to_three_times(here: Desktop, client: Client) -> None:
    seconds = {}
    for rate in (-100, 0, 100):
        client.ssip.set_rate(rate)
        seconds[rate] = len(recorded(here, client, PANGRAM)) / RATE
    client.ssip.set_rate(0)
    assert seconds[-100] == pytest.approx(2 * seconds[0], rel=0.15)
    assert seconds[100] == pytest.approx(seconds[0] / 3, rel=0.2)


def test_faster_speech_is_understood_as_well(here: Desktop, client: Client) -> None:
    """At one and a half times the speed, as many words are understood, give or take one in twenty."""
    shares: dict[int, list[float]] = {0: [], 37: []}
    for rate, heard in shares.items():
        client.ssip.set_rate(rate)
        heard += [found(text, heard_words(recorded(here, client, text))) for text in (*SENTENCES, PANGRAM)]
    client.ssip.set_rate(0)
    assert np.mean(shares[37]) >= np.mean(shares[0]) - 0.05, shares


def test_pitch_and_volume(here: Desktop, client: Client) -> None:
    def crossings(samples: Samples) -> float:
        return float(np.mean(np.abs(np.diff(np.sign(samples.astype(np.float64))))) / 2)

    client.ssip.set_pitch(-100)
    low = recorded(here, client, SENTENCES[0])
    client.ssip.set_pitch(100)
    high = recorded(here, client, SENTENCES[0])
    client.ssip.set_pitch(0)
    assert len(high) == pytest.approx(len(low), rel=0.2)
    assert crossings(high) > 1.5 * crossings(low)
    client.ssip.set_volume(-50)
    soft = recorded(here, client, SENTENCES[0])
    client.ssip.set_volume(100)
    loud = recorded(here, client, SENTENCES[0])
    assert 0.15 < np.std(soft) / np.std(loud) < 0.4


def test_a_daemon_killed_in_the_middle_is_replaced(here: Desktop, client: Client) -> None:
    spoken = client.speak(" ".join(SENTENCES))
    spoken.wait("begin")
    here.daemon.kill()
    here.daemon.wait()
    spoken.wait("cancel", "end", within=10)
    client.say(SENTENCES[1])
    stop = here.run("python", "-m", "fishvoice", "shutdown")  # the one that the module started
    assert stop.returncode == 0
    here.start_daemon()
    client.say("Here I am again.")


def test_killing_spd_say_hurts_nobody(here: Desktop, client: Client) -> None:
    talker = subprocess.Popen(["spd-say", "-o", "fishvoice", "-w", " ".join(SENTENCES)], env=here.environment)
    eventually(lambda: not here.microphone.quiet_for(0.2))
    talker.kill()
    talker.wait()
    here.run("spd-say", "-S")
    client.say("Still here.")
