"""How long words are taken to be: longer ones longer, small ones short, numbers as they are spoken; there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.synthesis.spoken_length import PAUSE_SECONDS, Course, word_seconds
from fishvoiced.text.lines import Line


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [("the", "thee"), ("cat", "caterpillar"), ("of", "off"), ("made", "mayday"), ("да", "длинное"), ("hop", "hoping")],
)
def test_what_takes_longer_is_longer(shorter: str, longer: str) -> None:
    assert 0 < word_seconds(shorter) < word_seconds(longer)


def test_a_silent_e_is_no_syllable() -> None:
    assert word_seconds("plane") == word_seconds("plan")


def test_numbers_take_as_long_as_what_is_spoken() -> None:
    written, spoken = Course(Line.of("It cost 27 pounds.")), Course(Line.of("It cost twenty seven pounds."))
    assert written.seconds == pytest.approx(spoken.seconds)
    assert written.at(11) == pytest.approx(spoken.at(21))


def test_a_comma_is_a_pause() -> None:
    with_comma, without = Course(Line.of("Yes, indeed.")), Course(Line.of("Yes indeed."))
    assert with_comma.at(5) - without.at(4) > PAUSE_SECONDS


@given(st.text(min_size=1, max_size=60), st.floats(0, 1))
def test_time_goes_on_with_the_text(text: str, share: float) -> None:
    course = Course(Line.of(text))
    places = [course.at(place) for place in range(len(text) + 1)]
    assert course.seconds > 0
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= course.seconds + 1e-9
    assert 0 <= course.place(share * course.seconds) <= len(text) + 1
