"""The list of source files with each one's first docstring line, as ``docs/files.md`` shows it.

``python -m tools.tree`` prints it; ``python -m tools.tree --write`` writes the page.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "files.md"
PACKAGES = ("client/fishvoice", "daemon/fishvoiced")
HEADING = """# Files

One line per source file: the first line of its docstring. Written by `scripts/docs`; a test compares.
"""


def page() -> str:
    """The whole page."""
    lines = [HEADING]
    for package in PACKAGES:
        lines += _folder(ROOT / package)
    return "\n".join(lines)


def _folder(folder: Path) -> Iterator[str]:
    yield f"## {folder.relative_to(ROOT).as_posix()}/\n"
    yield f"{purpose(folder / '__init__.py')}.\n"
    files = [p for p in sorted(folder.glob("*.py")) if p.name != "__init__.py"]
    if files:
        yield "| file | purpose |\n|---|---|"
        yield from (f"| `{path.name}` | {purpose(path)} |" for path in files)
        yield ""
    for sub in sorted(p for p in folder.iterdir() if (p / "__init__.py").exists()):
        yield from _folder(sub)


def purpose(path: Path) -> str:
    """The first line of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n")[0].replace("``", "`").replace("|", "\\|").rstrip(".")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/files.md")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
