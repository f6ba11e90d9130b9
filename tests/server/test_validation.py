"""Names that are only names, for any text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.protocol import Synthesize
from fishvoiced.config import Limits
from fishvoiced.errors import BadRequest, UnknownVoice
from fishvoiced.server.validation import check, is_name


@pytest.mark.parametrize("name", ["starter", "Émile", "声", "s1-mini int4", "a.b_c+d@e", "7"])
def test_ordinary_names_pass(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a\0b", "~", "-rf", "a..b", "C:", "x.", "a\n", "x" * 65]
)
def test_paths_and_tricks_do_not(name: str) -> None:
    assert not is_name(name)


@given(st.text(max_size=40))
def test_no_name_leaves_its_folder(name: str) -> None:
    folder = Path("/voices")
    if is_name(name):
        assert (folder / name).resolve().parent == folder


def test_voices_are_checked_once_they_are_known() -> None:
    request = Synthesize(id="x", text="a", voice="v")
    check(request, Limits(), None)
    check(request, Limits(), {"v"})
    with pytest.raises(UnknownVoice, match="'v'"):
        check(request, Limits(), {"w"})


def test_a_reference_has_a_limit() -> None:
    limits = Limits(reference_bytes=4)
    check(Synthesize(id="x", text="a", payload=b"1234", reference_text="t"), limits, None)
    with pytest.raises(BadRequest, match="5 bytes"):
        check(Synthesize(id="x", text="a", payload=b"12345", reference_text="t"), limits, None)
