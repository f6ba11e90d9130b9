"""The live view, rendered from a status mapping."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fishvoiced.cli.top import TopView, render_top, sparkline

STATUS: dict[str, object] = {
    "model": "s1-mini",
    "precision": "int4",
    "rtf": 0.553,
    "first_audio_seconds": {"p50": 0.181, "p99": 0.4},
    "queue": {"waiting": 3, "active": 1, "limit": 8},
    "uptime_seconds": 754.0,
    "memory": {"rss_bytes": 1288490188},
    "thermal": {
        "phase": "throttled",
        "reasons": ["throttled 50% of the time"],
        "threads": 2,
        "temperature": 92.4,
        "power": 14.26,
        "throughput": 0.71,
        "temperatures": [50, 60, 92.4],
        "rtfs": [0.4, 0.5],
    },
    "unknown field of a newer daemon": object(),
}


def drawn(view: TopView) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(render_top(view))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_everything_is_shown() -> None:
    text = drawn(TopView.from_status(STATUS))
    for shown in (
        *("s1-mini int4", "throttled", "throttled 50% of the time", "92 °C", "14.3 W", "71% of normal"),
        *("0.55", "0.181 s", "3 waiting, 1 active", "1229 MiB", "12.6 min", "▁▂█"),
    ):
        assert shown in text


def test_what_is_missing_is_a_dash_not_a_zero() -> None:
    text = drawn(TopView.from_status({}))
    assert "0" not in text
    assert "unknown" in text


def test_sparkline() -> None:
    assert sparkline([]) == ""
    assert sparkline([5, 5, 5]) == "▁▁▁"
    assert sparkline(range(8)) == "▁▂▃▄▅▆▇█"
    assert len(sparkline(range(1000))) == 40


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


NAMES = st.sampled_from([*STATUS, "phase", "reasons", "temperature", "temperatures", "waiting", "p50"])


@given(st.dictionaries(NAMES, ANYTHING | st.dictionaries(NAMES, ANYTHING)))
def test_any_status_is_shown(status: dict[str, object]) -> None:
    assert "fishvoice" in drawn(TopView.from_status(status))
