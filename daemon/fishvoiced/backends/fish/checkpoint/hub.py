"""The only door to ``huggingface_hub``: one repository's checkpoint, fetched into the cache that all tools share.

Tokens, mirrors, offline mode and the place of the cache are the library's: HF_TOKEN or ``hf auth login``, HF_ENDPOINT,
HF_HUB_OFFLINE, HF_HOME. A connection that breaks is resumed by the library; files that are whole are never fetched
again.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fishvoiced.backends.fish.checkpoint.folder import CODEC_FILES, MODEL_FILES
from fishvoiced.backends.fish.tokenizer import SPECIAL_FILE, TOKENIZER_FILE
from fishvoiced.errors import DownloadError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

S1_MINI = "fishaudio/s1-mini"
ALIASES = {S1_MINI: "fishaudio/openaudio-s1-mini", "fishaudio/openaudio-s1-mini": S1_MINI}
"""Both names of the same repository: a mirror or a cache may know only one of them."""
SMALL = ("config.json", TOKENIZER_FILE, SPECIAL_FILE)
INDEX = "model.safetensors.index.json"
WELCOME = ("fishvoice.json", "README.md", "LICENSE", "LICENSE.md")
SPARE_BYTES = 64 << 20
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of the work that is behind us (0 … 1)."""


@dataclass(frozen=True)
class HubId:
    """``OWNER/NAME`` or ``OWNER/NAME@REVISION``."""

    repo: str
    revision: str | None = None

    @staticmethod
    def parse(text: str) -> HubId | None:
        found = _ID.fullmatch(text)
        return None if found is None else HubId(found["repo"], found["revision"])

    @property
    def name(self) -> str:
        """The repository's own name, without its owner."""
        return self.repo.rpartition("/")[2]

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"


def fetch(hub: HubId, progress: Progress) -> Path:
    """The folder of the repository's files, downloaded where they are not in the cache. Raises DownloadError."""
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    huggingface_hub.logging.set_verbosity_error()  # type: ignore[no-untyped-call] # its retries would be lines between ours
    with _explained(hub):
        if huggingface_hub.constants.HF_HUB_OFFLINE:
            return _cached(hub)
        try:
            return _download(hub, progress)
        except RepositoryNotFoundError as error:
            other = ALIASES.get(hub.repo)
            if other is None or _status(error) in (401, 403):
                raise
            return _download(HubId(other, hub.revision), progress)


def _download(hub: HubId, progress: Progress) -> Path:
    from huggingface_hub import HfApi, hf_hub_download

    progress(f"asking for {hub}", 0.0)
    info = HfApi().model_info(hub.repo, revision=hub.revision, files_metadata=True)
    files = _chosen(hub, info.siblings or [])
    sizes = {file.rfilename: file.size or 0 for file in files}
    _check_space(hub, {file: size for file, size in sizes.items() if _in_cache(hub.repo, file, info.sha) is None})
    total, done = sum(sizes.values()) or 1, 0
    folder = Path()
    for file in files:
        bar = _reporting(progress, file.rfilename, done, total)
        path = Path(hf_hub_download(hub.repo, file.rfilename, revision=hub.revision, tqdm_class=bar))
        _check_content(path, file)
        folder, done = path.parent, done + sizes[file.rfilename]
        if folder.name != info.sha:
            raise DownloadError(f"{hub} was changed while it was being fetched; start again")
    return folder


def _chosen(hub: HubId, siblings: list[RepoSibling]) -> list[RepoSibling]:
    """What of the repository is needed. Raises DownloadError if it is no checkpoint that we read."""
    there = {file.rfilename: file for file in siblings}
    weights = [next((name for name in kinds if name in there), None) for kinds in (CODEC_FILES, MODEL_FILES)]
    missing = [name for name in SMALL if name not in there]
    missing += [kinds[0] for kinds, found in zip((CODEC_FILES, MODEL_FILES), weights, strict=True) if found is None]
    if missing:
        later = ": it holds sharded safetensors, as later Fish models do" if INDEX in there else ""
        raise DownloadError(
            f"{hub} has no {', '.join(missing)}{later}; only openaudio-s1-mini's format "
            f"({', '.join((*SMALL, CODEC_FILES[0], MODEL_FILES[0]))}) can be used"
        )
    shards = sorted(name for name in there if INDEX in weights and _SHARD.fullmatch(name))
    return [there[name] for name in (*SMALL, *weights, *shards, *WELCOME) if name in there]


