"""What several adapters' tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.endpoint import serving


@pytest.fixture
def address() -> Iterator[str]:
    with serving() as where:
        yield where
