#!/bin/sh
# From a fresh clone to passed tests: environment, lint, types, suite. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" -m venv .venv
. .venv/bin/activate
pip install -q --disable-pip-version-check -e '.[test]'
# Upstream's packages are the oracle of the parity tests; their own requirements (CUDA, PortAudio) are not needed.
pip install -q --disable-pip-version-check --no-deps fish-speech==0.1.0 descript-audio-codec==1.0.0
ruff check .
mypy
pytest -q "$@"
