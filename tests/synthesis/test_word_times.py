"""Words and when they begin: every written word once, in order, whatever is known of the spoken ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fishvoice.protocol import WordTime
from fishvoiced.synthesis.word_times import WordTimes

TEXT = "Twenty-six trains, 14 buses: gone!"


def words(found: list[WordTime], text: str = TEXT) -> list[tuple[str, float]]:
    return [(text[word.text_start : word.text_end], round(word.seconds, 3)) for word in found]


def test_estimates_stop_where_the_sound_has_come() -> None:
    times = WordTimes("one two three four", 0, 18)
    first = list(times.estimated(8, lambda place: place / 10))
    second = list(times.estimated(18, lambda place: place / 5))
    assert words(first + second, "one two three four") == [("one", 0.0), ("two", 0.4), ("three", 1.6), ("four", 2.8)]


def test_a_voices_own_times_are_put_on_the_written_words() -> None:
    spoken = [("twenty", 0.1), ("six", 0.4), ("trains", 0.7), ("fourteen", 1.1), ("buses", 1.6), ("gone", 2.2)]
    times = WordTimes(TEXT, 0, len(TEXT))
    found = [*times.spoken(spoken[:3]), *times.spoken(spoken[3:]), *times.rest(3.0)]
    assert words(found) == [("Twenty-six", 0.1), ("trains,", 0.7), ("14", 1.1), ("buses:", 1.6), ("gone!", 2.2)]


def test_words_that_are_written_otherwise_share_the_times_between_their_neighbours() -> None:
    times = WordTimes("from 5 kg on", 0, 12)
    found = [
        *times.spoken([("from", 0.0), ("five", 0.3), ("kilograms", 0.6), ("on", 1.2)]),
        *times.rest(1.5),
    ]
    assert words(found, "from 5 kg on") == [("from", 0.0), ("5", 0.3), ("kg", 0.6), ("on", 1.2)]


SPOKEN = st.lists(st.tuples(st.sampled_from([*TEXT.lower().split(), "fourteen", "x"]), st.floats(0, 9)), max_size=12)


@given(SPOKEN)
def test_every_word_is_told_once_and_in_order(spoken: list[tuple[str, float]]) -> None:
    times = WordTimes(TEXT, 0, len(TEXT))
    ordered = sorted(seconds for _, seconds in spoken)
    found = [*times.spoken([(word, at) for (word, _), at in zip(spoken, ordered, strict=True)]), *times.rest(9.0)]
    assert [word for word, _ in words(found)] == TEXT.split()
    assert [word.seconds for word in found] == sorted(word.seconds for word in found)
