"""Hostile checkpoints, models and voices: nothing is written or read outside, and a bad folder costs itself alone."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.checkpoint.weight_files import open_table
from fishvoiced.backends.fish.config import FORMAT_FILE, ModelConfig
from fishvoiced.backends.fish.convert.importer import checkpoint_hash
from fishvoiced.backends.fish.store.catalog import STARTER_FOLDER, Catalog
from fishvoiced.backends.fish.store.models import ABOUT, CONFIG, ConvertedModel, ModelStore
from fishvoiced.backends.fish.store.parts import MANIFEST, sha256
from fishvoiced.backends.fish.store.verification import problems
from fishvoiced.backends.fish.store.voices import VoiceStore
from fishvoiced.backends.fish.tokenizer import SPECIAL_FILE, TOKENIZER_FILE
from fishvoiced.backends.untrusted import UntrustedFolder, is_plain_name
from fishvoiced.cli.models.command import models_command
from fishvoiced.errors import CheckpointError, DaemonError, ModelStoreError

CONVERTED = next((STARTER_FOLDER / "converted").iterdir())


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of the test's own, to be made hostile."""
    return shutil.copytree(STARTER_FOLDER, tmp_path / "downloads" / "voice", ignore=shutil.ignore_patterns("converted"))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store with one good model and one to be made hostile."""
    shutil.copytree(CONVERTED, tmp_path / "models" / "good")
    shutil.copytree(CONVERTED, tmp_path / "models" / "hostile")
    return ModelStore(tmp_path / "models")


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


HOSTILE_EXTRAS: list[dict[str, Any]] = [
    {"name": "../../escaped"},
    {"name": "/tmp/escaped"},
    {"name": "a/b"},
    {"name": "a\\b"},
    {"name": ".."},
    {"name": ".hidden"},
    {"name": "x" * 300},
    {"name": "nul\0byte"},
    {"name": "line\nbreak"},
    {"name": "CON"},
    {"name": 5},
    {"name": ["a"]},
    {"name": {"a": 1}},
    {"assets": ["lexicon.txt.gz", "../../../../x.txt"]},
    {"assets": ["/etc/passwd"]},
    {"assets": ["."]},
    {"assets": [""]},
    {"assets": "lexicon.txt.gz"},
    {"assets": [5]},
    {"assets": ["lexicon.txt.gz"] * 100},
    {"assets": {"a": "b"}},
    {"codec": []},
    {"codec": {"sample_rate": 0}},
    {"codec": {"sample_rate": -1}},
    {"codec": {"sample_rate": 10**12}},
    {"codec": {"sample_rate": "16000"}},
    {"codec": {"decoder_rates": [0, 1]}},
    {"codec": {"decoder_rates": [10**9] * 4}},
    {"codec": {"decoder_rates": [2] * 1000}},
    {"codec": {"num_codebooks": 10**6}},
    {"codec": {"latent_dim": None}},
    {"sampling": {"temperature": "hot"}},
    {"sampling": {"top_p": 1e400}},
    {"sampling": 3},
    {"description": "x" * 10**6},
    {"license": ["GPL"]},
    {"frontend": {"run": "rm"}},
]


@pytest.mark.parametrize("extras", HOSTILE_EXTRAS, ids=lambda extras: json.dumps(extras)[:40])
def test_a_hostile_description_is_one_clear_sentence_and_nothing_is_written(
    checkpoint: Path, tmp_path: Path, extras: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.txt").write_text("the user's own")
    before = sorted(tmp_path.rglob("*"))
    change(checkpoint / FORMAT_FILE, **extras)
    assert models_command(["import", str(checkpoint)], ModelStore(tmp_path / "models")) == 1
    said = capsys.readouterr().err.strip()
    assert said.splitlines()[-1].startswith("fishvoice: ")
    assert "Traceback" not in said
    assert str(checkpoint) in said.replace("\n", "")
    assert [path for path in sorted(tmp_path.rglob("*")) if "models" not in path.parts] == before
    assert problems(checkpoint)


@pytest.mark.parametrize("file", ["config.json", FORMAT_FILE, "special_tokens.json"])
@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "5", "null", '"text"', nested(100_000), "[" * 100_000, '{"a": NaN}', "\ud800", "{}" + "x" * 10],
    ids=range(11),
)
def test_what_is_no_json_object_of_the_right_shape_is_told(checkpoint: Path, file: str, content: str) -> None:
    (checkpoint / file).write_bytes(content.encode(errors="surrogatepass"))
    found = problems(checkpoint)
    assert found
    assert all(str(checkpoint) in each for each in found)


def link(path: Path, to: Path) -> None:
    path.unlink()
    path.symlink_to(to)


def pipe(path: Path, to: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path, to: Path) -> None:
    path.unlink()
    path.mkdir()


def dangling(path: Path, to: Path) -> None:
    path.unlink()
    path.symlink_to(to / "nowhere")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
@pytest.mark.parametrize("instead", [link, pipe, folder, dangling])
@pytest.mark.parametrize("file", ["config.json", FORMAT_FILE, "model.pth", "lexicon.txt.gz", TOKENIZER_FILE])
def test_links_pipes_and_folders_in_place_of_files_are_refused(
    checkpoint: Path, tmp_path: Path, file: str, instead: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "secret").write_text("{}")
    instead(checkpoint / file, tmp_path / "secret")
    assert problems(checkpoint)
    with pytest.raises(CheckpointError):
        checkpoint_hash(recognize(checkpoint))


def test_the_hubs_cache_with_its_links_to_blobs_is_read_and_a_link_elsewhere_is_not(
    checkpoint: Path, tmp_path: Path
) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / ("0" * 40)
    blobs = tmp_path / "models--a--b" / "blobs"
    shutil.copytree(checkpoint, blobs)
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
    assert problems(snapshot) == []
    assert checkpoint_hash(recognize(snapshot)) == checkpoint_hash(recognize(checkpoint))
    (tmp_path / "secret").write_bytes((checkpoint / "lexicon.txt.gz").read_bytes())
    (snapshot / "lexicon.txt.gz").unlink()
    (snapshot / "lexicon.txt.gz").symlink_to(tmp_path / "secret")
    assert problems(snapshot)
    with pytest.raises(CheckpointError, match="link"):
        checkpoint_hash(recognize(snapshot))


def test_a_good_checkpoint_and_a_good_model_have_no_problems(checkpoint: Path) -> None:
    assert problems(checkpoint) == []
    assert problems(CONVERTED) == []


HOSTILE_MANIFESTS = [
    "[]",
    '{"format":1,"files":{"a":5}}',
    '{"format":1,"checkpoint":5,"files":{}}',
    '{"format":1,"checkpoint":"x","files":[]}',
    '{"format":1,"checkpoint":"x","files":{"a":[1]}}',
    '{"format":1,"checkpoint":"x","files":{"../../x":[1,"2"]}}',
    '{"format":1,"checkpoint":"x","files":{"/etc/passwd":[1,"2"]}}',
    '{"format":"1","checkpoint":"x","files":{}}',
    '{"format":1e99,"checkpoint":"x","files":{}}',
    nested(100_000),
    "null",
    "\0",
]


@pytest.mark.parametrize("manifest", HOSTILE_MANIFESTS, ids=range(len(HOSTILE_MANIFESTS)))
def test_a_bad_model_costs_that_model_alone(store: ModelStore, tmp_path: Path, manifest: str) -> None:
    (tmp_path / "models" / "hostile" / ABOUT / MANIFEST).write_text(manifest)
    errors = [each for each in store.models() if isinstance(each, ModelStoreError)]
    assert len(errors) == 1
    assert "hostile" in str(errors[0])
    catalog = Catalog(store, VoiceStore(tmp_path / "voices"))
    infos = {info.name: info.unavailable for info in catalog.infos()}
    assert infos.keys() == {"starter", "hostile"}
    assert infos["starter"] is None
    assert infos["hostile"], "with the reason, for `voices list`"
    assert store.find("starter") is not None
    assert models_command(["verify"], store) == 1
    assert models_command(["verify", "good"], store) == 0


def resign(model: Path, content: str) -> None:
    """Put ``content`` into model.json, with a manifest that fits: only the contents are wrong."""
    about = model / ABOUT
    (about / CONFIG).write_text(content)
    manifest = json.loads((about / MANIFEST).read_text())
    manifest["files"][CONFIG] = [(about / CONFIG).stat().st_size, sha256(about / CONFIG)]
    (about / MANIFEST).write_text(json.dumps(manifest))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["../x", "/x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document."""
    yield path
    for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(inner, (*path, key))


