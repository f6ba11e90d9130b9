"""Front ends are found by the names that models give them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fishvoiced.backends.fish import frontends
from fishvoiced.text.english import LEXICON_FILE, EnglishFrontend
from fishvoiced.text.misaki import MisakiFrontend, NumberedFrontend, numbered


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (frontends.ENGLISH, EnglishFrontend),
        (frontends.MISAKI, MisakiFrontend),
        (frontends.NUMBERED, NumberedFrontend),
    ],
)
def test_each_name_has_its_kind_with_the_voices_lexicon(name: str, kind: type, tmp_path: Path) -> None:
    (tmp_path / LEXICON_FILE).write_bytes(gzip.compress("cat kˈæt\n".encode()))
    frontend = frontends.load(name, tmp_path)
    assert type(frontend) is kind
    assert frontend("cat") == (numbered("kˈæt") if kind is NumberedFrontend else "kˈæt")
    assert name in frontends.NAMES
