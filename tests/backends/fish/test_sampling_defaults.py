"""Sampling where nobody says otherwise: what upstream's own server takes."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import asdict
from pathlib import Path

import pytest

from fishvoiced.backends.fish.config import SamplingDefaults


def server_defaults(schema: Path) -> dict[str, float]:
    """Of the request that the server of fish-speech 0.1.0 reads; its module needs libraries that nobody here has."""
    (request,) = [
        node
        for node in ast.parse(schema.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "ServeTTSRequest"
    ]
    return {
        field.target.id: field.value.value
        for field in request.body
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(field.value, ast.Constant)
        and isinstance(field.value.value, float)
    }


def test_the_defaults_are_those_of_upstreams_server() -> None:
    spec = importlib.util.find_spec("fish_speech")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("upstream's package is not here")
    theirs = server_defaults(Path(spec.submodule_search_locations[0]) / "utils" / "schema.py")
    ours = asdict(SamplingDefaults())
    assert {name: theirs[name] for name in ours} == ours
