"""The tree of source files with each one's first docstring line, as the README shows it.

``python -m tools.tree`` prints it; ``python -m tools.tree --write`` puts it into the README.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- tree -->\n", "<!-- /tree -->\n"
PACKAGES = ("client/fishvoice", "daemon/fishvoiced")
WIDTH = 118


def tree() -> str:
    lines: list[str] = []
    for package in PACKAGES:
        lines.append(f"{package}/")
        lines += _lines(ROOT / package, 1)
    return "```\n" + "\n".join(lines) + "\n```\n"


def _lines(folder: Path, depth: int) -> Iterator[str]:
    files = [p for p in sorted(folder.glob("*.py")) if not p.name.startswith("__") or p.name == "__main__.py"]
    for path in files:
        yield _row("  " * depth + path.name, purpose(path))
    for sub in sorted(p for p in folder.iterdir() if p.is_dir() and (p / "__init__.py").exists()):
        yield _row("  " * depth + sub.name + "/", purpose(sub / "__init__.py"))
        yield from _lines(sub, depth + 1)


def purpose(path: Path) -> str:
    """The first sentence or line of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n")[0].replace("``", "").rstrip(".")


def _row(name: str, text: str) -> str:
    row = f"{name:<28} {text}"
    return row if len(row) <= WIDTH else row[: WIDTH - 1].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def in_readme() -> str:
    text = README.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put it into the README")
    if parser.parse_args().write:
        text = README.read_text(encoding="utf-8")
        before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
        README.write_text(before + tree() + after, encoding="utf-8")
    else:
        print(tree(), end="")


if __name__ == "__main__":
    main()
