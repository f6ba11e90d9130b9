"""README and docs tell the truth about files, commands and links, and stay short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fishvoice.cli import VERBS
from tools import tree

README = tree.ROOT / "README.md"
README_LINES = 160
PAGES = sorted([README, tree.ROOT / "CONTRIBUTING.md", *(tree.ROOT / "docs").glob("*.md")])


def test_the_list_of_files_is_the_one_on_disk() -> None:
    assert tree.PAGE.read_text(encoding="utf-8") == tree.page(), "run: scripts/docs"


def test_every_source_file_says_what_it_owns() -> None:
    for package in tree.PACKAGES:
        for path in (tree.ROOT / package).rglob("*.py"):
            assert len(tree.purpose(path)) > 10, path


def test_the_readme_names_every_folder() -> None:
    text = README.read_text(encoding="utf-8")
    for package in tree.PACKAGES:
        for folder in (tree.ROOT / package).iterdir():
            if (folder / "__init__.py").exists():
                assert f"`{folder.name}/`" in text, f"no line for {folder.name}/"


def test_every_command_in_the_readme_exists() -> None:
    text = README.read_text(encoding="utf-8")
    said = set(re.findall(r"(?:^|`|\| )fishvoice ([a-z][a-z-]+)", text, flags=re.MULTILINE))
    assert said <= {name.split()[0] for name in VERBS}, said
    assert {"say", "stop", "status", "voices", "models"} <= said


def test_the_readme_stays_a_page_or_two() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= README_LINES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_links_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
    for module in re.findall(r"`(?:python -m )((?:benchmarks|tools)(?:\.\w+)+)", text):
        path = tree.ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or path.is_dir(), f"{page.name} names {module}"
