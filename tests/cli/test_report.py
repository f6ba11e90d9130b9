"""The plotted report."""

from __future__ import annotations

import builtins
from pathlib import Path

import pytest

from fishvoiced.cli.report import ReportError, write_report
from fishvoiced.monitor.history import HistoryPoint
from fishvoiced.monitor.throttle import Phase

HOUR = [
    HistoryPoint(
        1.8e9 + 60 * i, Phase.WARM if i > 40 else Phase.NORMAL, 4, 50 + i / 2, None, 1.0, 0.5 if i else None, i % 3
    )
    for i in range(60)
]


def test_png(tmp_path: Path) -> None:
    out = tmp_path / "report.png"
    write_report(HOUR, out)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_html_says_it_in_words_too(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(HOUR, out)
    text = out.read_text("utf-8")
    assert "50 to 80 °C, median 65 °C" in text
    assert "normal 68%, warm 32%" in text
    assert "not measured" in text
    assert "data:image/png;base64," in text


@pytest.mark.parametrize(
    ("points", "name", "message"),
    [
        (HOUR, "report.pdf", "a .png or an .html file"),
        ([], "report.png", "no history yet"),
        (HOUR, "no/such/folder/report.png", "cannot be written"),
    ],
)
def test_what_cannot_be_reported(tmp_path: Path, points: list[HistoryPoint], name: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        write_report(points, tmp_path / name)


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ReportError, match=r"fishvoice\[report\]"):
        write_report(HOUR, tmp_path / "report.png")
