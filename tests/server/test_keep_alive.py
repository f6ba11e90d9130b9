"""keep_alive, with a clock that only the test moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.server.keep_alive import KeepAlive


def test_unused_models_expire() -> None:
    residency = KeepAlive()
    residency.keep("m", 5, now=10)
    assert (residency.expired(14.9), residency.next_expiry()) == ((), 15)
    assert residency.expired(15) == ("m",)
    residency.forget("m")
    assert (residency.expired(99), residency.next_expiry()) == ((), None)


def test_zero_is_at_once_and_negative_for_ever() -> None:
    residency = KeepAlive()
    residency.keep("now", 0, now=1)
    residency.keep("ever", -1, now=1)
    assert residency.expired(1) == ("now",)
    assert residency.expired(1e12) == ("now",)


def test_the_newest_wish_counts() -> None:
    residency = KeepAlive()
    residency.keep("m", -1, now=0)
    residency.keep("m", 1, now=0)
    assert residency.expired(1) == ("m",)


@given(st.lists(st.sampled_from(["enter", "leave"]), max_size=30))
def test_a_used_model_never_expires(moves: list[str]) -> None:
    residency, users = KeepAlive(), 0
    residency.keep("m", 0, now=0)
    for move in moves:
        if move == "enter":
            residency.enter("m")
            users += 1
        elif users:
            residency.leave("m")
            users -= 1
        assert residency.expired(1e9) == (() if users else ("m",))
        assert (residency.next_expiry() is None) is bool(users)
