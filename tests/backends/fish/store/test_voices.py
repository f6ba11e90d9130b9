"""Voices on a real disk: saved, found, removed, damaged, and names that try to leave the folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.backends.fish.config import CodecConfig, SamplingDefaults
from fishvoiced.backends.fish.store.voices import CODES_FILE, VOICE_FILE, Listing, VoiceStore
from fishvoiced.backends.fish.types import Reference
from fishvoiced.errors import BadReference, BadRequest, DaemonError, UnknownVoice

CODEC = CodecConfig(num_codebooks=3, semantic_codebook_size=64, codebook_size=16)


def reference(seed: int = 0, frames: int = 20) -> Reference:
    return Reference(np.random.default_rng(seed).integers(0, 16, (3, frames)), "Hello 你好")


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    return VoiceStore(tmp_path / "voices")


def test_there_and_back(store: VoiceStore, tmp_path: Path) -> None:
    sampling = SamplingDefaults(0.5, 0.7, 1.2)
    added = store.add("Ann_2", "s1-mini", reference(), CODEC, language="en", description="warm", sampling=sampling)
    again = VoiceStore(tmp_path / "voices")
    assert again.all() == Listing((added,), ())
    assert again.get("Ann_2") == added
    assert (added.model, added.language, added.description) == ("s1-mini", "en", "warm")
    assert added.sampling == sampling
    loaded = again.reference("Ann_2", CODEC)
    assert loaded.text == "Hello 你好"
    assert loaded.codes.dtype == np.int64
    np.testing.assert_array_equal(loaded.codes, reference().codes)
    assert again.path("Ann_2") == tmp_path / "voices" / "Ann_2"


def test_no_folder_is_no_voices(store: VoiceStore) -> None:
    assert store.all() == Listing((), ())
    with pytest.raises(UnknownVoice, match="your voices: none yet"):
        store.get("ann")


def test_unknown_voice_names_the_known(store: VoiceStore) -> None:
    store.add("ann", "m", reference(), CODEC)
    store.add("bob", "m", reference(), CODEC)
    with pytest.raises(UnknownVoice, match="no voice 'eve'; your voices: ann, bob"):
        store.reference("eve", CODEC)


def test_hash_follows_codes_and_text(store: VoiceStore) -> None:
    one = store.add("a", "m", reference(0), CODEC).reference_hash
    assert store.add("b", "m", reference(0), CODEC, description="other").reference_hash == one
    assert store.add("c", "m", reference(1), CODEC).reference_hash != one
    assert store.add("d", "m", Reference(reference(0).codes, "Hello"), CODEC).reference_hash != one


def test_taken_names(store: VoiceStore) -> None:
    store.add("ann", "m", reference(0), CODEC)
    with pytest.raises(BadRequest, match="already is a voice 'ann'"):
        store.add("ann", "m", reference(1), CODEC)
    np.testing.assert_array_equal(store.reference("ann", CODEC).codes, reference(0).codes)
    store.add("ann", "m", reference(1), CODEC, replace=True)
    np.testing.assert_array_equal(store.reference("ann", CODEC).codes, reference(1).codes)


def test_nothing_is_left_behind(store: VoiceStore, tmp_path: Path) -> None:
    store.add("ann", "m", reference(), CODEC)
    store.add("ann", "m", reference(), CODEC, replace=True)
    with pytest.raises(BadRequest):
        store.add("ann", "m", reference(), CODEC)
    assert os.listdir(tmp_path / "voices") == ["ann"]
    store.remove("ann")
    assert os.listdir(tmp_path / "voices") == []
    with pytest.raises(UnknownVoice):
        store.remove("ann")


def test_work_under_way_is_no_voice(store: VoiceStore, tmp_path: Path) -> None:
    store.add("ann", "m", reference(), CODEC)
    (tmp_path / "voices" / ".new-x").mkdir()
    (tmp_path / "voices" / "notes.txt").write_text("mine")
    assert [voice.name for voice in store.all().voices] == ["ann"]
    assert store.all().damaged == ()


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "/etc", "a b", "-a", "_a", "é", "a\n", "a\x00", "CON", "Com1", "x" * 65],
)
def test_bad_names(store: VoiceStore, name: str) -> None:
    with pytest.raises(BadRequest, match="use up to 64 letters, digits"):
        store.add(name, "m", reference(), CODEC)
    for use in (store.get, store.remove, store.path):
        with pytest.raises(UnknownVoice):
            use(name)


@given(st.text(st.characters(exclude_categories=()), max_size=12))
def test_no_name_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "names"
    try:
        path = VoiceStore(folder).path(name)
    except UnknownVoice:
        return
    assert path.parent == folder


def edit(**changes: object) -> Callable[[Path], None]:
    def damage(voice: Path) -> None:
        data = json.loads((voice / VOICE_FILE).read_text())
        (voice / VOICE_FILE).write_text(json.dumps({k: v for k, v in (data | changes).items() if v is not None}))

    return damage


def save(codes: object) -> Callable[[Path], None]:
    return lambda voice: np.save(voice / CODES_FILE, codes, allow_pickle=True)  # type: ignore[arg-type]


def truncate(name: str, size: int) -> Callable[[Path], None]:
    return lambda voice: os.truncate(voice / name, size)


@pytest.mark.parametrize(
    "damage",
    [
        lambda voice: (voice / VOICE_FILE).unlink(),
        lambda voice: (voice / CODES_FILE).unlink(),
        lambda voice: (voice / VOICE_FILE).write_bytes(b"\xff{"),
        lambda voice: (voice / VOICE_FILE).write_text("[]"),
        lambda voice: (voice / CODES_FILE).write_bytes(b""),
        lambda voice: (voice / CODES_FILE).write_bytes(b"\x93NUMPY\x01\x00nonsense"),
        truncate(VOICE_FILE, 20),
        truncate(CODES_FILE, 60),
        truncate(CODES_FILE, 200),
        edit(model=None),
        edit(reference_text=7),
        edit(reference_text="other words"),
        edit(format_version=99),
        edit(sampling={"temperature": "hot"}),
        save(np.zeros((3, 20), np.int32)),
        save(np.zeros((3, 20), np.float64)),
        save(np.array([{"a": 1}], dtype=object)),  # would need pickle
        save(np.zeros((3, 0), np.int32)),
    ],
)
def test_damaged_voices_are_reported_and_can_be_removed(
    store: VoiceStore, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    whole = store.add("whole", "m", reference(), CODEC)
    store.add("torn", "m", reference(), CODEC)
    damage(tmp_path / "voices" / "torn")
    listing = store.all()
    assert listing.voices == (whole,)
    assert [damaged.name for damaged in listing.damaged] == ["torn"]
    assert "'torn'" in listing.damaged[0].reason
    with pytest.raises(BadReference, match="'torn'"):
        store.get("torn")
    store.remove("torn")
    assert store.all() == Listing((whole,), ())


def test_unknown_keys_are_left_alone(store: VoiceStore, tmp_path: Path) -> None:
    voice = store.add("ann", "m", reference(), CODEC)
    edit(tags=["new"])(tmp_path / "voices" / "ann")
    assert store.get("ann") == voice


@pytest.mark.parametrize(
    "codes",
    [np.zeros((4, 5), int), np.zeros((3, 0), int), np.zeros(3, int), np.full((3, 5), -1), np.full((3, 5), 16)],
)
def test_codes_must_fit_the_codec(store: VoiceStore, codes: np.ndarray) -> None:
    with pytest.raises(BadReference, match="codec"):
        store.add("ann", "m", Reference(codes, "x"), CODEC)
    assert store.all() == Listing((), ())


def test_semantic_codes_may_be_larger(store: VoiceStore) -> None:
    codes = np.array([[63, 40], [15, 0], [0, 15]])
    store.add("ann", "m", Reference(codes, "x"), CODEC)
    np.testing.assert_array_equal(store.reference("ann", CODEC).codes, codes)


def test_voice_of_another_model(store: VoiceStore) -> None:
    store.add("ann", "s1-mini", reference(), CODEC)
    with pytest.raises(BadReference, match="made for the model 's1-mini'"):
        store.reference("ann", CodecConfig(num_codebooks=10))


def test_text_that_is_no_unicode(store: VoiceStore) -> None:
    with pytest.raises(BadReference, match="UTF-8"):
        store.add("ann", "m", Reference(reference().codes, "a\udcff"), CODEC)


def test_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DaemonError, match="cannot be saved"):
        VoiceStore(tmp_path / "file").add("ann", "m", reference(), CODEC)
