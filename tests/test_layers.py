"""The layers of the architecture: who may import what, and no circle anywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"fishvoiced": ROOT / "daemon", "fishvoice": ROOT / "client"}
KINDS = ("fishvoiced.backends",)

# Library or package: the folders and files that may import it.
DOORS = {
    "zmq": ("fishvoiced.transport", "fishvoice.connection", "fishvoiced.process.systemd"),
    "torch": (
        "fishvoiced.backends.fish.network",
        "fishvoiced.backends.fish.engine.torch_engine",
        "fishvoiced.backends.fish.engine.upstream_engine",
    ),
    "onnxruntime": ("fishvoiced.backends.onnx_sessions",),
    "onnx": ("fishvoiced.backends.fish.convert",),
    "huggingface_hub": ("fishvoiced.backends.fish.checkpoint.hub",),
    "av": ("fishvoice.encoding.aac",),
    "soundfile": ("fishvoice.encoding.compressed", "fishvoiced.backends.fish"),
    "hibari": ("fishvoiced.backends.light",),
    "piper": ("fishvoiced.backends.piper",),
}
# A layer: what it never imports, wherever in a file the import stands.
FORBIDDEN = {
    "fishvoiced.server": KINDS,
    "fishvoiced.inference": (*KINDS, "fishvoiced.server", "fishvoiced.monitor"),
    "fishvoiced.voices": KINDS,
    "fishvoiced.synthesis": (*KINDS, "fishvoiced.voices", "fishvoiced.inference", "fishvoiced.server"),
    "fishvoiced.text": (*KINDS, "fishvoiced.synthesis", "fishvoiced.voices", "fishvoiced.server"),
    "fishvoiced.transport": ("fishvoiced.server", "fishvoiced.inference", "fishvoiced.voices"),
    "fishvoiced.hardware": ("fishvoiced.monitor", "fishvoiced.doctor", *KINDS),
    "fishvoiced.monitor": ("fishvoiced.doctor", *KINDS),
    "fishvoice": ("fishvoiced", "numpy", "onnxruntime", "torch"),
}
ALLOWED = {  # the exceptions, each with its reason
    ("fishvoice.encoding", "numpy"),  # extras of their own encode sound there
}
MOST_FILES_IN_A_FOLDER = 14


def modules() -> dict[str, Path]:
    found = {}
    for package, base in SOURCES.items():
        for path in (base / package).rglob("*.py"):
            name = ".".join(path.relative_to(base).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports; of ``from a import b`` both a and a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def offences(layer: str, forbidden: tuple[str, ...]) -> Iterator[str]:
    for module, path in MODULES.items():
        if not within(module, layer):
            continue
        for line, imported in imports(path):
            for package in forbidden:
                allowed = any(within(module, who) and package == what for who, what in ALLOWED)
                if within(imported, package) and not allowed:
                    yield f"{path.relative_to(ROOT)}:{line} imports {imported}"


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_nothing_from_above_it(layer: str) -> None:
    assert sorted(set(offences(layer, FORBIDDEN[layer]))) == []


@pytest.mark.parametrize("library", DOORS)
def test_a_foreign_library_is_imported_behind_its_doors_only(library: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {imported}"
        for module, path in MODULES.items()
        for line, imported in imports(path)
        if within(imported, library) and not any(within(module, door) for door in DOORS[library])
    ]
    assert sorted(set(wrong)) == []


def test_there_is_no_circle_of_imports() -> None:
    # The two packages' faces hand names on when they are first asked for; whoever imports a module does not need them.
    faces = set(SOURCES)
    graph = {module: set(imported_modules(path)) - faces for module, path in MODULES.items() if module not in faces}
    assert circle(graph) == []


def imported_modules(path: Path) -> Iterator[str]:
    """Our own modules that a file imports; ``from package import module`` is the module alone."""
    names = {name for _, name in imports(path) if name in MODULES}
    return (name for name in names if not any(within(other, name) for other in names - {name}))


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of the graph, as the modules along it; empty if there is none."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for imported in sorted(graph[module]):
            if found := visit(imported, [*path, module]):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(graph) if (found := visit(module, []))), [])


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_no_folder_is_a_heap() -> None:
    heaps = {
        str(folder.relative_to(ROOT)): len(list(folder.glob("*.py")))
        for base in SOURCES.values()
        for folder in base.rglob("*")
        if folder.is_dir() and len(list(folder.glob("*.py"))) > MOST_FILES_IN_A_FOLDER
    }
    assert heaps == {}
