"""Simulated hours on notebooks: nobody waits for an urgent word, long texts are whole, and resting keeps its bounds."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoiced.monitor.throttle import LONGEST_WAIT_SECONDS, Phase
from tools.thermal_notebook import FANLESS, FANNED, SLOWEST, STEP_WORK, Document, Notebook, Simulation

URGENT_RTF = 0.2
# The step under way, then the word's own work, all at the slowest clock.
LONGEST_URGENT = (STEP_WORK + URGENT_RTF) / SLOWEST + 0.5

notebooks = st.builds(
    lambda book, ohm, ambient: replace(book, ohm=book.ohm * ohm, ambient=ambient),
    st.sampled_from([FANLESS, FANNED]),
    st.floats(0.5, 2.5),  # from a cold table to a pillow
    st.floats(0.0, 45.0),
)


@settings(max_examples=25, deadline=None)
@given(notebooks, st.floats(0.1, 20.0), st.floats(0.0, 0.9))
def test_on_any_notebook_an_urgent_word_comes_at_once_and_a_text_comes_whole(
    notebook: Notebook, rtf: float, others: float
) -> None:
    document = Document(rtf=rtf, sound_seconds=600.0 / rtf)  # ten minutes of work
    day = Simulation(notebook, document, others=lambda now: others, urgent_rtf=URGENT_RTF).run(3 * 3600.0)
    assert day.finished_at is not None, "the text was not spoken to its end"
    assert max((took for _, took in day.urgent), default=0.0) <= LONGEST_URGENT
    assert day.rested <= LONGEST_WAIT_SECONDS + 1e-6


@pytest.mark.parametrize("notebook", [FANLESS, FANNED], ids=lambda book: str(book.name))
def test_care_keeps_the_machine_cooler_and_costs_little_sound(notebook: Notebook) -> None:
    hot, cared = (Simulation(notebook, Document(rtf=3.0), cares=cares).run(3600.0) for cares in (False, True))
    assert Phase.THROTTLED in cared.phases
    assert fmean(cared.temperatures) < fmean(hot.temperatures)
    assert fmean(cared.clocks) > fmean(hot.clocks)
    assert cared.sounds[-1] > 0.9 * hot.sounds[-1]


def test_a_neighbours_heat_costs_a_long_text_nothing() -> None:
    def sound(*, cares: bool) -> float:
        simulation = Simulation(FANNED, Document(rtf=3.0), cares=cares, others=lambda now: 0.7)
        return simulation.run(1800.0).sounds[-1]

    assert sound(cares=True) == pytest.approx(sound(cares=False))


def test_a_cheap_voice_is_never_slowed_down() -> None:
    day = Simulation(FANLESS, Document(rtf=0.1)).run(1800.0)
    assert Phase.COOLDOWN in day.phases
    assert day.rested == 0.0