def altered(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = altered(copy[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize("file", ["config.json", FORMAT_FILE, SPECIAL_FILE])
def test_no_change_of_a_checkpoints_json_does_more_than_one_clear_error(file: str) -> None:
    original = json.loads((STARTER_FOLDER / file).read_text())
    where = list(places(original))

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(where), json_values)
    def attack(place: tuple[Any, ...], value: Any) -> None:
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name) / "voice"
            copy.mkdir()
            for each in ("config.json", FORMAT_FILE, SPECIAL_FILE, TOKENIZER_FILE):
                shutil.copy(STARTER_FOLDER / each, copy)
            (copy / file).write_text(json.dumps(altered(original, place, value)))
            try:
                config = ModelConfig.from_checkpoint(copy)
            except CheckpointError:
                pass
            else:
                assert is_plain_name(config.name)
                assert all(map(is_plain_name, config.assets))
            assert isinstance(problems(copy), list)  # and nothing is raised
            assert sorted(os.listdir(name)) == ["voice"]

    attack()


@pytest.mark.parametrize("file", [MANIFEST, CONFIG])
def test_no_change_of_a_models_json_does_more_than_one_clear_error(file: str) -> None:
    original = json.loads((CONVERTED / ABOUT / file).read_text())
    where = list(places(original))

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(where), json_values)
    def attack(place: tuple[Any, ...], value: Any) -> None:
        with tempfile.TemporaryDirectory() as name:
            models = Path(name) / "models"
            shutil.copytree(CONVERTED / ABOUT, models / "hostile" / ABOUT)
            content = json.dumps(altered(original, place, value))
            if file == CONFIG:
                resign(models / "hostile", content)
            else:
                (models / "hostile" / ABOUT / file).write_text(content)
            for each in ModelStore(models).models():
                assert isinstance(each, ConvertedModel | ModelStoreError)
                if isinstance(each, ConvertedModel):
                    assert is_plain_name(each.name)

    attack()