def _cached(hub: HubId) -> Path:
    """Offline: what is already there. Raises DownloadError."""
    for repo in (hub.repo, ALIASES.get(hub.repo)):
        config = _in_cache(repo, SMALL[0], hub.revision) if repo is not None else None
        if config is not None and _is_whole(Path(config).parent):
            return Path(config).parent
    raise DownloadError(f"{hub} is not (whole) in the cache, and HF_HUB_OFFLINE forbids to fetch it")


def _is_whole(folder: Path) -> bool:
    there = {file.name for file in folder.iterdir()}
    return there.issuperset(SMALL) and not there.isdisjoint(MODEL_FILES) and not there.isdisjoint(CODEC_FILES)


def _in_cache(repo: str, file: str, revision: str | None) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, file, revision=revision)
    return found if isinstance(found, str) else None


def _check_space(hub: HubId, sizes: dict[str, int]) -> None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    needed, free = sum(sizes.values()) + SPARE_BYTES, shutil.disk_usage(folder).free
    if sizes and free < needed:
        raise DownloadError(
            f"{hub} needs {needed / 1e9:.2f} GB and {folder} has {free / 1e9:.2f} GB free; free some space, or set "
            "HF_HOME to a folder on another disk"
        )


def _check_content(path: Path, file: RepoSibling) -> None:
    """Raises DownloadError, and deletes the file, unless its content is what the hub says."""
    if file.lfs is None:
        return
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != file.lfs.sha256:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise DownloadError(f"{file.rfilename} came damaged (its SHA-256 is wrong) and was deleted; try again")


def _reporting(progress: Progress, name: str, done: int, total: int) -> type[Any]:
    """A progress bar, as the library wants one, that tells ``progress`` instead of drawing."""
    from tqdm import tqdm

    class Reporting(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{k: v for k, v in options.items() if k != "name"} | {"disable": True})
            self.behind = done + int(options.get("initial") or 0)
            self._show()

        def update(self, n: float | None = 1) -> bool | None:
            self.behind += int(n or 0)
            self._show()
            return None

        def _show(self) -> None:
            progress(f"downloading {name}: {self.behind / 1e6:.0f} of {total / 1e6:.0f} MB", self.behind / total)

    return Reporting


@contextmanager
def _explained(hub: HubId) -> Iterator[None]:
    """The library's errors as one sentence each that says what to do."""
    import httpx2  # what the library speaks HTTP with
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{hub.repo}"
    login = "log in with `hf auth login` or set HF_TOKEN"
    try:
        yield
    except errors.GatedRepoError as error:
        raise DownloadError(
            f"{hub} is given only to those who accept its licence: accept it at {page}, {login}, then: "
            f"fishvoice models pull {hub}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DownloadError(f"{hub.repo} has no revision {hub.revision!r}; see {page}") from error
    except errors.RepositoryNotFoundError as error:
        raise DownloadError(f"there is no {hub.repo} at {constants.ENDPOINT}; if it is private, {login}") from error
    except errors.HfHubHTTPError as error:
        if _status(error) in (401, 403):
            raise DownloadError(f"{hub} may not be fetched with this token: look at {page} and {login}") from error
        raise DownloadError(f"{constants.ENDPOINT} answers {_status(error)} for {hub}; try again later") from error
    except errors.LocalEntryNotFoundError as error:
        raise DownloadError(f"{constants.ENDPOINT} cannot be reached: {_first_line(error)}") from error
    except OSError as error:
        full = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or _first_line(error))
        raise DownloadError(f"{hub} could not be fetched: {full}; what is whole is kept, start again") from error
    except httpx2.ConnectError as error:
        raise DownloadError(f"{constants.ENDPOINT} cannot be reached: {_first_line(error)}") from error
    except httpx2.HTTPError as error:
        raise DownloadError(
            f"the connection to {constants.ENDPOINT} broke off ({_first_line(error)}); start again: files that are "
            "whole are kept"
        ) from error


def _status(error: Any) -> int | None:
    response = getattr(error, "response", None)
    return None if response is None else int(response.status_code)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
