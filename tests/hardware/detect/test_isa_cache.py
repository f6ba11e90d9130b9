"""The cached slow look at the instruction set."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishvoiced.hardware.detect import collect as collecting
from fishvoiced.hardware.detect.isa_cache import isa_cache_file, learn_isa, unknown_isa, with_cached_isa
from fishvoiced.hardware.facts import HardwareFacts, Isa

WINDOWS = HardwareFacts(machine="AMD64", brand="Some CPU", isa=Isa(avx2=True, avx512f=False))


def test_learns_in_the_background_and_remembers(tmp_path: Path) -> None:
    pytest.importorskip("cpuinfo")
    cache = tmp_path / "state" / "isa.json"
    done: list[HardwareFacts] = []
    learn_isa(WINDOWS, cache, done.append).join(60)
    assert len(done) == 1
    assert done[0].isa.avx_vnni is not None
    assert done[0].isa.dotprod is None, "not a question for this machine"
    assert (done[0].isa.avx2, done[0].isa.avx512f) == (True, False), "what was known stays"
    assert with_cached_isa(WINDOWS, cache) == done[0]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"brand": "Other CPU", "flags": ["avx2"]}'])
def test_a_missing_broken_or_foreign_cache_changes_nothing(tmp_path: Path, content: str | None) -> None:
    cache = tmp_path / "isa.json"
    if content is not None:
        cache.write_text(content)
    assert with_cached_isa(WINDOWS, cache) == WINDOWS


def test_what_the_system_does_not_tell_is_asked_once_and_known_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    monkeypatch.setattr(collecting, "_read", lambda _: WINDOWS)
    first = collecting.collect()
    assert unknown_isa(first) == ("avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8")
    learn_isa(first, isa_cache_file(), lambda _: None).join(60)
    assert unknown_isa(collecting.collect()) == ()


def test_a_cache_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done: list[HardwareFacts] = []
    learn_isa(WINDOWS, tmp_path / "file" / "isa.json", done.append).join(60)
    assert done[0].isa.avx_vnni is not None
