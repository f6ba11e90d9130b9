"""The platform matrix says only what is so: for each of its cells the documentation tells how it was seen."""

from __future__ import annotations

import re

import pytest

from fishvoiced.doctor.platforms import Platform, matrix
from tools.harness.daemon_process import ROOT

COLUMNS = {
    Platform.LINUX: "Linux",
    Platform.MACOS_AIR: "macOS, all three",
    Platform.MACOS_PRO: "macOS, all three",
    Platform.MACOS_INTEL: "macOS, all three",
    Platform.WINDOWS: "Windows",
    Platform.OTHER: "another system",
}
CELLS = [(platform, cell.name) for platform, cells in matrix() for cell in cells]
CLAIM = re.compile(r"`(tests/[\w/]+\.py)`|\bnot run\b|\bnever ran\b|\bnever took\b|\bnone is known\b")


def evidence() -> dict[tuple[str, str], str]:
    """(column, row) → what stands in the table of docs/hardware.md."""
    text = (ROOT / "docs" / "hardware.md").read_text(encoding="utf-8").partition("### How each cell was seen")[2]
    rows = [line.strip("|").split("|") for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in row] for row in rows]
    return {(column, row[0]): cell for row in body for column, cell in zip(head[1:], row[1:], strict=True)}


@pytest.mark.parametrize(("platform", "name"), CELLS)
def test_each_cell_of_the_matrix_has_a_test_or_says_that_it_was_not_seen(platform: Platform, name: str) -> None:
    said = evidence()[COLUMNS[platform], name]
    claims = list(CLAIM.finditer(said))
    assert claims, said
    for claim in claims:
        assert claim[1] is None or (ROOT / claim[1]).is_file(), claim[1]


def test_the_documentation_claims_no_cell_that_the_matrix_has_not() -> None:
    assert set(evidence()) == {(COLUMNS[platform], name) for platform, name in CELLS}
