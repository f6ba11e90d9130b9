"""A real speech-dispatcher speaks through the module, and the recording is listened to."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.integration.audio_compare import as_clear, audible, last_stretch, likeness, without_gaps
from tools.harness.desktop import RATE, Desktop, Samples, eventually
from tools.harness.ssip import Client, connected

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


def assert_whole(here: Desktop, recording: Samples) -> Samples:
    """``recording`` is all of what the daemon says for the last request, once. Returns the daemon's own sound."""
    direct = here.direct(**here.asked[-1])
    alike = likeness(audible(direct), recording)  # a soft beginning is not in the recording's excerpt
    assert alike.whole, alike
    return direct


def test_what_spd_say_says_is_heard_whole(here: Desktop) -> None:
    pairs = []
    for sentence in SENTENCES:
        since = here.microphone.position
        said = here.run("spd-say", "-o", "fishvoice", "-l", "en", "-w", sentence)
        assert said.returncode == 0, said.stderr
        eventually(lambda: here.microphone.quiet_for(0.25))
        recording = here.microphone.heard(since)
        assert here.asked[-1]["text"].strip() == sentence
        pairs.append((sentence, recording, assert_whole(here, recording)))
    as_clear(pairs)


def test_voices_that_can_speak_are_listed_and_no_others(here: Desktop) -> None:
    listed = here.run("spd-say", "-o", "fishvoice", "-L").stdout.split()
    known = json.loads(here.run("python", "-m", "fishvoice", "voices", "--json").stdout)
    able = {voice["name"]: voice.get("unavailable") is None for voice in known}
    assert any(able.values())
    assert {name: name in listed for name in able} == able


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
    assert here.asked[-1]["text"].strip() == SENTENCES[1]
    assert_whole(here, alone)


@pytest.mark.parametrize("sentences", [0, 1])
def test_pause_and_resume(here: Desktop, client: Client, sentences: int) -> None:
    """In the first sentence, and after one of the marks that the server puts between sentences."""
    first, second = (len(here.direct(sentence)) / RATE for sentence in SENTENCES[:2])
    spoken = client.speak(" ".join(SENTENCES[: sentences + 2]))
    spoken.wait("begin")
    time.sleep(0.4 if not sentences else first + 0.5 * second)
    client.ssip.pause()
    spoken.wait("pause")
    eventually(lambda: here.microphone.quiet_for(0.5), within=2)
    since = here.microphone.position
    client.ssip.resume()
    spoken.wait("end", within=30)
    eventually(lambda: here.microphone.quiet_for(0.3))
    assert spoken.kinds == ["begin", "pause", "resume", "end"]
    left = here.asked[-1]["text"].split()
    assert left == " ".join(SENTENCES[sentences : sentences + 2]).split(), "not from the last sentence that had begun"
    assert_whole(here, here.microphone.heard(since))


def test_rates_from_half_to_three_times(here: Desktop, client: Client) -> None:
    """As long as they should be, and with nothing lost on the way."""
    normal = len(here.direct(PANGRAM))
    for rate, speed in ((-100, 0.5), (37, 1.5), (100, 3.0)):
        client.ssip.set_rate(rate)
        sound = recorded(here, client, PANGRAM)
        client.ssip.set_rate(0)
        direct = assert_whole(here, sound)
        assert len(direct) * speed == pytest.approx(normal, rel=0.03)
        assert len(without_gaps(sound)) == pytest.approx(len(without_gaps(last_stretch(direct))), rel=0.05)


def test_faster_speech_is_as_clear_as_the_voice_itself(here: Desktop, client: Client) -> None:
    pairs = []
    client.ssip.set_rate(37)
    for text in (*SENTENCES, PANGRAM):
        sound = recorded(here, client, text)
        pairs.append((text, sound, here.direct(**here.asked[-1])))
    client.ssip.set_rate(0)
    as_clear(pairs)


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
    assert_whole(here, recorded(here, client, SENTENCES[1]))
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
    eventually(lambda: here.microphone.quiet_for(0.3))
    assert_whole(here, recorded(here, client, SENTENCES[2]))
