"""Accounts of turns, by themselves."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from fishvoiced.server.scheduling.turns import Turns


def test_who_comes_back_is_neither_ahead_nor_behind() -> None:
    turns = Turns()
    turns.join(b"a")
    turns.join(b"b")
    turns.leave(b"b")
    for _ in range(100):
        turns.give(b"a", 1.0, clients=1)
    turns.join(b"b")
    assert turns.given(b"b") == turns.given(b"a") == 100.0


def test_who_got_more_than_a_share_does_not_lose_that_by_leaving() -> None:
    turns = Turns()
    turns.join(b"a")
    turns.join(b"b")
    turns.give(b"a", 10.0, clients=2)
    turns.leave(b"a")
    turns.join(b"a")
    assert turns.given(b"a") > turns.given(b"b")


@given(st.integers(1, 2000))
def test_clients_that_come_once_and_go_leave_nothing_behind(number: int) -> None:
    turns = Turns()
    turns.join(b"stays")
    for key in range(number):
        turns.join(b"%d" % key)
        turns.give(b"%d" % key, 1.0, clients=2)
        turns.leave(b"%d" % key)
    assert len(turns._given) <= 4
