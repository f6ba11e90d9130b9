"""What is heard for written text: a table of cases of every kind (`cases.tsv`), read as `fishvoice pronounce` reads."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from fishvoiced.text.pronounce import pronounce

CASES = Path(__file__).with_name("cases.tsv")


class Case(NamedTuple):
    name: str
    text: str
    heard: tuple[str, ...]
    not_heard: str

    @classmethod
    def parse(cls, row: list[str]) -> Case:
        name, text, heard, not_heard = [*row, "", ""][:4]
        return cls(name, text.replace("\\n", "\n").replace("\\\\", "\\"), tuple(heard.split(" ;; ")), not_heard)


def cases() -> list[Case]:
    with CASES.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Case.parse(row) for row in rows if row and not row[0].startswith("#")]


def said(text: str) -> str:
    """All that is spoken, in lower case."""
    return " ".join(segment["spoken"] for segment in pronounce(text)["segments"] if "spoken" in segment).lower()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_written_text_is_heard_as_it_is_meant(case: Case) -> None:
    spoken = said(case.text)
    for wanted in case.heard:
        assert re.search(wanted.strip(), spoken), f"{spoken!r} lacks {wanted!r}"
    if case.not_heard:
        assert not re.search(case.not_heard, spoken), f"{spoken!r} has {case.not_heard!r}"
