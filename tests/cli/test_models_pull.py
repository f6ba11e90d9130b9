"""``fishvoice models pull``, as a person runs it, against a hub on the loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fishvoiced.backends.fish.checkpoint.weight_files import open_table
from tools.harness.hub import COMMIT, Hub, serving

REPO = "someone/little-fish"


@pytest.fixture
def hub(tiny_checkpoint: Path) -> Iterator[Hub]:
    made = Hub.of(REPO, tiny_checkpoint)
    made.files["README.md"] = b"---\nlicense: cc-by-nc-sa-4.0\n---\n# A fish\n"
    made.files["assets.bin"] = b"nobody needs this"
    with serving(made) as running:
        yield running


class Person:
    """Somebody with an empty home."""

    def __init__(self, home: Path, hub: Hub) -> None:
        self.home = home
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "FISHVOICE_"))},
            "FISHVOICE_HOME": str(home / "fishvoice"),
            "HF_HOME": str(home / "hf"),
            "HF_ENDPOINT": hub.address,
            "HF_HUB_DISABLE_XET": "1",
        }

    def models(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fishvoice", "models", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment | environment, timeout=100)


@pytest.fixture
def person(tmp_path: Path, hub: Hub) -> Person:
    return Person(tmp_path, hub)


def test_a_pull_fetches_what_is_needed_imports_it_and_says_what_to_type(person: Person, hub: Hub) -> None:
    done = person.models("pull", REPO, "--precision", "int8", "--name", "fish")
    assert done.returncode == 0, done.stderr
    assert 'say it: fishvoice say --voice fish "Hello"' in done.stdout
    assert "licence CC-BY-NC-SA-4.0 (not for commercial use)" in done.stderr
    assert any(line.lstrip().startswith("100%") for line in done.stderr.splitlines()), "progress comes as lines"
    assert not any("assets.bin" in request for request in hub.requests)
    listed = person.models("list")
    assert listed.stdout.startswith("fish: ")
    assert "licence CC-BY-NC-SA-4.0" in person.models("show", "fish").stdout
    assert person.models("verify").returncode == 0


def test_what_was_fetched_once_is_not_fetched_again(person: Person, hub: Hub) -> None:
    assert person.models("pull", f"{REPO}@{COMMIT}", "--precision", "fp32").returncode == 0
    hub.requests.clear()
    again = person.models("import", REPO, "--precision", "fp16")
    assert again.returncode == 0, again.stderr
    assert not [request for request in hub.requests if request.startswith("GET /someone")]
    offline = person.models("pull", REPO, "--precision", "fp32", HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr


def test_a_connection_that_breaks_is_resumed_where_it_broke(person: Person, hub: Hub) -> None:
    chunk = 10 << 20  # what the library writes at a time
    hub.files["LICENSE"] = bytes(chunk + 9000)
    hub.cut["LICENSE"] = chunk + 5000
    done = person.models("pull", REPO, "--precision", "fp32")
    assert done.returncode == 0, done.stderr
    assert f"GET /{REPO}/resolve/main/LICENSE bytes={chunk}-" in hub.requests


def test_a_gated_repository_names_the_licence_page_and_the_command(person: Person, hub: Hub) -> None:
    hub.token = "hf_secret"
    for environment in ({}, {"HF_TOKEN": "hf_other"}):
        refused = person.models("pull", REPO, **environment)
        assert refused.returncode == 1
        (line,) = [line for line in refused.stderr.splitlines() if line.startswith("fishvoice:")]
        assert f"accept it at {hub.address}/{REPO}" in line
        assert "hf auth login" in line
        assert f"fishvoice models pull {REPO}" in line
        assert "hf_" not in line
    accepted = person.models("pull", REPO, "--precision", "fp32", HF_TOKEN="hf_secret")
    assert accepted.returncode == 0, accepted.stderr


def test_who_is_logged_in_needs_no_variable(person: Person, hub: Hub) -> None:
    hub.token = "hf_secret"
    (person.home / "hf").mkdir()
    (person.home / "hf" / "token").write_text("hf_secret")  # where `hf auth login` puts it
    accepted = person.models("pull", REPO, "--precision", "fp32")
    assert accepted.returncode == 0, accepted.stderr


def test_without_a_name_it_is_s1_mini_under_either_of_its_names(person: Person, hub: Hub) -> None:
    hub.repo = "fishaudio/openaudio-s1-mini"
    done = person.models("pull", "--precision", "fp32")
    assert done.returncode == 0, done.stderr
    assert 'say it: fishvoice say --voice s1-mini "Hello"' in done.stdout


def test_a_file_with_a_wrong_hash_is_deleted_and_told(person: Person, hub: Hub) -> None:
    hub.wrong_hash.add("codec.pth")
    refused = person.models("pull", REPO)
    assert refused.returncode == 1
    assert "codec.pth came damaged" in refused.stderr
    assert "little-fish" not in person.models("list").stdout
    hub.wrong_hash.clear()
    assert person.models("pull", REPO, "--precision", "fp32").returncode == 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("someone/nobody", "there is no someone/nobody"),
        (f"{REPO}@v9", "has no revision 'v9'"),
        ("no such folder", "does not exist"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(person: Person, asked: str, says: str) -> None:
    refused = person.models("pull", asked)
    assert refused.returncode == 1
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_repository_of_another_format_is_refused_before_anything_large_is_fetched(person: Person, hub: Hub) -> None:
    del hub.files["codec.pth"]
    hub.files["model.safetensors.index.json"] = b"{}"
    refused = person.models("pull", REPO)
    assert "has no codec.pth" in refused.stderr
    assert not [request for request in hub.requests if "resolve" in request]


def test_without_a_connection_it_says_so(person: Person) -> None:
    refused = person.models("pull", REPO, HF_ENDPOINT="http://127.0.0.1:9")
    assert refused.returncode == 1
    assert "cannot be reached" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounts a small disk")
def test_a_disk_that_is_too_small_is_told_beforehand_with_figures(person: Person, hub: Hub) -> None:
    disk = person.home / "hf"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("no right to mount")
    try:
        refused = person.models("pull", REPO)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert refused.returncode == 1
    assert "GB free" in refused.stderr
    assert not [request for request in hub.requests if request.startswith("GET /someone")]
    shutil.rmtree(disk)


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="no prlimit")
def test_a_disk_that_gets_full_on_the_way_is_told_and_the_next_pull_goes_on(person: Person, hub: Hub) -> None:
    largest = max(map(hub.size, hub.files))
    command = ["prlimit", f"--fsize={largest // 2}", sys.executable, "-m", "fishvoice", "models", "pull", REPO]
    broken = subprocess.run(command, capture_output=True, text=True, env=person.environment, timeout=100, check=False)
    assert broken.returncode == 1
    assert "could not be fetched" in broken.stderr
    assert "start again" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert person.models("pull", REPO, "--precision", "int8").returncode == 0


def test_safetensors_in_shards_are_fetched_and_imported(
    person: Person, hub: Hub, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    del hub.files["model.pth"]
    table = open_table(tiny_checkpoint / "model.pth")
    arrays = {name: np.ascontiguousarray(weight.read()) for name, weight in table.items()}
    names = sorted(arrays)
    where = {}
    for i, shard in enumerate((names[::2], names[1::2]), start=1):
        file = f"model-{i:05}-of-00002.safetensors"
        save_file({name: arrays[name] for name in shard}, tmp_path / file)
        hub.files[file] = tmp_path / file
        where |= dict.fromkeys(shard, file)
    hub.files["model.safetensors.index.json"] = json.dumps({"weight_map": where}).encode()
    done = person.models("pull", REPO, "--precision", "fp32")
    assert done.returncode == 0, done.stderr
    offline = person.models("pull", REPO, "--precision", "fp32", HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr
