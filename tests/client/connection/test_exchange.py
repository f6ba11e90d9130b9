"""Order and credit, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.connection.exchange import RequestTable
from fishvoice.errors import FishvoiceError, ProtocolError, RequestFailed
from fishvoice.protocol import AnyMessage, AudioChunk, AudioEnd, AudioStart, Cancel, Credit, Error, Ok, Synthesize

START = AudioStart("a", 44100, "s16le", "starter")
END = AudioEnd("a", "complete")


def chunk(index: int, pcm: bytes = b"\0\0") -> AudioChunk:
    return AudioChunk("a", index, 0, 0, 1, payload=pcm)


@pytest.fixture
def session() -> RequestTable:
    session = RequestTable()
    session.open(Synthesize("a", "x", credit=4))
    return session


def test_a_whole_request(session: RequestTable) -> None:
    said: list[AnyMessage] = [START, chunk(0), chunk(1), END]
    assert [session.receive(each) for each in said] == [[("a", each)] for each in said]
    assert not session.open_requests


@pytest.mark.parametrize(
    "said",
    [
        [chunk(0)],
        [START, START],
        [START, chunk(1)],
        [START, chunk(0), chunk(0)],
        [START, chunk(0, b"")],
        [START, chunk(0, b"\0\0\0")],
        [Ok()],
    ],
    ids=["early", "twice", "gap", "again", "empty", "odd", "foreign"],
)
def test_what_breaks_the_rules_ends_the_request(session: RequestTable, said: list[AnyMessage]) -> None:
    *fine, bad = said
    for each in fine:
        session.receive(each)
    [(request, event)] = session.receive(bad)
    assert request == "a"
    assert isinstance(event, ProtocolError)
    assert session.receive(chunk(2)) == []


def test_an_error_is_the_last_event(session: RequestTable) -> None:
    [(_, event)] = session.receive(Error("busy", "later", "a", 2.0))
    assert isinstance(event, RequestFailed)
    assert (event.code, str(event), event.retry_after) == ("busy", "later", 2.0)
    assert session.receive(END) == []


def test_an_error_for_nobody_is_for_all(session: RequestTable) -> None:
    session.open(Synthesize("b", "y"))
    events = session.receive(Error("bad_message", "what?"))
    assert {request for request, _ in events} == {"a", "b"}
    assert not session.open_requests


def test_nothing_is_heard_of_a_cancelled_request(session: RequestTable) -> None:
    session.receive(START)
    assert session.cancel("a") == Cancel("a")
    assert session.cancel("a") is None
    assert session.receive(chunk(0)) == []
    assert session.use("a") is None


def test_an_id_in_use_is_refused(session: RequestTable) -> None:
    with pytest.raises(ProtocolError, match="in use"):
        session.open(Synthesize("a", "again"))


@given(st.integers(1, 200), st.lists(st.booleans(), max_size=400))
def test_credit_never_exceeds_what_was_used(window: int, steps: list[bool]) -> None:
    """True: the daemon sends a chunk if it may. False: the caller uses one if there is one. It never gets stuck."""
    session = RequestTable()
    session.open(Synthesize("a", "x", credit=window))
    session.receive(START)
    may_send, sent, used = window, 0, 0
    for send in steps + [True] * window + [False] * (2 * window) + [True]:
        if send and may_send:
            session.receive(chunk(sent))
            may_send, sent = may_send - 1, sent + 1
        elif not send and used < sent:
            used += 1
            credit = session.use("a")
            may_send += credit.chunks if credit else 0
        assert sent - used <= window
    assert may_send > 0 or sent > used, "all is used, and the daemon still waits for credit"


def test_underruns_are_told_at_once(session: RequestTable) -> None:
    session.receive(START)
    assert session.use("a") is None
    assert session.use("a", underruns=2) == Credit("a", 2, 2)


def test_all_requests_hear_of_a_loss(session: RequestTable) -> None:
    why = FishvoiceError("gone")
    assert session.lose(why) == [("a", why)]
    assert session.lose(why) == []