def test_a_linked_model_or_part_is_followed_nowhere(store: ModelStore, tmp_path: Path) -> None:
    shutil.move(tmp_path / "models" / "hostile", tmp_path / "elsewhere")
    (tmp_path / "models" / "hostile").symlink_to(tmp_path / "elsewhere")
    errors = [str(each) for each in store.models() if isinstance(each, ModelStoreError)]
    assert len(errors) == 1
    assert "link" in errors[0]
    store.remove("hostile")
    assert (tmp_path / "elsewhere" / ABOUT).is_dir()


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format_version": "1"}', nested(100_000), '{"format_version":1,"model":["x"]}']
)
def test_a_bad_voice_costs_that_voice_alone(tmp_path: Path, content: str) -> None:
    voice = tmp_path / "voices" / "mine"
    voice.mkdir(parents=True)
    (voice / "voice.json").write_text(content)
    (voice / "codes.npy").symlink_to("/dev/zero")
    listing = VoiceStore(tmp_path / "voices").all()
    assert listing.voices == ()
    assert [damaged.name for damaged in listing.damaged] == ["mine"]


@given(st.text(max_size=120))
def test_a_plain_name_leads_nowhere(name: str) -> None:
    if is_plain_name(name):
        assert Path("/a/b", name).resolve().parent == Path("/a/b")
        assert os.sep not in name
        assert "\0" not in name


def test_reading_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big.json").write_bytes(b"x" * 101)
    with pytest.raises(DaemonError, match="101 bytes; the limit is 100"):
        UntrustedFolder(tmp_path, DaemonError).read("big.json", 100)


@pytest.mark.parametrize("shard", ["../secret", "/etc/passwd", "", ".", "a/b"])
def test_an_index_of_weights_names_files_of_its_own_folder_only(tmp_path: Path, shard: str) -> None:
    index = tmp_path / "voice" / "model.safetensors.index.json"
    index.parent.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    index.write_text(json.dumps({"weight_map": {"a.weight": shard}}))
    with pytest.raises(CheckpointError, match="shards that do not lie beside it"):
        open_table(index)
