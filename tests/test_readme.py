"""The README tells the truth about the tree and the commands."""

from __future__ import annotations

import re

from fishvoice.cli import VERBS
from tools import tree


def test_the_tree_is_the_one_on_disk() -> None:
    assert tree.in_readme() == tree.tree(), "run: python -m tools.tree --write"


def test_every_source_file_says_what_it_owns() -> None:
    for package in tree.PACKAGES:
        for path in (tree.ROOT / package).rglob("*.py"):
            assert len(tree.purpose(path)) > 10, path


def test_every_verb_in_the_readme_exists() -> None:
    text = tree.README.read_text(encoding="utf-8")
    said = set(re.findall(r"(?:^|`|\| )fishvoice ([a-z][a-z-]+)", text, flags=re.MULTILINE))
    assert said <= set(VERBS), said - set(VERBS)
    assert {"say", "stop", "status", "voices", "models"} <= said
