"""The NVDA add-on as one file to open: the driver, this client, and the libraries, as NVDA's Python wants them."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import fishvoice
from fishvoice.adapters.shared.integration import CannotIntegrate, Integration, delete
from fishvoice.adapters.shared.plugin_files import folder

PYTHON = "3.13"  # NVDA 2026.1: CPython 3.13 on 64 bits
PLATFORM = "win_amd64"
LIBRARIES = ("msgpack", "msgspec", "platformdirs", "pyzmq")
PLACE = "synthDrivers/fishvoice/lib"
SUFFIX = ".nvda-addon"


def build(out: Path, wheels: Path) -> None:
    """Write ``out`` with the libraries of the wheels in ``wheels``. Raises CannotIntegrate."""
    source = folder("nvda")
    contents = dict(_libraries(wheels))
    for path in sorted(Path(fishvoice.__file__).parent.rglob("*.py")):
        inside = path.relative_to(Path(fishvoice.__file__).parent).as_posix()
        if not inside.startswith(("editors/", "nvda/")):
            contents[f"{PLACE}/fishvoice/{inside}"] = path.read_bytes()
    manifest = (source / "manifest.ini").read_text(encoding="utf-8")
    contents["manifest.ini"] = manifest.replace("{version}", version("fishvoice")).encode()
    contents["doc/en/readme.html"] = (source / "readme.html").read_bytes()
    driver = source / "synthDrivers" / "fishvoice" / "__init__.py"
    contents["synthDrivers/fishvoice/__init__.py"] = driver.read_bytes()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            for name in sorted(contents):
                file.writestr(zipfile.ZipInfo(name), contents[name], zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise CannotIntegrate(f"cannot write {out}: {error.strerror}") from error


def fetch(wheels: Path) -> None:
    """Let pip put NVDA's libraries into ``wheels``. Raises CannotIntegrate."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", PYTHON, "--platform", PLATFORM, "--dest", str(wheels)]
    done = subprocess.run([*command, *LIBRARIES], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().rpartition("\n")[2]
        raise CannotIntegrate(f"pip cannot fetch {', '.join(LIBRARIES)} for Windows: {said}")


def main(argv: Sequence[str]) -> int:
    """``python -m fishvoice.adapters.nvda.package OUT.nvda-addon``."""
    parser = argparse.ArgumentParser(prog="nvda_build", description="Build the NVDA add-on.")
    parser.add_argument("out", type=Path, metavar=f"OUT{SUFFIX}")
    parser.add_argument(
        "--wheels", type=Path, help=f"a folder with wheels for {PLATFORM}, Python {PYTHON}; else pip fetches them"
    )
    options = parser.parse_args(argv)
    try:
        _build(options.out, options.wheels)
    except CannotIntegrate as error:
        sys.stderr.write(f"nvda_build: {error}\n")
        return 1
    return 0


def _build(out: Path, wheels: Path | None) -> None:
    if wheels is not None:
        return build(out, wheels)
    with tempfile.TemporaryDirectory() as fetched:
        fetch(Path(fetched))
        return build(out, Path(fetched))


def _libraries(wheels: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the newest wheel of each library. Raises CannotIntegrate for a missing one or a foreign one."""
    for library in LIBRARIES:
        found = sorted(wheels.glob(f"{library}-*.whl"))
        if not found:
            raise CannotIntegrate(f"there is no wheel of {library} in {wheels}")
        wheel = found[-1]
        if not wheel.stem.endswith((PLATFORM, "-any")):
            raise CannotIntegrate(f"{wheel.name} is not for {PLATFORM}: NVDA cannot load it")
        with zipfile.ZipFile(wheel) as file:
            for name in file.namelist():
                if not name.endswith("/") and "/tests/" not in name:
                    yield f"{PLACE}/{name}", file.read(name)


def _file() -> Path:
    from fishvoice import paths

    return paths.data_dir() / f"fishvoice-{version('fishvoice')}{SUFFIX}"


def _state() -> str:
    if _file().exists():
        return "built"
    return "can be built" if sys.platform == "win32" else "can be built, for a Windows computer"


def _install() -> list[str]:
    _build(_file(), None)
    return [
        f"wrote {_file()}",
        "open it on the computer where NVDA runs, which has the daemon: pip install 'fishvoice[daemon]'",
        "this add-on is untested on Windows: keep another synthesizer at hand (NVDA+Control+S)",
    ]


def _remove() -> list[str]:
    gone = delete(_file())
    return [f"removed {_file()}" if gone else "it was not built", "NVDA's own copy goes in its add-on store"]


NVDA = Integration("nvda", "NVDA speaks with fishvoice (untested on Windows)", _state, _install, _remove)

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
