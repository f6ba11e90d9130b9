"""The chaos suite's ledger finds what it is there for."""

from __future__ import annotations

import hashlib

import pytest

from benchmarks.chaos.ledger import Account, Ledger
from fishvoice.protocol import AnyMessage, AudioChunk, AudioEnd, AudioStart, Error, Waiting

SOUND = hashlib.sha256(b"abcd").hexdigest()
START, END = AudioStart("a", 44100, "s16le", "starter"), AudioEnd("a", "complete")
FIRST, SECOND = AudioChunk("a", 0, 0, 0, 1, payload=b"ab"), AudioChunk("a", 1, 0, 0, 1, payload=b"cd")


def account(*said: AnyMessage, within: float | None = None) -> Ledger:
    ledger, one = Ledger(), Account(SOUND, within, began=0.0)
    for number, message in enumerate(said):
        ledger.receive(one, message, float(number))
    ledger.lose(one)
    return ledger


def test_a_whole_request_is_clean() -> None:
    ledger = account(Waiting("a", "queue"), START, FIRST, SECOND, END)
    assert ledger.clean()
    assert ledger.ends == {"complete": 1}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("lost", [START, FIRST]),
        ("doubled", [START, FIRST, SECOND, END, END]),
        ("doubled", [START, FIRST, SECOND, END, Error("internal", "x", "a")]),
        ("unordered", [START, SECOND, END]),
        ("unordered", [START, FIRST, SECOND, END, SECOND]),
        ("unequal", [START, FIRST, END]),
    ],
)
def test_what_is_wrong_is_counted(what: str, said: list[AnyMessage]) -> None:
    ledger = account(*said)
    assert ledger.wrong[what]
    assert not ledger.clean()


def test_a_promise_that_was_broken_is_counted() -> None:
    assert account(START, FIRST, SECOND, END, within=0.5).wrong == {"late": 1}
    assert account(START, FIRST, SECOND, END, within=5.0).clean()
